"""Each fault of the signature tablet, on both faces: what the caller gets, and that the next signature is whole."""

import asyncio
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices.interfaces import PenSample, SignatureSeries
from edge.devices.tablet import EvdevTablet, SerialTablet, make_tablet
from edge.errors import DeviceError
from simulators import tablet
from simulators.world import digest_series
from station_config.schema import Tablet
from tests.faults.serial_bench import Bench, Scene, bench
from tests.waiting import pause, until

ENDS: dict[str, str] = {
    "drop": "damaged",
    "mute": "nothing",
    "split": "whole",
    "merge": "whole",
    "corrupt": "damaged",
    "stray": "damaged",
    "stall": "nothing",
    "late": "nothing",
    "truncate": "damaged",
    "unplug": "gone",
    "replug": "gone",
    "refuse": "whole",
    "hover-only": "nothing",
    "no-pressure": "whole",
    "freeze": "broken off",
    "reset-middle": "broken off",
}
"""fault -> the series is whole, broken off in a stroke, has nothing (or the little that came in time), is refused as damaged, or the tablet is gone"""

EVDEV_ENDS = {"unplug": "gone", "replug": "gone", "hover-only": "nothing", "no-pressure": "whole", "freeze": "broken off", "dropped": "damaged"}


def played(tmp_path: Path, scene: Scene, kind: str) -> None:
    config = Tablet(port=str(tmp_path / "tablet0"), kind=kind)

    async def run() -> None:
        async with bench(lambda world: tablet.build(world, tmp_path / "tablet0", kind=kind), lambda: make_tablet("tablet", config, SystemClock())) as stage:
            await scene(stage)

    asyncio.run(run())


class Page:
    """Draws the samples as they come, like the operator page."""

    def __init__(self, device: SerialTablet | EvdevTablet) -> None:
        self.drawn: list[PenSample] = []
        self.task = asyncio.create_task(self._draw(device))
        self._stable = (0, 0)

    async def _draw(self, device: SerialTablet | EvdevTablet) -> None:
        async for sample in device.strokes():
            assert not self.drawn or sample.t_us >= self.drawn[-1].t_us
            self.drawn.append(sample)

    def rests(self) -> bool:
        """True when ten looks in a row saw nothing new."""
        count, looks = self._stable
        self._stable = (count, looks + 1) if count == len(self.drawn) else (len(self.drawn), 0)
        return self._stable[1] >= 10


async def sign(stage: Bench, fault_in_the_middle: str = "", rest_s: float = 0.0) -> SignatureSeries:
    """The whole capture in one use, as the session does it; rest_s: how long the pen is then waited for."""

    async def capture(device: SerialTablet | EvdevTablet) -> SignatureSeries:
        await device.begin()
        stage.world.desk.signing = True
        page = Page(device)
        if fault_in_the_middle:
            await until(lambda: len(page.drawn) > 20, "some strokes")
            stage.sim.set_fault(fault_in_the_middle, True)
        await until(lambda: not stage.world.desk.signing or page.task.done(), "the signature")
        await until(page.rests, "the last strokes")
        await pause(rest_s)
        try:
            return await device.finish()
        finally:
            await asyncio.gather(page.task, return_exceptions=True)

    series: SignatureSeries = await stage.presence.use(capture, 15)
    return series


def series_digest(series: SignatureSeries) -> str:
    return digest_series((sample.x, sample.y, sample.pressure, sample.tip) for sample in series.samples)


async def check(stage: Bench, fault: str, end: str) -> None:
    if end == "gone":
        with pytest.raises(DeviceError) as caught:
            await sign(stage, fault)
        assert caught.value.code == "port_absent"
        stage.world.desk.signing = False
    elif end in ("damaged", "broken off"):
        stage.sim.set_fault(fault, True)
        with pytest.raises(DeviceError) as caught:
            await sign(stage, rest_s=0.4 if end == "broken off" else 0.0)
        assert caught.value.code in ("reports_lost", "bad_answer")
    else:
        stage.sim.set_fault(fault, True)
        check_series(stage, await sign(stage), end)
    await stage.healed(fault)
    check_series(stage, await sign(stage), "whole")


def check_series(stage: Bench, series: SignatureSeries, end: str) -> None:
    if end == "nothing":
        assert series.samples == ()
    else:
        assert (series.x_max, series.y_max, series.units_mm) == (10_000, 3_750, 100)
        assert series_digest(series) == stage.world.served.of(0)[-1]["digests"][-1]
        assert len(series.samples) == 67


def test_every_fault_has_its_line() -> None:
    assert set(ENDS) | {"wrong-size"} == set(tablet.SERIAL_FAULTS)
    assert set(EVDEV_ENDS) == set(tablet.EVDEV_FAULTS)


@pytest.mark.parametrize("fault", ENDS)
def test_serial_tablet(fault: str, tmp_path: Path) -> None:
    played(tmp_path, lambda stage: check(stage, fault, ENDS[fault]), "isdv4")


@pytest.mark.parametrize("fault", EVDEV_ENDS)
def test_linux_pen(fault: str, tmp_path: Path) -> None:
    played(tmp_path, lambda stage: check(stage, fault, EVDEV_ENDS[fault]), "evdev")


def test_reports_beyond_the_range_that_the_tablet_told_are_damage(tmp_path: Path) -> None:
    """It tells its range when it is opened."""
    async def scene(stage: Bench) -> None:
        await reopened(stage, "wrong-size")
        with pytest.raises(DeviceError) as caught:
            await sign(stage)
        assert caught.value.code == "bad_answer"
        assert caught.value.values["x_max"] == 2500
        stage.world.desk.signing = False
        await stage.healed("wrong-size")
        check_series(stage, await sign(stage), "whole")

    played(tmp_path, scene, "isdv4")


async def reopened(stage: Bench, fault: str) -> None:
    stage.sim.set_fault(fault, True)
    stage.sim.set_fault("unplug", True)
    with pytest.raises(DeviceError):
        await stage.presence.use(lambda device: device.health(), 3)
    stage.sim.set_fault("unplug", False)
    assert await stage.presence.when_ready(10)


def test_query_that_is_not_answered_makes_the_tablet_absent(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.sim.set_fault("refuse", True)
        with pytest.raises(DeviceError) as caught:
            await stage.presence.use(lambda device: device.health(), 3)
        assert caught.value.code == "device_silent"
        await stage.healed("refuse")

    played(tmp_path, scene, "isdv4")
