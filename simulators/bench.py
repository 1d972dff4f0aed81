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

SERIAL = ("board", "fingerprint", "printer", "tablet")


class Bench:
    """All devices of one world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._folder = folder
        self.devices: dict[str, SimDevice] = {name: build(name, world, self._link(name)) for name in MODULES}
        self._control = Control(world, self.devices)

    def _link(self, name: str) -> Path | str:
        return self._folder / "dev" / name if name in SERIAL else "127.0.0.1:0"

    async def start(self) -> dict[str, Any]:
        """Start everything; returns name -> port path or host:port, and `control`."""
        (self._folder / "dev").mkdir(parents=True, exist_ok=True)
        for device in self.devices.values():
            await device.start()
        control = await self._control.start()
        addresses = {name: getattr(device, "address", str(self._link(name))) for name, device in self.devices.items()}
        return {**addresses, "control": control}

    async def stop(self) -> None:
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
