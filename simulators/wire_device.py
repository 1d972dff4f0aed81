"""What every simulated device with a serial port shares: start, stop, faults on the wire and in the model."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any

from simulators.faults import PLUG_FAULTS, WIRE_FAULTS, Active, WireFaults
from simulators.plug import Plug
from simulators.pty_port import PtyPort
from simulators.world import World, check_faults


class WireDevice:
    """Base of a device behind a `PtyPort`. A subclass implements `receive` and may look into `active` for faults of its model."""

    def __init__(self, world: World, link: Path | str, faults: Collection[str], known: Mapping[str, str], *, baud: int, strict_baud: bool = False) -> None:
        check_faults(known, faults)
        self.world = world
        self.known = known
        self.active = Active(faults)
        self.played = self.active.played
        self.wire = WireFaults(world.rng(f"wire/{Path(link).name}"), self.active & set(WIRE_FAULTS), self.played)
        self.port = PtyPort(Path(link), self.receive, baud=baud, faults=self.wire, strict_baud=strict_baud, clock=world.clock)
        self._plug = Plug(self.port.unplug, self._push, world.clock, self.played)
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, data: bytes) -> None:
        """Bytes from the client, in pieces of any size."""
        raise NotImplementedError

    def plugged_in(self) -> None:
        """The device has just got power."""

    async def live(self) -> None:
        """What the device does besides answering; ends with it."""

    async def start(self) -> None:
        await self._plug.begin(self.active)
        self._background(self.live())

    async def stop(self) -> None:
        """Also tells of a device whose model failed. Raises what it raised."""
        await self._plug.end()
        await end_tasks(self._tasks)
        await self.port.close()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(self.known, [name])
        self.active.turn(name, on)
        if name in PLUG_FAULTS:
            self._plug.act(name, on)
        elif name in WIRE_FAULTS:
            self.wire.set(name, on)
            if not on:
                self.port.discard()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work, name=type(self).__name__))

    async def _push(self) -> None:
        if not self.port.plugged:
            await self.port.replug()
            self.plugged_in()


async def end_tasks(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel all and wait. Raises the first error that one of them had."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome
