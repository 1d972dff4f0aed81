"""A simulated serial device with the station's driver and presence around it, for the fault tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.clock import SystemClock
from edge.devices.interfaces import Device
from edge.devices.presence import Limits, Presence, PresenceChange
from simulators.world import Pixels, SimDevice, World

QUIET = Limits(health_every_s=60, first_retry_s=0.02, longest_retry_s=0.2)
"""no health checks, so that each fault meets the exchange under test"""


class GradientImages:
    """Fingers that cost nothing to make: the fault tests judge bytes, not ridges."""

    def finger(self, person: object, position: int, condition: str = "normal") -> Pixels:
        rows, columns = np.mgrid[0:288, 0:256]
        return ((rows * 3 + columns * position) % 256).astype(np.uint8)

    def signature(self, person: object) -> list[tuple[int, int, int, int, bool]]:
        return [(5 * step, 1000 + 20 * step, 900 + 7 * step, 100 + step, 2 < step < 70) for step in range(80)]


@dataclass
class Bench:
    world: World
    sim: Any
    presence: Presence[Any]
    changes: list[PresenceChange]

    async def healed(self, fault: str) -> None:
        """The fault goes away; the device must come back by itself."""
        self.sim.set_fault(fault, False)
        assert await self.presence.when_ready(20), f"not ready again after {fault}: {self.presence.state} {self.presence.code}"


Scene = Callable[[Bench], Coroutine[Any, Any, None]]


@asynccontextmanager
async def bench(build: Callable[[World], SimDevice], make: Callable[[], Device]) -> AsyncIterator[Bench]:
    world = World(1)
    world.images = GradientImages()  # type: ignore[assignment]
    sim = build(world)
    changes: list[PresenceChange] = []
    presence = Presence("device", make, SystemClock(), changes.append, limits=QUIET)
    await sim.start()
    task = asyncio.create_task(presence.run())
    try:
        assert await presence.when_ready(10), f"{presence.state} {presence.error}"
        yield Bench(world, sim, presence, changes)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sim.stop()
