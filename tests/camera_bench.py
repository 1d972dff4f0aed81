"""The simulated cameras behind the picamera2 stand-in, and a light that pulses like the board's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.devices.interfaces import Pulse
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
    """An illuminator that pulses like the board's: 19 ms in every 127 ms of the lease, from the instant that was asked for."""

    def __init__(self, world: World, error: DeviceError | None = None) -> None:
        self.world = world
        self.error = error
        self.leases: list[int] = []
        self.late_s = 0.0
        """what a busy station loses between the board's answer and the next frame"""
        self._promised: tuple[Pulse, ...] = ()
        self._task: asyncio.Task[None] | None = None

    async def light(self, duration_ms: int, at_s: float | None = None) -> int:
        if self.error is not None:
            raise self.error
        self.leases.append(duration_ms)
        now_s = self.world.clock.now_s()
        first_s = now_s if at_s is None else at_s
        count = 1 + int((duration_ms / 1000 - (first_s - now_s) - PULSE_S) / (PULSE_S + GAP_S))
        begins_s = [first_s + number * (PULSE_S + GAP_S) for number in range(count)]
        self._promised = tuple(Pulse(begin_s, begin_s + PULSE_S) for begin_s in begins_s)
        self._task = asyncio.create_task(self._pulse())
        await self.world.clock.sleep_s(self.late_s)
        return duration_ms

    def pulses(self) -> tuple[Pulse, ...]:
        return self._promised

    async def dark(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _pulse(self) -> None:
        try:
            for pulse in self._promised:
                await self.world.clock.sleep_s(max(0.0, pulse.begin_s - self.world.clock.now_s()))
                self.world.illuminator_on = True
                await self.world.clock.sleep_s(max(0.0, pulse.end_s - self.world.clock.now_s()))
                self.world.illuminator_on = False
        finally:
            self.world.illuminator_on = False


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(bounded())
