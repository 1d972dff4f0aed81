"""Live pictures: what they show of the person reaches the page, at a rate that costs little, and never after the person has gone."""

from pathlib import Path

import pytest

from edge.enrolment import events as ev
from edge.enrolment.opinion import Opinion
from edge.enrolment.procedure import Target
from edge.errors import DeviceAbsent
from tests.unit.enrolment.desk import finish, log_in, run, running, to_step
from tests.waiting import pause, until

DARK = Opinion(passed=False, reason="face_dark", fix="face_dark_fix")
UNKNOWN = Opinion(passed=True, reason="face_no_detector", quality={"judged": 0})


def test_the_page_is_told_what_the_live_picture_lacks(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.judge.live = DARK
            await log_in(bench)
            await to_step(bench, "face")
            assert bench.session.snapshot()["live"] is None
            assert (await bench.session.preview("camera")).startswith(b"\xff\xd8")
            await until(lambda: bench.session.snapshot()["live"], "the hint")
            assert bench.session.snapshot()["live"] == {"source": "camera", "id": "face_dark", "fix": "face_dark_fix", "good": False}
            bench.judge.live = Opinion(passed=True)
            while bench.session.snapshot()["live"]["id"] != "live_good":
                await bench.session.preview("camera")
            await bench.session.post(ev.Capture())
            assert bench.session.snapshot()["live"] is None

    run(work())


@pytest.mark.parametrize("gone", ["unplugged", "no detector"])
def test_a_picture_that_tells_nothing_takes_the_hint_away(tmp_path: Path, gone: str) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.judge.live = DARK
            await log_in(bench)
            await to_step(bench, "face")
            await bench.session.preview("camera")
            await until(lambda: bench.session.snapshot()["live"], "the hint")
            if gone == "unplugged":
                bench.presences["camera"].unplug()
                with pytest.raises(DeviceAbsent):
                    await bench.session.preview("camera")
                await until(lambda: bench.session.snapshot()["live"] is None, "no hint")
            bench.judge.live = UNKNOWN
            while bench.session.snapshot()["live"] is not None:
                await bench.session.preview("camera")

    run(work())


def test_pictures_are_looked_at_a_few_times_a_second_only(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, clock=Still()) as bench:
            await log_in(bench)
            await to_step(bench, "face")
            for _ in range(30):
                await bench.session.preview("camera")
            await until(lambda: bench.judge.aimed, "a look")
            assert bench.judge.aimed == [Target("face")]

    run(work())


def test_an_eye_is_lit_once_a_second_however_often_the_page_asks(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, clock=Still(), fitted=("iris",)) as bench:
            await log_in(bench)
            await to_step(bench, "irises")
            pictures = [await bench.session.preview("iris") for _ in range(20)]
            assert bench.bodies.eye_looks == 1
            assert len(set(pictures)) == 1
            bench.session._clock.now_s += 1.1
            await bench.session.preview("iris")
            assert bench.bodies.eye_looks == 2

    run(work())


def test_where_it_is_automatic_a_good_picture_is_taken_without_a_touch(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, automatic=True) as bench:
            await log_in(bench)
            await to_step(bench, "face")
            while bench.session.snapshot()["step"] == "face":
                await bench.session.preview("camera")
            assert ("face", 0) in bench.bodies.taken
            await finish(bench)

    run(work())


def test_nothing_is_looked_at_when_nobody_sits_there_or_something_else_is_due(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await bench.session.preview("camera")
            await log_in(bench)
            await to_step(bench, "signature")
            await bench.session.preview("camera")
            await bench.session.preview("iris")
            await to_step(bench, "slip")
            await finish(bench)
            assert bench.judge.aimed == []

    run(work())


class Still:
    """A clock that a test moves; waits of the procedure take no time."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return 1_790_000_000.0

    def trust(self) -> str:
        return "rtc"

    async def sleep_s(self, seconds: float) -> None:
        await pause(0.001)
