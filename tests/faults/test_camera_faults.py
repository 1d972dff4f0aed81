"""One test a fault of the two cameras: what the operator is told, and that the camera is back without a keystroke."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.devices.camera import PicameraCamera
from edge.devices.interfaces import Frame
from edge.devices.iris import PicameraIris
from edge.devices.presence import Presence
from edge.devices.retries import Limits
from edge.errors import DeviceError
from edge.quality import face, iris
from simulators import camera as camera_bench
from simulators.world import World
from station_config.schema import Camera, Iris
from tests.camera_bench import Light, cameras, run

QUIET = Limits(health_every_s=60, first_retry_s=0.02, longest_retry_s=0.2)
TEXTS = tomllib.loads((Path(__file__).resolve().parents[2] / "station_config" / "id.toml").read_text(encoding="utf-8"))
CAPTURE_S = 10.0
EXCHANGE = {
    "stall": "camera_silent", "late": "camera_silent", "unplug": "camera_absent", "replug": "camera_absent", "refuse": "camera_absent",
    "reset-middle": "camera_absent", "old-frame": "frame_old", "wrong-size": "frame_wrong_size",
}
"""fault on the wire -> the code that the operator's text hangs on"""
FACE = {"black-frames": "face_dark", "dirty-lens": "face_blurred", "over-exposed": "face_bright"}
IRIS = {"black-frames": "iris_dark", "dirty-lens": "iris_blurred", "over-exposed": "iris_bright"}
"""fault of the picture -> reason of the verdict"""


@pytest.fixture(scope="module")
def world() -> World:
    """Its resident's pictures are made before a camera waits for them."""
    made = World(seed=5, people=1)
    made.images.prepare(made.people[0])
    return made


class Desk:
    """One resident before both cameras, each kept usable by its presence."""

    def __init__(self, world: World, servers: dict[str, camera_bench.CameraServer]) -> None:
        clock = SystemClock()
        self.world, self.servers = world, servers
        self.presences: dict[str, Presence[Any]] = {
            "camera": Presence("camera", lambda: PicameraCamera("camera", Camera(), clock), clock, lambda _: None, limits=QUIET),
            "iris": Presence("iris", lambda: PicameraIris("iris", Iris(), Light(world), clock), clock, lambda _: None, limits=QUIET),
        }

    async def take(self, name: str) -> Frame:
        self.world.desk.looking_at = name
        frame: Frame = await self.presences[name].use(lambda device: device.still() if name == "camera" else device.capture(1), CAPTURE_S)
        return frame


@asynccontextmanager
async def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with cameras(world, monkeypatch) as servers:
        world.sit(0)
        made = Desk(world, dict(zip(("camera", "iris"), servers, strict=True)))
        tasks = [asyncio.create_task(presence.run()) for presence in made.presences.values()]
        try:
            for presence in made.presences.values():
                assert await presence.when_ready(10), presence.error
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_every_fault_is_tested() -> None:
    assert set(camera_bench.FAULTS) == set(EXCHANGE) | set(FACE) == set(EXCHANGE) | set(IRIS)


@pytest.mark.parametrize("name", ["camera", "iris"])
@pytest.mark.parametrize("fault", EXCHANGE)
def test_wire(world: World, monkeypatch: pytest.MonkeyPatch, fault: str, name: str) -> None:
    async def scene() -> None:
        async with desk(world, monkeypatch) as at:
            at.servers[name].set_fault(fault, True)
            with pytest.raises(DeviceError) as caught:
                await at.take(name)
            assert caught.value.code == EXCHANGE[fault]
            assert caught.value.code in TEXTS
            assert caught.value.device == name
            other = "iris" if name == "camera" else "camera"
            assert (await at.take(other)).pixels.any()
            at.servers[name].set_fault(fault, False)
            assert await at.presences[name].when_ready(20), at.presences[name].error
            assert (await at.take(name)).pixels.any()

    run(scene)


@pytest.mark.parametrize(("name", "fault", "reason"), [
    *(("camera", fault, reason) for fault, reason in FACE.items()), *(("iris", fault, reason) for fault, reason in IRIS.items()),
])
def test_picture(world: World, monkeypatch: pytest.MonkeyPatch, name: str, fault: str, reason: str) -> None:
    assess = face.assess if name == "camera" else iris.assess

    async def scene() -> None:
        async with desk(world, monkeypatch) as at:
            at.servers[name].set_fault(fault, True)
            verdict = assess(await at.take(name))
            assert (verdict.passed, verdict.reason) == (False, reason)
            assert TEXTS[verdict.fix or ""]
            at.servers[name].set_fault(fault, False)
            assert assess(await at.take(name)).passed

    run(scene)
