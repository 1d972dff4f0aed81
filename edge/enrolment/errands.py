"""Carry out one command of the machine and say what came of it. Never decides, keeps no state of the procedure.

Each method named in `BY_COMMAND` returns the happening to feed back, or None. Expected failures become happenings; anything else is a
programming error and ends the process.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from edge.devices.interfaces import Frame, SignatureSeries
from edge.enrolment import events as ev
from edge.enrolment import parts
from edge.enrolment.keeping import Keeping
from edge.enrolment.opinion import Judging, Opinion
from edge.enrolment.population import Person, person_from
from edge.enrolment.procedure import POPULATION, Target
from edge.enrolment.slip import Slip, SlipMaker
from edge.enrolment.state import Enrolment
from edge.enrolment.taking import Devices, Subject, Taker, Told, person_at_fault
from edge.errors import DeviceError, StoreError
from protocols.canonical import FormatError
from protocols.roster import OpenRoster, RosterRow
from protocols.sealing import SealingError

T = TypeVar("T")
OpenRosterFile = Callable[[str, str], OpenRoster]
"""operator, PIN; may take a second; raises SealingError (reason `login`: wrong operator or PIN), FormatError"""
PRINT_S = 30.0
PRINTER_WORDS = frozenset({"paper_out", "cover_open", "printer_offline"})
"""what a person at the printer can mend"""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """One capture in RAM."""

    target: Target
    subject: Subject
    opinion: Opinion = field(default_factory=lambda: Opinion(passed=True))


@dataclass(frozen=True, slots=True)
class Desk:
    """What the errands ask the session, at the moment they need it."""

    enrolment: Callable[[], Enrolment]
    tell: Callable[[ev.Happening], None]
    progress: Callable[[float], None]
    slip: Callable[[Enrolment], Slip]
    power_source: Callable[[], str]
    wake: Callable[[], None]
    genset: Callable[[str], None]
    stop: Callable[[], None]
    waiting: Callable[[int], None]


class Errands:
    """The hands of the session."""

    def __init__(
        self, devices: Devices, taker: Taker, judging: Judging, keeping: Keeping, open_roster: OpenRosterFile, make_slip: SlipMaker, desk: Desk
    ) -> None:
        self.photo: bytes | None = None
        """small picture of the face of the person at the desk"""
        self._devices, self._taker, self._judging, self._keeping = devices, taker, judging, keeping
        self._open_roster, self._make_slip, self._desk = open_roster, make_slip, desk
        self._held: dict[int, Held] = {}
        self._tokens = 0
        self._roster: OpenRoster | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge")

    async def do(self, command: ev.Command) -> ev.Happening | None:
        """One command, to its end."""
        return await BY_COMMAND[type(command)](self, command)

    async def close(self) -> None:
        """Nothing of any person stays."""
        await self._let_go()
        self._thread.shutdown(wait=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # --- operator and person ---

    async def open_roster(self, command: ev.OpenRoster) -> ev.Happening:
        """A PIN takes as much memory as all judging together: never both at once."""
        try:
            self._roster = await self._in_thread(partial(self._open_roster, command.operator, command.pin))
        except SealingError as error:
            return ev.LoginRefused("wrong_pin" if error.reason == "login" else "roster_unreadable")
        except FormatError:
            return ev.LoginRefused("roster_unreadable")
        operator = self._roster.operator
        return ev.LoggedIn(operator.pseudonym.hex(), operator.name)

    async def close_roster(self, command: ev.CloseRoster) -> None:
        self._roster = None

    async def find_letter(self, command: ev.FindLetter) -> ev.Happening:
        row = self._roster.by_letter(command.number) if self._roster else None
        return _found(row) if row else ev.LetterFound("", Person(letter=command.number.strip()))

    async def find_row(self, command: ev.FindRow) -> ev.Happening | None:
        row = self._roster.by_id(bytes.fromhex(command.row)) if self._roster else None
        return _found(row) if row else None

    async def begin(self, command: ev.Begin) -> ev.Happening:
        await self._let_go()
        try:
            return ev.Begun(await self._keeping.begin(command.ticket, self._desk.enrolment))
        except StoreError as error:
            return ev.BeginRefused(error.code)

    # --- captures ---

    async def capture(self, command: ev.StartCapture) -> ev.Happening:
        target = command.target
        try:
            subject = await self._taker.take(target, command.after_lift, self._told(target))
        except DeviceError as error:
            log.warning("capture of %s %d failed: %s", target.kind, target.position, error)
            return ev.CaptureFailed(target, error.code, not person_at_fault(error))
        self._tokens += 1
        self._held[self._tokens] = Held(target, subject)
        return ev.Captured(target, self._tokens)

    def _told(self, target: Target) -> Told:
        """The first progress of a transfer means that the finger was there and need not hold still for longer."""
        told = False

        def reading() -> None:
            nonlocal told
            if not told:
                told = True
                self._desk.tell(ev.Reading(target))

        def progress(share: float) -> None:
            reading()
            self._desk.progress(share)

        return Told(lambda: self._desk.tell(ev.Lifted(target)), reading, progress)

    async def end_signature(self, command: ev.EndSignature) -> None:
        self._taker.pen.ended.set()

    async def judge(self, command: ev.Judge) -> ev.Happening:
        held = self._held[command.token]
        held.opinion = await self._in_thread(partial(self._judging.judge, command.target, held.subject, self._birth_year()))
        opinion = held.opinion
        return ev.Judged(command.target, command.token, opinion.passed, opinion.reason, opinion.fix, opinion.score, opinion.warnings)

    def _birth_year(self) -> int | None:
        person = self._desk.enrolment().person
        return int(person.birth_date[:4]) if person and person.birth_date else None

    async def aim(self, target: Target, frame: Frame) -> Opinion:
        """For live pictures."""
        return await self._in_thread(partial(self._judging.aim, target, frame))

    async def forget(self, command: ev.Forget) -> None:
        self._held.pop(command.token, None)

    # --- what must last ---

    async def save(self, command: ev.Save) -> ev.Happening:
        held = self._held.pop(command.token)
        target = command.target
        try:
            await self._seal_and_keep(target, parts.PNG if isinstance(held.subject, Frame) else parts.CBOR, partial(_encoded, held.subject), held.opinion)
        except StoreError as error:
            return ev.SaveFailed(target, error.code)
        await self._in_thread(partial(self._judging.keep, target, held.subject))
        if target.kind == "face" and isinstance(held.subject, Frame):
            self.photo = await self._in_thread(partial(parts.thumbnail, held.subject))
        return ev.PartSaved(target)

    async def save_population(self, command: ev.SavePopulation) -> ev.Happening:
        try:
            await self._seal_and_keep(POPULATION, parts.CBOR, partial(parts.encode_person, command.person), Opinion(passed=True))
        except StoreError as error:
            return ev.SaveFailed(POPULATION, error.code)
        return ev.PartSaved(POPULATION)

    async def _seal_and_keep(self, target: Target, media_type: str, encode: Callable[[], bytes], opinion: Opinion) -> None:
        kind: Any = target.kind
        sealer = await self._keeping.sealer()
        sealed = await self._in_thread(lambda: sealer.seal_part(kind, target.position, encode()))
        await self._keeping.part(kind, target.position, media_type, sealed, sealer.key_epoch, opinion.quality, self._desk.enrolment)

    async def save_progress(self, command: ev.SaveProgress) -> None:
        try:
            await self._keeping.progress(command.progress)
        except StoreError as error:
            log.warning("the journal was not brought up to date: %s", error)

    async def close_record(self, command: ev.CloseRecord) -> ev.Happening:
        try:
            sequence = await self._keeping.close(self._desk.enrolment(), self._desk.power_source(), command.urgent)
        except StoreError as error:
            return ev.CloseFailed(error.code)
        except FormatError:
            log.exception("the manifest breaks a limit")
            return ev.CloseFailed("record_malformed")
        self._desk.wake()
        return ev.RecordClosed(sequence)

    async def abandon(self, command: ev.AbandonRecord) -> ev.Happening:
        try:
            await self._keeping.abandon(command.reason)
        except StoreError as error:
            return ev.AbandonFailed(error.code)
        await self._let_go()
        self._desk.wake()
        return ev.Abandoned()

    async def finish(self, command: ev.FinishRecord) -> None:
        try:
            await self._keeping.finish()
        except StoreError as error:
            log.warning("the journal still holds a finished person: %s", error)
        await self._let_go()

    async def note(self, command: ev.Note) -> None:
        try:
            await self._keeping.note(command.name, command.detail)
        except StoreError as error:
            log.warning("event %s is not in the ledger: %s", command.name, error)
        self._desk.wake()

    # --- slip, stop ---

    async def print(self, command: ev.Print) -> ev.Happening:
        sequence = command.enrolment.progress.sequence
        slip = self._desk.slip(command.enrolment)
        printer = self._devices.printer
        assert printer is not None
        try:
            document = await self._in_thread(partial(self._make_slip, slip))
            status = await printer.use(lambda device: device.print(document), PRINT_S)
        except DeviceError as error:
            return ev.PrintFailed(sequence, error.code if error.code in PRINTER_WORDS else "print_failed")
        return ev.SlipPrinted(sequence, status.paper_low)

    async def genset(self, command: ev.CommandGenset) -> None:
        self._desk.genset(command.act)

    async def waiting(self, command: ev.TellWaiting) -> None:
        self._desk.waiting(command.people)

    async def stop(self, command: ev.StopStation) -> None:
        self._desk.stop()

    async def _let_go(self) -> None:
        """What RAM held of the last person."""
        self._held.clear()
        self.photo = None
        await self._in_thread(self._judging.forget)


def _found(row: RosterRow) -> ev.LetterFound:
    fields = {name: getattr(row, name) for name in Person.__struct_fields__ if hasattr(row, name)}
    return ev.LetterFound(row.row_id.hex(), person_from(fields))


def _encoded(subject: Subject) -> bytes:
    return parts.encode_series(subject) if isinstance(subject, SignatureSeries) else parts.encode_frame(subject)


BY_COMMAND: dict[type[ev.Command], Callable[[Errands, Any], Awaitable[ev.Happening | None]]] = {
    ev.OpenRoster: Errands.open_roster,
    ev.CloseRoster: Errands.close_roster,
    ev.FindLetter: Errands.find_letter,
    ev.FindRow: Errands.find_row,
    ev.Begin: Errands.begin,
    ev.StartCapture: Errands.capture,
    ev.EndSignature: Errands.end_signature,
    ev.Judge: Errands.judge,
    ev.Forget: Errands.forget,
    ev.Save: Errands.save,
    ev.SavePopulation: Errands.save_population,
    ev.SaveProgress: Errands.save_progress,
    ev.CloseRecord: Errands.close_record,
    ev.AbandonRecord: Errands.abandon,
    ev.FinishRecord: Errands.finish,
    ev.Note: Errands.note,
    ev.Print: Errands.print,
    ev.CommandGenset: Errands.genset,
    ev.TellWaiting: Errands.waiting,
    ev.StopStation: Errands.stop,
}
