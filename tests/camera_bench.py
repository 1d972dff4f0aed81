"""The simulated cameras behind the picamera2 stand-in, and a light that pulses like the board's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.errors import DeviceError
from simulators import camera as camera_bench
from simulators import iris_camera as iris_bench
from simulators.world import World

STANDINS = Path(__file__).resolve().parents[1] / "simulators" / "standins"
PULSE_S, GAP_S = 0.019, 0.108


@asynccontextmanager
async def cameras(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[camera_bench.CameraServer, iris_bench.IrisCameraServer]]:
    servers = camera_bench.build(world, "127.0.0.1:0"), iris_bench.build(world, "127.0.0.1:0")
    for server in servers:
        await server.start()
    monkeypatch.syspath_prepend(str(STANDINS))
    monkeypatch.setenv("REKAM_CAMERAS", ",".join(server.address for server in servers))
    try:
        yield servers
    finally:
        for server in servers:
            await server.stop()


class Light:
    """An illuminator that pulses like the board's: 19 ms in every 127 ms of the lease."""

    def __init__(self, world: World, error: DeviceError | None = None) -> None:
        self.world = world
        self.error = error
        self.leases: list[int] = []
        self._task: asyncio.Task[None] | None = None

    async def light(self, duration_ms: int) -> int:
        if self.error is not None:
            raise self.error
        self.leases.append(duration_ms)
        self._task = asyncio.create_task(self._pulse(duration_ms))
        return duration_ms

    async def dark(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _pulse(self, duration_ms: int) -> None:
        left_ms = duration_ms
        try:
            while left_ms > 0:
                self.world.illuminator_on = True
                await self.world.clock.sleep_s(PULSE_S)
                self.world.illuminator_on = False
                await self.world.clock.sleep_s(GAP_S)
                left_ms -= 127
        finally:
            self.world.illuminator_on = False


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(bounded())
