"""The whole bench in one process: the world, every device on its wire, the control channel.

`folder/dev/NAME` are the serial ports; `addresses` tells the TCP ones. Not responsible for the station: that is another process,
which cannot tell these wires from real ones.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from simulators.control import Control
from simulators.registry import MODULES, build
from simulators.world import SimDevice, World

REHEARSE_EVERY_S = 0.3
SERIAL = ("board", "fingerprint", "printer", "tablet")


class Bench:
    """All devices of one world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._rehearsal: asyncio.Task[None] | None = None
        self.devices: dict[str, SimDevice] = {name: build(name, world, self._link(name)) for name in MODULES}
        self._control = Control(world, self.devices)

    def _link(self, name: str) -> Path | str:
        return self._folder / "dev" / name if name in SERIAL else "127.0.0.1:0"

    async def start(self) -> dict[str, Any]:
        """Start everything; returns name -> port path or host:port, and `control`."""
        (self._folder / "dev").mkdir(parents=True, exist_ok=True)
        for device in self.devices.values():
            await device.start()
        if self._world.people:
            await asyncio.to_thread(self._world.images.prepare, self._world.people[0])
        self._rehearsal = asyncio.create_task(self._rehearse())
        control = await self._control.start()
        addresses = {name: getattr(device, "address", str(self._link(name))) for name, device in self.devices.items()}
        return {**addresses, "control": control}

    async def _rehearse(self) -> None:
        """The next person's pictures are made beside the loop, before a device asks for them: inventing a body takes a second or two."""
        for person in self._world.people[1:]:
            while self._world.desk.person is not None and self._world.desk.person.number + 1 < person.number:
                await self._world.clock.sleep_s(REHEARSE_EVERY_S)
            await asyncio.to_thread(self._world.images.prepare, person)

    async def stop(self) -> None:
        if self._rehearsal is not None:
            self._rehearsal.cancel()
            await asyncio.gather(self._rehearsal, return_exceptions=True)
        await self._control.stop()
        for device in self.devices.values():
            await device.stop()


async def serve(world: World, folder: Path, stop: asyncio.Event) -> None:
    """Run until `stop`; `folder/bench.json` appears, whole, once every wire is ready."""
    bench = Bench(world, folder)
    addresses = await bench.start()
    notes = {name: how for name, device in bench.devices.items() if (how := getattr(device, "runner", ""))}
    ready = folder / "bench.json.part"
    ready.write_text(json.dumps({"addresses": addresses, "notes": notes}), encoding="utf-8")
    ready.replace(folder / "bench.json")
    try:
        await stop.wait()
    finally:
        await bench.stop()
