"""Whole enrolments with an operator who loses no time, and the live picture: part of `./rekam bench capture`.

The demo's programs on loopback. The device limit is what the world's devices needed by their own physics (`served.sensor_s`: exposure,
wire at its baud rate, pen on glass, paper), each one after the other as one person's body allows; judging, sealing and committing should
hide behind it. The person called first warms the station up and is not counted.
"""

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import websockets

from simulators.control import ControlClient
from tools.auto_operator import AutoOperator, Snapshot, StationAway, StationPage
from tools.demo_site import DemoSite, make_demo_site
from tools.demo_stage import Stage
from tools.usage import cpu_s, peak_rss_mb

PEOPLE = 4
FASTEST_BAUD = 921_600
"""of the demo's station: the least time to hide other work behind"""
PREVIEW_S = 5.0
PREVIEW_FPS = 15
STEP_WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class StepTime:
    """One step of one enrolment."""

    step: str
    seconds: float
    device_s: float


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person, from the call to the stamped letter."""

    seconds: float
    device_s: float
    cpu_s: float
    steps: tuple[StepTime, ...]

    @property
    def ratio(self) -> float:
        return self.seconds / self.device_s


@dataclass(frozen=True, slots=True)
class Preview:
    """The live picture as a page pulls it, at `asked_fps` (0: as fast as it comes)."""

    asked_fps: int
    fps: float
    core_share: float
    picture_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    enrolments: tuple[Enrolment, ...]
    previews: tuple[Preview, ...]
    peak_mb: float
    """largest resident set of the station"""

    @property
    def middle(self) -> Enrolment:
        """The enrolment with the middle ratio."""
        return sorted(self.enrolments, key=lambda one: one.ratio)[len(self.enrolments) // 2]


@dataclass
class Stopwatch:
    """Follows the screen beside the operator and reads the world's and the station's meters whenever the step changes."""

    stage: Stage
    page: StationPage
    control: ControlClient
    done: list[Enrolment] = field(default_factory=list)
    _marks: list[tuple[str, float, float, float]] = field(default_factory=list)

    async def run(self) -> None:
        try:
            while True:
                await self._mark(await self.page.next_state(STEP_WAIT_S))
        except StationAway:
            return
        finally:
            await self.page.close()
            await self.control.close()

    async def _mark(self, snapshot: Snapshot) -> None:
        now_s, step = time.monotonic(), snapshot["step"] if snapshot["phase"] == "enrolling" else ""
        if step == (self._marks[-1][0] if self._marks else ""):
            return
        device_s = float((await self.control.ask("served", person=0))["sensor_s"])
        self._marks.append((step, now_s, device_s, cpu_s(self.stage.station.pid)))
        if not step:
            self.done.append(_enrolment(self._marks))
            self._marks = []


def _enrolment(marks: list[tuple[str, float, float, float]]) -> Enrolment:
    first, last = marks[0], marks[-1]
    steps = tuple(StepTime(step, after[1] - at_s, after[2] - device_s) for (step, at_s, device_s, _), after in pairwise(marks))
    return Enrolment(last[1] - first[1], last[2] - first[2], last[3] - first[3], steps)


async def measure(people: int = PEOPLE, seed: int = 1, fastest_baud: int = FASTEST_BAUD) -> Figures:
    """Start everything, record `people` with the fingerprint sensor at that speed, look at the live picture, stop everything."""
    with tempfile.TemporaryDirectory(prefix="rekam-bench-") as name:
        stage = Stage(Path(name), seed, people + 1)
        try:
            await stage.start_world()
            site = make_demo_site(Path(name), stage.addresses, await stage.people(), stage.broker.port)
            settings = site.station_config.read_text(encoding="utf-8")
            site.station_config.write_text(settings.replace(f"fastest_baud = {FASTEST_BAUD}", f"fastest_baud = {fastest_baud}"), encoding="utf-8")
            await stage.start_programs(site)
            watch = Stopwatch(stage, _page(site), ControlClient(stage.addresses["control"]))
            following = asyncio.create_task(watch.run())
            await AutoOperator(_page(site), stage.control, site.operator, site.pin).record_all()
            previews = await _previews(stage, site)
            peak_mb = peak_rss_mb(stage.station.pid)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        finally:
            await stage.stop()
    return Figures(tuple(watch.done[1:]), previews, peak_mb)


def _page(site: DemoSite) -> StationPage:
    return StationPage("127.0.0.1", site.station_port)


async def _previews(stage: Stage, site: DemoSite) -> tuple[Preview, ...]:
    """Somebody sits down once more: the live picture is shown only then."""
    page = _page(site)
    await stage.control.ask("sit", person=0)
    await stage.control.ask("look", at="camera")
    await page.post("next_person", ticket=1)
    return tuple([await _preview(stage.station.pid, site.station_port, fps) for fps in (PREVIEW_FPS, 0)])


async def _preview(pid: int, port: int, fps: int) -> Preview:
    sizes: list[int] = []
    async with websockets.connect(f"ws://127.0.0.1:{port}/api/preview?source=camera", origin=None, proxy=None) as socket:
        began_s, began_cpu_s = time.monotonic(), cpu_s(pid)
        while (passed_s := time.monotonic() - began_s) < PREVIEW_S:
            await asyncio.sleep(max(0.0, len(sizes) / fps - passed_s) if fps else 0)
            await socket.send("next")
            picture = await socket.recv()
            assert isinstance(picture, bytes), picture
            sizes.append(len(picture))
        spent_s = cpu_s(pid) - began_cpu_s
    return Preview(fps, len(sizes) / passed_s, spent_s / passed_s, round(statistics.mean(sizes)))
