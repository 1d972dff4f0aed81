"""The small tasks beside the procedure: what is forgotten and when, the sign of life, what waits for the store, who may log in."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge.beat import BUTTON, Beat
from edge.clock import random_bytes
from edge.errors import DeviceTimeout, StoreFull
from edge.login import Login
from edge.store.errands import ERRANDS_MAX, StoreErrands
from edge.store.retention import DAY_S, EVERY_S, Retention
from protocols.canonical import FormatError
from protocols.roster import ROSTER_BYTES_MAX, Hardness, Operator, seal_roster
from protocols.sealing import SealingError
from tests.records import new_signer


class LastTurn(Exception):
    """Ends a task that goes on for ever."""


@dataclass
class Turns:
    """A clock that ends the task after some of its pauses."""

    left: int
    wall: float = 1_800_000_000.0
    trusted: str = "rtc"
    slept: list[float] = field(default_factory=list)

    def monotonic_s(self) -> float:
        return 0.0

    def wall_s(self) -> float:
        return self.wall

    def trust(self) -> str:
        return self.trusted

    async def sleep_s(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self.left:
            raise LastTurn


class PurgingWorker:
    """Has so many payloads that are old enough; its card may fail."""

    def __init__(self, old: int, error: Exception | None = None) -> None:
        self.old, self.error, self.asked = old, error, list[int]()

    async def call(self, _method: object, before_s: int) -> int:
        self.asked.append(before_s)
        if self.error is not None:
            raise self.error
        self.old -= 1
        return int(self.old >= 0)


def purge(worker: Any, clock: Turns) -> None:
    with pytest.raises(LastTurn):
        asyncio.run(Retention(worker, clock, lambda: 30.0).run())


def test_payloads_are_forgotten_by_the_hour_until_none_is_old_enough() -> None:
    worker, clock = PurgingWorker(old=2), Turns(left=2)
    purge(worker, clock)
    assert worker.asked == [1_800_000_000 - 30 * DAY_S] * 4, "two and the end, then once more after an hour"
    assert clock.slept == [EVERY_S, EVERY_S]


def test_nothing_is_forgotten_while_nobody_knows_the_date() -> None:
    worker = PurgingWorker(old=2)
    purge(worker, Turns(left=3, trusted="none"))
    assert worker.asked == []


def test_a_card_that_fails_ends_no_task() -> None:
    worker, clock = PurgingWorker(2, StoreFull("store_full", "no room", "Send first.")), Turns(left=2)
    purge(worker, clock)
    assert len(worker.asked) == 2


class Fitted:
    """A device behind its presence."""

    def __init__(self, state: str, error: Exception | None = None) -> None:
        self.state, self.error, self.beats, self.pressed = state, error, 0, True

    async def use(self, action: Any, deadline_s: float) -> Any:
        if self.error is not None:
            raise self.error
        return await action(self)

    async def heartbeat(self) -> None:
        self.beats += 1

    def read(self, line: str) -> bool:
        assert line == BUTTON
        return self.pressed


def beat(board: Any, gpio: Any, wired: bool = True, healthy: bool = True) -> Beat:
    task = Beat(board, gpio, wired, lambda: healthy, Turns(left=2))
    with pytest.raises(LastTurn):
        asyncio.run(task.run())
    return task


@pytest.mark.parametrize(("state", "healthy", "beats"), [("ready", True, 2), ("ready", False, 0), ("absent", True, 0)])
def test_only_a_healthy_station_tells_the_board_that_it_lives(state: str, healthy: bool, beats: int) -> None:
    board = Fitted(state)
    beat(board, None, healthy=healthy)
    assert board.beats == beats


@pytest.mark.parametrize(("gpio", "wired", "pressed"), [
    (Fitted("ready"), True, True), (Fitted("ready"), False, False), (Fitted("absent"), True, False), (None, True, False),
])
def test_the_power_button_counts_where_one_is_wired(gpio: Fitted | None, wired: bool, pressed: bool) -> None:
    assert beat(None, gpio, wired).button is pressed


def test_a_board_and_pins_that_fail_end_no_task() -> None:
    trouble = DeviceTimeout("timeout", "board", "no answer", "Wait.")
    assert not beat(Fitted("ready", trouble), Fitted("ready", trouble)).button


def test_errands_are_written_in_order_and_one_that_fails_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def full() -> None:
        raise StoreFull("store_full", "no room", "Send first.")

    class Worker:
        async def run(self, work: Any) -> None:
            work()

    async def walk() -> None:
        worker: Any = Worker()
        errands = StoreErrands(worker, lambda: done.append("told"))
        for errand in (lambda: done.append("a"), full, lambda: done.append("b")):
            errands.later(errand)
        task = asyncio.create_task(errands.run())
        await errands.all_written()
        task.cancel()
        for _ in range(ERRANDS_MAX + 1):
            errands.later(full)

    with caplog.at_level(logging.WARNING):
        asyncio.run(walk())
    assert done == ["a", "told", "told", "b", "told"]
    assert [record.message for record in caplog.records] == ["could not be kept: no room. Send first.", "too many events at once, one is left out"]


def test_without_a_roster_anybody_logs_in_under_a_pseudonym_of_their_own() -> None:
    login = Login(None, "s-1", lambda _: None)
    ani, budi = login.open("ani", ""), login.open("budi", "")
    assert (ani.operator.name, ani.rows) == ("ani", ())
    assert ani.operator.pseudonym == login.open("ani", "9").operator.pseudonym != budi.operator.pseudonym
    assert Login(None, "s-2", lambda _: None).open("ani", "").operator.pseudonym != ani.operator.pseudonym


def test_a_new_roster_holds_from_the_next_log_in(tmp_path: Path) -> None:
    roster, district = tmp_path / "roster", new_signer()
    login = Login(roster, "s-1", lambda kid: district.public_key if kid == district.kid else None)
    for name in ("ani", "budi"):
        who = Operator(login=name, name=name.title(), pseudonym=name.encode())
        roster.write_bytes(seal_roster([], [(who, "123456")], 0, district, random_bytes, Hardness(iterations=1, lanes=1, memory_kib=64)))
        assert login.open(name, "123456").operator == who
    with pytest.raises(SealingError):
        login.open("ani", "123456")


@pytest.mark.parametrize("content", [None, b"", b"\xd2\x84", bytes(ROSTER_BYTES_MAX + 5)])
def test_a_roster_that_is_not_there_torn_or_huge_opens_for_nobody_and_breaks_nothing(tmp_path: Path, content: bytes | None) -> None:
    roster = tmp_path / "roster"
    if content is not None:
        roster.write_bytes(content)
    with pytest.raises((SealingError, FormatError)):
        Login(roster, "s-1", lambda _: None).open("ani", "123456")
