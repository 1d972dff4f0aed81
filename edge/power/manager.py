"""The power manager: asks the devices once a poll, lets `PowerWatch` decide, and carries its acts out.

A device that does not answer is a reading that is missing, never a reason to stop asking the others. Commands to the genset go by
Modbus; where that is not fitted or silent and the two wires reach it, by the board's leased contact. Not responsible for keeping
devices open (`Presence`) nor for what happens at a stop (`stopping.py`).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from edge.clock import Clock, local_day_minute
from edge.devices.interfaces import Board, BoardStatus, Genset, GensetReading, Ups, UpsReading
from edge.devices.presence import Presence
from edge.errors import DeviceError, DeviceRefused
from edge.power.host import read_host
from edge.power.page import power_page
from edge.power.picture import HostView, PowerPicture, Source
from edge.power.report import day_event, to_csv
from edge.power.screen import Dimmer
from edge.power.supply import Readings, Wall
from edge.power.watch import Act, FittedUps, PowerWatch
from station_config.schema import Power

log = logging.getLogger(__name__)
T = TypeVar("T")

UPS_DEADLINE_S = 4.0
GENSET_DEADLINE_S = 8.0
"""five blocks at a second each and a retry"""
BOARD_DEADLINE_S = 2.0

Notify = Callable[[str, dict[str, Any]], None]
"""ledger and page: event code and small values without personal data"""


@dataclass(frozen=True, slots=True)
class Lines:
    """What the manager needs of the world outside its devices; each has a harmless default."""

    save: Callable[[bytes], None] = lambda _: None
    """keep these bytes over a restart"""
    seen: Callable[[float], None] = lambda _: None
    """keep this wall time: the station was alive"""
    button: Callable[[], bool] = lambda: False
    """is the power button pressed"""
    host: Callable[[], HostView] = read_host
    sending: Callable[[], bool] = lambda: False
    """do records go up the line"""
    progress: Callable[[], None] = lambda: None
    """called once a finished poll, for the watchdog"""
    changed: Callable[[], None] = lambda: None
    """source, state or genset are other ones than a poll ago: the district should hear of it"""


class PowerManager:
    """Runs as one task."""

    def __init__(
        self,
        upses: Sequence[tuple[FittedUps, Presence[Ups]]],
        genset: Presence[Genset] | None,
        board: Presence[Board] | None,
        clock: Clock,
        power: Power,
        notify: Notify,
        stop: Callable[[str], None],
        *,
        lines: Lines = Lines(),
        boot: str = "",
        memory: bytes | None = None,
        seen_s: float | None = None,
    ) -> None:
        """stop: has the orderly stop begun, given the reason (message id), while the polls go on; boot, memory, seen_s: see PowerWatch."""
        self._upses = {fitted.name: presence for fitted, presence in upses}
        self._genset = genset
        self._board = board
        self._clock = clock
        self._power = power
        self._notify = notify
        self._stop = stop
        self._lines = lines
        self._contact = False
        self._screen, self._lamp = Dimmer("screen", power.screen_command), Dimmer("lamp", power.lamp_command)
        by_contact = board is not None and power.genset.by_contact
        self.watch = PowerWatch(
            [fitted for fitted, _ in upses], power, genset=genset is not None or by_contact, board=board is not None, boot=boot, memory=memory, seen_s=seen_s,
        )

    def picture(self) -> PowerPicture:
        return self.watch.picture

    def report(self) -> dict[str, Any]:
        """What the power page shows (JSON)."""
        return power_page(self.watch, self._wall().day)

    def csv(self, by: str) -> str:
        """The power report by `day` or `month`, oldest first."""
        report = self.watch.report
        return to_csv(report.months() if by == "month" else [report.days[name] for name in sorted(report.days)])

    def activity(self, name: str) -> None:
        """idle, preview, capture or print: whose draw is being learnt; send is what an idle station does whose records go up."""
        self.watch.activity = name

    def person_done(self, seconds: float | None) -> None:
        """A record was made; seconds at the desk, None where a cut lay between."""
        self.watch.person_done(seconds, self._wall().day)

    def people_wait(self, people: int) -> None:
        """The operator has counted who still waits."""
        self.watch.waiting.tell(people, self._wall().day)

    def person_called(self) -> None:
        """One of them has come to the desk."""
        self.watch.person_called(self._wall().day)

    def genset_by_hand(self, what: str) -> None:
        """start, stop, acknowledge or serviced."""
        self.watch.genset_by_hand(what)

    def genset_refusal(self, what: str) -> str:
        """Message id of why that cannot be done by hand now; empty when it can."""
        return "" if self.watch.genset is None else self.watch.genset.refusal(what)

    def ask_stop(self, why: str) -> None:
        self.watch.ask_stop(why)

    async def mains_back(self) -> None:
        """Until the mains have been there long enough to be believed."""
        while self.watch.supply.mains_steady_s(self._clock.monotonic_s()) < max(1.0, self._power.mains_stable_s):
            await self._clock.sleep_s(self._power.poll_s)

    async def genset_at_rest(self) -> None:
        """While an orderly stop waits: until the engine has cooled down and stands, or the battery allows no more waiting."""
        while not self.watch.may_go_dark():
            await self._clock.sleep_s(self._power.poll_s / 2)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await self.poll()
            await self._clock.sleep_s(self._period_s())

    def _period_s(self) -> float:
        """Twice as often while a battery or an engine carries the station."""
        quiet = self.picture().source is Source.MAINS and self.watch.plan.state in ("idle", "locked")
        return self._power.poll_s if quiet else self._power.poll_s / 2

    async def poll(self) -> None:
        """One round: ask, decide, act."""
        readings = await self._ask()
        before = self._outline()
        for act in self.watch.step(self._clock.monotonic_s(), self._wall(), readings):
            await self._carry_out(act)
        if self._contact:
            await self._hold_contact(True)
        permissions = self.picture().permissions
        await asyncio.gather(self._screen.set(permissions.screen_percent), self._lamp.set(permissions.lamp_percent))
        if self._outline() != before:
            self._lines.changed()
        self._lines.progress()

    def _outline(self) -> tuple[str, ...]:
        return self.watch.supply.source, self.watch.state, self.watch.plan.state

    def _wall(self) -> Wall:
        wall_s = self._clock.wall_s()
        day, minute = local_day_minute(wall_s)
        return Wall(wall_s, self._clock.trust(), day, minute)

    async def _ask(self) -> Readings:
        upses = asyncio.gather(*(self._answer(presence, _ups_reading, UPS_DEADLINE_S) for presence in self._upses.values()))
        genset = self._answer(self._genset, _genset_reading, GENSET_DEADLINE_S)
        board = self._answer(self._board, _board_status, BOARD_DEADLINE_S)
        ups_readings, genset_reading, board_status = await asyncio.gather(upses, genset, board)
        return Readings(
            upses=dict(zip(self._upses, ups_readings, strict=True)),
            genset=genset_reading,
            board=board_status,
            host=self._lines.host(),
            button=self._lines.button(),
            sending=self._lines.sending(),
        )

    async def _answer(self, presence: Presence[Any] | None, ask: Callable[[Any], Coroutine[Any, Any, T]], deadline_s: float) -> T | None:
        if presence is None:
            return None
        try:
            return await presence.use(ask, deadline_s)
        except DeviceError:
            return None  # Presence has told the page and tries again

    async def _carry_out(self, act: Act) -> None:
        if act.kind == "genset":
            await self._command(act.what)
        elif act.kind == "state":
            log.info("power: %s (%s)", act.what, act.why)
            self._notify("power_state", {"state": act.what, "why": act.why})
        elif act.kind == "day":
            self._notify("power_day", day_event(self.watch.report.days[act.what]))
        elif act.kind == "seen":
            self._lines.seen(self._clock.wall_s())
        else:
            self._lines.save(self.watch.dump(self._clock.wall_s(), self._clock.trust()))
            if act.kind == "stop":
                self._stop(act.what)

    async def _command(self, what: str) -> None:
        """To the controller, else to the two wires."""
        self._notify("genset_command", {"what": what, "reason": self.watch.plan.reason})
        if self._genset is not None:
            try:
                await self._genset.use(lambda genset: _order(genset, what), GENSET_DEADLINE_S)
            except DeviceError as error:
                log.warning("genset: %s", error)
                self._notify("genset_refused", {"what": what, "code": error.code})
                if isinstance(error, DeviceRefused) and not self._power.genset.by_contact:
                    self.watch.genset_refused(what)
            else:
                return
        if what in ("start", "stop") and self._power.genset.by_contact:
            await self._hold_contact(what == "start")

    async def _hold_contact(self, run: bool) -> None:
        """The board's contact is leased: asked for again at every poll while wanted."""
        self._contact = run
        despite_mains = self.watch.plan.reason != "forecast"
        await self._answer(self._board, lambda board: board.genset(run, despite_mains), BOARD_DEADLINE_S)


async def _ups_reading(ups: Ups) -> UpsReading:
    return await ups.reading()


async def _genset_reading(genset: Genset) -> GensetReading:
    return await genset.reading()


async def _board_status(board: Board) -> BoardStatus:
    return await board.status()


async def _order(genset: Genset, what: str) -> None:
    if what in ("load", "unload"):
        await genset.transfer(what == "load")
    elif what == "reset":
        await genset.reset()
    elif what == "start":
        await genset.start()
    else:
        await genset.stop()
