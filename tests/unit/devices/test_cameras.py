"""Face camera and iris module through the picamera2 stand-in, against the simulated sensors."""

import sys
from pathlib import Path

import numpy as np
import pytest

from edge.clock import SystemClock
from edge.devices.camera import PicameraCamera
from edge.devices.iris import PicameraIris
from edge.errors import DeviceAbsent, DeviceError, DeviceRefused
from edge.quality import iris
from simulators.world import World, digest
from station_config.schema import Camera, Iris
from tests.camera_bench import Light, cameras, run


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=3, people=2)


def test_still_is_what_the_sensor_handed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            person = world.sit(0)
            world.desk.looking_at = "camera"
            clock = SystemClock()
            device = PicameraCamera("camera", Camera(), clock)
            identity = await device.open()
            before_s = clock.monotonic_s()
            frame = await device.still()
            await device.close()
            assert identity.model == "imx708"
            assert frame.pixels.shape == (800, 600, 3)
            assert frame.metadata["began_s"] >= before_s
            assert frame.metadata["ExposureTime"] > 0
            assert digest(frame.pixels) in world.served.digests[person.number, "face", 0]

    run(scene)


def test_preview_is_small_and_not_recorded_as_a_capture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            person = world.sit(1)
            world.desk.looking_at = "camera"
            device = PicameraCamera("camera", Camera(), SystemClock())
            await device.open()
            small, still = await device.preview(), await device.still()
            await device.close()
            assert small.pixels.shape == (640, 480, 3)
            assert abs(float(small.pixels.mean()) - float(still.pixels.mean())) < 6
            assert len(world.served.digests[person.number, "face", 0]) == 1

    run(scene)


def test_iris_is_exposed_under_the_borrowed_light(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            person = world.sit(0)
            world.desk.looking_at = "iris"
            light = Light(world)
            device = PicameraIris("iris", Iris(), light, SystemClock())
            await device.open()
            world.desk.eye = 1
            right = await device.capture(1)
            world.desk.eye = 2
            left = await device.capture(2)
            await device.close()
            assert light.leases
            assert right.pixels.shape == left.pixels.shape == (480, 640)
            assert min(right.metadata["brightness"], left.metadata["brightness"]) >= 100
            assert digest(right.pixels) in world.served.digests[person.number, "iris", 1]
            assert digest(left.pixels) in world.served.digests[person.number, "iris", 2]

    run(scene)


def test_an_eye_is_aimed_at_by_one_pulse_a_look_and_that_is_no_capture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            person = world.sit(1)
            world.desk.looking_at, world.desk.eye = "iris", 1
            light = Light(world)
            device = PicameraIris("iris", Iris(), light, SystemClock())
            await device.open()
            seen = [await device.preview() for _ in range(3)]
            light.error = DeviceRefused("light_limit", "board", "burst limit", "Wait 20 s.")
            dark = await device.preview()
            await device.close()
            assert light.leases == [100] * 3
            lit = [frame for frame in seen if frame.metadata["light_ms"]]  # a busy machine lets a pulse pass between two frames, and says so
            assert lit
            assert all(iris.assess(frame).passed for frame in lit)
            assert (dark.metadata["light_ms"], dark.metadata["brightness"] < 20) == (0, True)
            assert (person.number, "iris", 1) not in world.served.digests

    run(scene)


def test_what_was_exposed_beside_the_light_is_not_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A station so busy that the light is off again before its first frame: no dark eye, a picture to be taken again."""

    async def scene() -> None:
        async with cameras(world, monkeypatch):
            person = world.sit(0)
            world.desk.looking_at, world.desk.eye = "iris", 1
            light = Light(world)
            device = PicameraIris("iris", Iris(light_ms=100), light, SystemClock())
            await device.open()
            light.late_s = 0.11
            aimed = await device.preview()
            with pytest.raises(DeviceRefused, match="while the light shone") as caught:
                await device.capture(1)
            light.late_s = 0.0
            eye = await device.capture(1)
            await device.close()
            assert aimed.metadata["light_ms"] == 0
            assert caught.value.code == "light_missed"
            assert iris.assess(eye).passed
            assert digest(eye.pixels) in world.served.digests[person.number, "iris", 1]

    run(scene)


def test_iris_without_light_is_dark(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(Light):
        """It says that it shines."""

        async def _pulse(self) -> None:
            return

    async def scene() -> None:
        async with cameras(world, monkeypatch):
            world.sit(0)
            world.desk.looking_at = "iris"
            device = PicameraIris("iris", Iris(), Dead(world), SystemClock())
            await device.open()
            frame = await device.capture(1)
            await device.close()
            assert frame.metadata["brightness"] < 20

    run(scene)


@pytest.mark.parametrize("error", [
    DeviceRefused("light_limit", "board", "burst limit", "Wait 20 s."),
    DeviceAbsent("port_absent", "board", "no port", "Plug it in."),
])
def test_a_board_that_gives_no_light_is_no_fault_of_the_camera(world: World, monkeypatch: pytest.MonkeyPatch, error: DeviceError) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            device = PicameraIris("iris", Iris(), Light(world, error), SystemClock())
            await device.open()
            with pytest.raises(DeviceRefused) as caught:
                await device.capture(1)
            await device.close()
            assert caught.value.code in {"light_limit", "light_unavailable"}

    run(scene)


@pytest.mark.parametrize(("focus", "sweeps"), [("continuous", 0), ("sweep", 2), ("fixed", 0)])
def test_focus(world: World, monkeypatch: pytest.MonkeyPatch, focus: str, sweeps: int) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch) as (server, _):
            device = PicameraCamera("camera", Camera(focus=focus, exposure_us=4000, gain=2.0, colour_gains=(1.5, 1.7)), SystemClock())
            await device.open()
            frames = [await device.still() for _ in range(2)]
            await device.close()
            assert server.sweeps == sweeps
            kept = frames[0].metadata
            assert (kept["ExposureTime"], kept["AnalogueGain"], kept["RedGain"], kept["BlueGain"]) == (4000, 2, 1.5, 1.7)

    run(scene)


def test_no_camera_at_that_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            with pytest.raises(DeviceAbsent) as caught:
                await PicameraCamera("camera", Camera(index=5), SystemClock()).open()
            assert caught.value.code == "camera_absent"

    run(scene)


BROKEN = {
    "import": "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')",
    "start": "class Picamera2:\n    def __init__(self, index):\n        raise AttributeError('numpy.dtype size changed')",
}
"""what a system library built for another numpy does, or one that lacks something"""


@pytest.mark.parametrize("where", BROKEN)
def test_a_camera_library_that_breaks_is_a_missing_camera(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picamera2.py").write_text(BROKEN[where])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)

    async def scene() -> None:
        with pytest.raises(DeviceAbsent, match=r"numpy\.dtype size changed") as caught:
            await PicameraCamera("camera", Camera(), SystemClock()).open()
        assert caught.value.code == "camera_absent"

    try:
        run(scene)
    finally:
        sys.modules.pop("picamera2", None)


def test_frames_differ_and_nobody_means_an_empty_chair(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with cameras(world, monkeypatch):
            world.sit(0)
            world.desk.looking_at = "camera"
            device = PicameraCamera("camera", Camera(), SystemClock())
            await device.open()
            first, second = await device.still(), await device.still()
            world.desk.looking_at = None
            empty = await device.still()
            await device.close()
            assert not np.array_equal(first.pixels, second.pixels)
            assert empty.pixels.std() < 10

    run(scene)
