"""One enrolment with one device that is real down to its wire, the others in memory; what the operator reads on the way is written down.

The operator here does what a patient one would: follows the screen, waits a moment for a device that the screen calls broken, tries again once,
then takes the way round that the screen offers.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.clock import SystemClock
from edge.devices.presence import Presence, PresenceChange
from edge.devices.retries import Limits
from edge.enrolment import events as ev
from edge.enrolment.hooks import Hooks
from edge.enrolment.opinion import Opinion
from edge.enrolment.procedure import Target
from edge.enrolment.session import Session
from edge.enrolment.slip import SlipMaker
from edge.errors import RefusedEvent
from station_config.load import load_texts
from tests.unit.enrolment.desk import manifest, running
from tests.unit.enrolment.fakes import PIN, DeskBench, FakeJudge, FastClock
from tests.waiting import until

TEXTS = load_texts()["id"]
QUICK = Limits(first_retry_s=0.02, longest_retry_s=0.2, health_every_s=60)
"""no health checks, so that each fault meets the exchange of the enrolment"""
TRIES = 2
KEPT_FINGERS = (2, 7)
"""the other eight are hurt, to save time"""
KINDS = {"camera": ("face",), "fingerprint": ("finger",), "tablet": ("signature",), "iris": ("iris",), "board": ("iris",)}
WAY_ROUND_S = 25.0
PATIENCE_S = 3.0
"""for a plug that is put in again, a board that starts again"""
SIGNING_S = 2.5
"""a signature of the bench takes 0.4 s; shorter than a wire's stall of 4 s"""
CAME_BACK = "came back"


@dataclass
class Outcome:
    """What came of one enrolment."""

    told: list[str] = field(default_factory=list)
    """message ids in the order in which the operator met them"""
    taken: set[tuple[str, int]] = field(default_factory=set)
    excused: dict[tuple[str, int], str] = field(default_factory=dict)
    printed: bool = False
    codes: set[str] = field(default_factory=set)
    """why the device was not ready, as the register and the district learn it"""
    wires: dict[str, str] = field(default_factory=dict)
    """code -> the last bytes on the wire"""
    traces: set[str] = field(default_factory=set)
    """what is left of the fault where nobody is told: on the wire as the driver saw it, in the register, in the record"""
    played: Counter[str] = field(default_factory=Counter)
    """how often the simulator's faults made a difference"""


@dataclass
class Room:
    """What stands around the session in one case."""

    real: dict[str, Presence[Any]] = field(default_factory=dict)
    """devices of the procedure"""
    shown: tuple[Presence[Any], ...] = ()
    """devices that the page only shows"""
    hooks: Hooks = field(default_factory=Hooks)
    judged: str = ""
    """kind that the real judge looks at"""
    speed: float = 1000.0
    """of the procedure's clock; drivers and wires keep real time"""
    body: Callable[[dict[str, Any]], None] = lambda seen: None
    """follows the screen with hands and eyes"""
    make_slip: SlipMaker | None = None
    follow: Callable[[Session], Awaitable[None]] | None = None
    """lamps and buzzer, as a task beside the session"""
    from_start: bool = False
    """the fault is there before the device is opened for the first time"""
    spoilt: bool = True
    """False: the same case without its fault"""
    awaits: frozenset[str] = frozenset()
    """codes or message ids, of which one must be known before somebody is recorded: for what is only asked, or decided, now and then"""
    played: Counter[str] = field(default_factory=Counter)
    traces: Callable[[], Iterable[str]] = tuple
    """asked at the end of the enrolment"""
    changes: list[PresenceChange] = field(default_factory=list)

    def devices(self) -> tuple[Presence[Any], ...]:
        """All that are real."""
        return (*self.real.values(), *self.shown)


Spoil = Callable[[], Awaitable[None]]
"""brings the fault about"""
Stage = Callable[[Path, str], AbstractAsyncContextManager[tuple[Room, Spoil]]]
"""folder of its wires, fault"""


@asynccontextmanager
async def running_devices(*devices: Any) -> AsyncIterator[None]:
    """Simulators, from start to stop."""
    for device in devices:
        await device.start()
    try:
        yield
    finally:
        for device in devices:
            await device.stop()


def presence(room: Room, name: str, make: Callable[[], Any], limits: Limits = QUICK) -> Presence[Any]:
    """A device that reports to this room."""
    return Presence(name, make, SystemClock(), room.changes.append, limits=limits)


class OneKind(FakeJudge):
    """The real judge for one kind; the others pass."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self._real: Any = None
        if kind:
            from edge.enrolment.judging import Judge
            from edge.quality.limits import DEFAULTS

            self._real = Judge(DEFAULTS)

    def judge(self, target: Target, subject: Any, birth_year: int | None) -> Opinion:
        return self._real.judge(target, subject, birth_year) if target.kind == self._kind else super().judge(target, subject, birth_year)


@asynccontextmanager
async def kept(room: Room, spoil: Spoil) -> AsyncIterator[None]:
    """All devices of the room: ready, and then the fault comes."""
    if room.from_start:
        await spoil()
    tasks = [asyncio.create_task(each.run(), name=each.name) for each in room.devices()]
    try:
        await until(lambda: all(each.state == "ready" or (room.from_start and each.code) for each in room.devices()), "the devices to be ready")
        if not room.from_start:
            await spoil()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def enrol(folder: Path, room: Room, spoil: Spoil) -> Outcome:
    """Somebody comes; `spoil` turns the fault on when all devices are ready; the enrolment must reach its end."""
    outcome = Outcome()
    async with kept(room, spoil):
        options = {"clock": FastClock(room.speed), "judge": OneKind(room.judged), "hooks": room.hooks, "make_slip": room.make_slip}
        async with running(folder, real=room.real, others=room.shown, **options) as bench:
            beside = [asyncio.ensure_future(_read(bench, outcome)), *([asyncio.ensure_future(room.follow(bench.session))] if room.follow else [])]
            operator = Operator(bench, room)
            await operator.record()
            outcome.codes = {change.code for change in room.changes if change.code}
            outcome.wires = {change.error.code: str(change.error.values.get("wire", "")) for change in room.changes if change.error}
            outcome.traces = {*room.traces(), *came_back(room.changes)}
            outcome.played = Counter(room.played)
            bench.session.end()
            await asyncio.gather(*beside)
            outcome.printed = operator.printed
            found = await manifest(bench)
    outcome.taken = {(part.kind, part.position) for part in found.parts}
    outcome.excused = {(mark.kind, mark.position): mark.reason for mark in found.exceptions}
    return outcome


def came_back(changes: Sequence[PresenceChange]) -> set[str]:
    """Whether a device was lost and made ready again by itself."""
    lost = next((number for number, change in enumerate(changes) if change.code), len(changes))
    return {CAME_BACK for change in changes[lost:] if change.state == "ready" and change.name == changes[lost].name}


async def _read(bench: DeskBench, outcome: Outcome) -> None:
    """Everything that stands on the screen, once each."""
    async for seen in bench.session.changes():
        verdict, power = seen["verdict"], seen["power"]
        ids = [verdict["reason"], verdict["fix"]] if verdict else []
        ids += [f"notice_{notice['id']}" if f"notice_{notice['id']}" in TEXTS else notice["id"] for notice in seen["notices"]]
        ids += [power["sentence"]["id"], *(notice["id"] for notice in power["notices"])] if power else []
        outcome.told += [one for one in ids if one and one not in outcome.told]


class Operator:
    """Follows the screen."""

    def __init__(self, bench: DeskBench, room: Room) -> None:
        self.printed = False
        self._bench, self._room = bench, room
        self._failed: dict[tuple[str, int], int] = {}
        self._begun_s = 0.0

    async def record(self) -> None:
        """From the log-in to the next person."""
        began = False
        while (seen := self._bench.session.snapshot())["phase"] != "idle" or not began:
            began = began or seen["phase"] == "enrolling"
            self._room.body(seen)
            event = self._choose(seen)
            if self._is_again(seen):
                await self._until_whole()
            if event is not None:
                with suppress(RefusedEvent):  # the screen has moved on: look again
                    await self._bench.session.post(event)
            await self._watch(seen)

    def _is_again(self, seen: dict[str, Any]) -> bool:
        """What comes next has failed before."""
        target = seen["target"]
        return self._failed.get(("slip", 0), 0) > 1 if seen["step"] == "slip" else bool(target) and (target["kind"], target["position"]) in self._failed

    async def _until_whole(self) -> None:
        """Until no device is broken any more, or for as long as the patience lasts."""
        with suppress(AssertionError):
            await until(lambda: all(each.state in ("ready", "busy") for each in self._room.devices()), "the devices", PATIENCE_S)

    async def _watch(self, seen: dict[str, Any]) -> None:
        """Until the screen changes. While the pen should write and does not, the operator ends it."""
        signing = seen["activity"] == "capturing" and seen["step"] == "signature"
        try:
            await until(lambda: self._bench.changed(seen), f"something at {seen['step']}: {seen}", SIGNING_S if signing else WAY_ROUND_S)
        except AssertionError:
            if not signing:
                raise
            await self._bench.session.post(ev.DoneSigning())

    def _choose(self, seen: dict[str, Any]) -> ev.OperatorEvent | None:
        if seen["activity"] is not None and seen["primary"] != "done_signing":
            return None
        if seen["step"] == "fingers" and (hurt := self._hurt(seen)) is not None:
            return ev.Exclude(kind="finger", position=hurt, reason="injured")
        if seen["step"] == "slip":
            return self._at_the_slip(seen)
        return self._way_round(seen) or self._follow(seen)

    def _hurt(self, seen: dict[str, Any]) -> int | None:
        open_ones = [target["position"] for target in seen["targets"] if target["kind"] == "finger" and target["state"] in ("todo", "now")]
        return next((position for position in open_ones if position not in KEPT_FINGERS), None)

    def _at_the_slip(self, seen: dict[str, Any]) -> ev.OperatorEvent | None:
        """Once, once more, and then the person goes home without paper."""
        if seen["primary"] == "finish":
            self.printed = True
            return ev.Finish()
        if seen["primary"] != "print_slip":
            return None
        return ev.PrintSlip() if self._again(("slip", 0)) <= TRIES else ev.Finish()

    def _way_round(self, seen: dict[str, Any]) -> ev.OperatorEvent | None:
        """What the screen offers when a thing has failed often enough."""
        if not seen["verdict"] or not seen["target"] or seen["primary"] != "capture":
            return None
        target = seen["target"]
        if self._again((target["kind"], target["position"])) < TRIES:
            return None
        if "use_best" in seen["actions"]:
            return ev.UseBest(reason="other")
        reason = "device_unavailable" if seen["verdict"]["device"] else "other"
        return ev.Exclude(kind=target["kind"], position=target["position"], reason=reason)

    def _again(self, what: tuple[str, int]) -> int:
        self._failed[what] = self._failed.get(what, 0) + 1
        return self._failed[what]

    def _follow(self, seen: dict[str, Any]) -> ev.OperatorEvent | None:
        events: dict[str, ev.OperatorEvent] = {
            "log_in": ev.LogIn(operator="ani", pin=PIN), "next_person": ev.NextPerson(ticket=7), "letter": ev.Letter(number="sp-1001"),
            "confirm_data": ev.ConfirmData(), "capture": ev.Capture(), "confirm_review": ev.ConfirmReview(),
        }
        return events.get(seen["primary"] or "")
