"""What power learns from the screen: who is called, how long a person takes, and who does not count."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from edge.clock import SystemClock
from edge.devices.interfaces import Ups, UpsReading
from edge.devices.presence import Presence
from edge.devices.ups import reading_of
from edge.following import Follower
from edge.power.manager import Lines, PowerManager
from edge.power.picture import HostView
from edge.power.watch import FittedUps
from station_config.schema import Power

BASE: dict[str, Any] = {"phase": "idle", "step": None, "activity": None, "saved": False, "targets": [], "notices": []}
IDLE, BEGUN = BASE, {**BASE, "phase": "enrolling", "step": "letter"}
RECORDED = {**BEGUN, "step": "slip", "saved": True}
STOPPING = {**BASE, "phase": "stopping", "step": "fingers"}


class HandClock(SystemClock):
    now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s


class Told:
    """A UPS of 100 W on mains with a load that the test sets."""

    def __init__(self, watts: list[float]) -> None:
        self._watts = watts

    async def use(self, *_: object) -> UpsReading:
        return reading_of({"ups.status": "OL", "ups.load": str(self._watts[0]), "ups.realpower.nominal": "100"})


def follow(*shown: tuple[float, dict[str, Any]]) -> PowerManager:
    clock = HandClock()
    manager = PowerManager([], None, None, clock, Power(queue_a_day=10), lambda *_: None, lambda _: None)
    manager.watch.waiting.today(manager._wall().day)

    async def snapshots() -> AsyncIterator[dict[str, Any]]:
        for at_s, snapshot in shown:
            clock.now_s = at_s
            yield snapshot

    asyncio.run(Follower(manager, None, {}, lambda _: None, clock).run(snapshots()))
    return manager


def people(manager: PowerManager) -> int:
    return sum(day.people for day in manager.watch.report.days.values())


def test_a_person_is_called_timed_and_counted() -> None:
    manager = follow((0, IDLE), (10, BEGUN), (200, RECORDED), (210, IDLE))
    assert people(manager) == 1
    assert manager.watch.waiting.people == 9
    assert manager.watch.work.person_s == 0.8 * 240 + 0.2 * 200


def test_the_draw_while_sending_is_learnt_apart() -> None:
    async def poll(sends: list[bool], watts: list[float]) -> PowerManager:
        clock = HandClock()
        ups = cast(Presence[Ups], Told(watts))
        manager = PowerManager(
            [(FittedUps("rekam"), ups)], None, None, clock, Power(), lambda *_: None, lambda _: None, lines=Lines(sending=lambda: sends[0], host=HostView),
        )
        for sends[0], watts[0] in [(False, 70.0)] * 300 + [(True, 90.0)] * 300:
            clock.now_s += 2
            await manager.poll()
        return manager

    draws = asyncio.run(poll([False], [0.0])).watch.draw.by_activity
    assert draws == {"idle": pytest.approx(70, abs=1), "send": pytest.approx(90, abs=1)}


def test_whoever_was_not_recorded_does_not_count() -> None:
    manager = follow((0, IDLE), (10, BEGUN), (30, IDLE))
    assert people(manager) == 0
    assert manager.watch.work.people == 0


def test_an_enrolment_found_at_the_start_counts_but_its_time_is_unknown() -> None:
    manager = follow((0, BEGUN), (20, RECORDED), (25, IDLE))
    assert people(manager) == 1
    assert manager.watch.work.people == 0
    assert manager.watch.waiting.people == 10, "called in another life"


def test_a_stop_of_the_station_sends_nobody_home() -> None:
    assert people(follow((0, IDLE), (5, BEGUN), (100, {**STOPPING, "saved": True}))) == 0
