"""Presence under any order of plugs, faults, hangs and uses: every use ends in time, only the transitions of the table happen, a healed device is
ready within the longest retry, and the device beside it never notices."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.devices.interfaces import Identity
from edge.devices.presence import NEXT, Presence, PresenceChange
from edge.devices.retries import Limits
from edge.errors import DeviceAbsent, DeviceError, DeviceProtocolError, DeviceRefused
from edge.links.worker import run_blocking
from tests.unit.enrolment.fakes import FastClock
from tests.waiting import pause

SPEED = 50.0
"""of the presence's clock: a second of its limits takes 20 ms"""
LIMITS = Limits(open_s=1, health_s=1, health_every_s=2, close_s=0.5, let_go_s=0.5, first_retry_s=0.2, longest_retry_s=1, cycle_after=3, first_cycle_s=1)
USE_S = 1.0
WORST_S = LIMITS.open_s + LIMITS.close_s + LIMITS.let_go_s * 3 + USE_S
"""of its clock: what one use can last behind an opening that hangs, counted generously"""
SLACK_S = 1.5
"""of the wall: a busy machine"""
STATES = {state for state, _ in NEXT}
FAULTS = ("well", "absent", "garbled", "hangs", "deaf", "blocked", "broken")


class World:
    """One device, and what is wrong with it."""

    def __init__(self) -> None:
        self.fault = "well"
        self.released = asyncio.Event()
        self.unblocked = threading.Event()
        self.opened_s: list[float] = []

    def turn(self, fault: str) -> None:
        """Whatever hung before comes to its end now and then; new calls meet the new fault."""
        self.fault = fault
        self.released.set()
        self.unblocked.set()
        self.released, self.unblocked = asyncio.Event(), threading.Event()


class Driver:
    """Meets the fault of the moment at each call."""

    name = "thing"

    def __init__(self, world: World, now_s: Callable[[], float]) -> None:
        self._world, self._now_s = world, now_s

    async def open(self) -> Identity:
        self._world.opened_s.append(self._now_s())
        await self.health()
        return Identity("Maker", "Model")

    async def close(self) -> None:
        if self._world.fault in ("hangs", "deaf"):
            await self.health()

    def wire(self) -> str:
        return "> 2a < ff"

    async def health(self) -> None:
        world = self._world
        if world.fault == "absent":
            raise DeviceAbsent("port_absent", self.name, "gone", "Plug it in.")
        if world.fault == "garbled":
            raise DeviceProtocolError("bad_answer", self.name, "noise", "Check the cable.")
        if world.fault == "broken":
            raise KeyError("what no driver should raise")
        if world.fault == "blocked":
            unblocked = world.unblocked
            await run_blocking("stuck library", lambda: unblocked.wait(30), 30)
        released = world.released
        while world.fault in ("hangs", "deaf") and not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                if world.fault != "deaf":
                    raise

    async def answer(self, refuses: bool) -> int:
        await self.health()
        if refuses:
            raise DeviceRefused("paper_out", self.name, "no paper", "Put paper in.")
        return 42


class Bench:
    """Two devices side by side; only the first ever fails."""

    def __init__(self) -> None:
        self.clock = FastClock(SPEED)
        self.world, self.well = World(), World()
        self.changes: list[PresenceChange] = []
        self.cycles = 0
        now_s, told = self.clock.monotonic_s, self.changes.append
        self.first = Presence("thing", lambda: Driver(self.world, now_s), self.clock, told, power_cycle=self._cycle, limits=LIMITS)
        self.second = Presence("beside", lambda: Driver(self.well, now_s), self.clock, lambda change: None, limits=LIMITS)

    async def _cycle(self) -> None:
        self.cycles += 1

    async def use(self, refuses: bool = False) -> None:
        """Ends in time, whatever is wrong, with an answer or a DeviceError."""
        async with asyncio.timeout(WORST_S / SPEED + SLACK_S):
            with suppress(DeviceError):
                assert await self.first.use(lambda driver: driver.answer(refuses), USE_S) == 42

    async def beside(self) -> None:
        async with asyncio.timeout(SLACK_S):
            assert await self.second.use(lambda driver: driver.answer(refuses=False), USE_S) == 42

    async def step(self, act: str) -> None:
        if act in FAULTS:
            self.world.turn(act)
        elif act == "nudge":
            self.first.nudge()
        elif act == "wait":
            await pause(1.5 / SPEED)
        else:
            await self.use(refuses=act == "refused")
        await self.beside()

    async def heals(self) -> None:
        self.world.turn("well")
        async with asyncio.timeout(SLACK_S * 2 + 4 * (WORST_S + LIMITS.longest_retry_s) / SPEED):
            while not await self.first.when_ready(60):
                pass
            while True:
                try:
                    assert await self.first.use(lambda driver: driver.answer(refuses=False), USE_S) == 42
                except DeviceError:
                    await pause(0.1 / SPEED)  # what hung when it healed is still being let go
                else:
                    return

    def check(self) -> None:
        seen = ["absent", *(change.state for change in self.changes)]
        for before, after in itertools.pairwise(seen):
            assert any(NEXT.get((before, happened)) == after for happened in ("try", "opened", "gone", "failed", "use", "done", "close")), (before, after)


ACTS = st.lists(st.sampled_from((*FAULTS, "use", "use", "refused", "nudge", "wait")), max_size=14)


@given(ACTS)
@settings(max_examples=25, deadline=None)
def test_every_use_ends_and_the_neighbour_never_notices(acts: list[str]) -> None:
    async def run() -> None:
        bench = Bench()
        tasks = [asyncio.create_task(presence.run()) for presence in (bench.first, bench.second)]
        try:
            assert await bench.second.when_ready(60)
            assert await bench.first.when_ready(60)
            for act in acts:
                await bench.step(act)
            await bench.heals()
        finally:
            bench.world.turn("well")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert {change.state for change in bench.changes} <= STATES
        bench.check()

    asyncio.run(run())


def test_retries_grow_to_their_cap_and_stay_there() -> None:
    """Times of the openings, on the presence's clock: pauses double from the first and never pass the longest."""

    async def run() -> list[float]:
        bench = Bench()
        bench.world.turn("absent")
        task = asyncio.create_task(bench.first.run())
        while len(bench.world.opened_s) < 8:
            await pause(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert bench.cycles >= 2, "its supply was tried too"
        return bench.world.opened_s

    opened = asyncio.run(run())
    pauses = [after - before for before, after in itertools.pairwise(opened)]
    expected = [min(LIMITS.first_retry_s * 2**step, LIMITS.longest_retry_s) for step in range(len(pauses))]
    assert all(waited >= wanted * 0.99 for waited, wanted in zip(pauses, expected, strict=True)), pauses
    assert pauses[0] < LIMITS.longest_retry_s, "the first one comes soon"
