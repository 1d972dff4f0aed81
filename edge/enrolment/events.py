"""All that can happen to an enrolment (`Event`) and all that the machine can ask for (`Command`), as tagged records.

Operator events arrive from the page as JSON {"event": kind, ...}; every text has a limit. Happenings are fed back by the session and
never leave the process. `token` names one capture held in RAM by the session.
"""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from edge.enrolment.population import Corrections, Person
from edge.enrolment.procedure import Kind, Position, Target
from protocols.roster import Login, Pin

if TYPE_CHECKING:
    from edge.enrolment.state import Enrolment, Progress

Reason = Annotated[str, Meta(pattern=r"^[a-z_]{1,32}\Z")]
Version = Annotated[int, Meta(ge=0, le=2**53)]


class OperatorEvent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="event"):
    """A touch on the page."""

    version: Version | None = None
    """snapshot on which the operator decided; an older one is refused when the screen has moved on since"""


class LogIn(OperatorEvent, frozen=True, tag="log_in"):
    operator: Login
    pin: Pin


class LogOut(OperatorEvent, frozen=True, tag="log_out"): ...


class NextPerson(OperatorEvent, frozen=True, tag="next_person"):
    ticket: Annotated[int, Meta(ge=1, le=99_999)]


class Letter(OperatorEvent, frozen=True, tag="letter"):
    number: Annotated[str, Meta(min_length=1, max_length=64)]


class ConfirmData(OperatorEvent, frozen=True, tag="confirm_data"):
    corrections: Corrections = Corrections()


class Capture(OperatorEvent, frozen=True, tag="capture"): ...


class Pause(OperatorEvent, frozen=True, tag="pause"): ...


class DoneSigning(OperatorEvent, frozen=True, tag="done_signing"): ...


class Retake(OperatorEvent, frozen=True, tag="retake"):
    kind: Kind
    position: Position = 0


class Keep(OperatorEvent, frozen=True, tag="keep"):
    """End a retake; the capture that is saved already stays."""


class UseBest(OperatorEvent, frozen=True, tag="use_best"):
    reason: Reason


class Exclude(OperatorEvent, frozen=True, tag="exception"):
    """This part cannot be taken. `device_unavailable` ends the rest of the step as well."""

    kind: Kind
    reason: Reason
    position: Position = 0


class ConfirmReview(OperatorEvent, frozen=True, tag="confirm_review"):
    urgent: bool = False


class PrintSlip(OperatorEvent, frozen=True, tag="print_slip"): ...


class Finish(OperatorEvent, frozen=True, tag="finish"): ...


class Abandon(OperatorEvent, frozen=True, tag="abandon"):
    reason: Reason


class Language(OperatorEvent, frozen=True, tag="language"):
    language: Annotated[str, Meta(pattern=r"^(id|en)\Z")]


class Genset(OperatorEvent, frozen=True, tag="genset"):
    """By hand; `acknowledge` after a lock-out, when somebody has looked; `serviced` when the mechanic has been here."""

    act: Annotated[str, Meta(pattern=r"^(start|stop|acknowledge|serviced)\Z")]


class Waiting(OperatorEvent, frozen=True, tag="waiting"):
    """The operator has counted who still waits: it decides whether the battery will do."""

    people: Annotated[int, Meta(ge=0, le=9_999)]


class Stop(OperatorEvent, frozen=True, tag="stop"):
    """Shut down in good order; the open enrolment is parked and resumes at the next start."""


PageEvent = (
    LogIn
    | LogOut
    | NextPerson
    | Letter
    | ConfirmData
    | Capture
    | Pause
    | DoneSigning
    | Retake
    | Keep
    | UseBest
    | Exclude
    | ConfirmReview
    | PrintSlip
    | Finish
    | Abandon
    | Language
    | Genset
    | Waiting
    | Stop
)


class Happening(Struct, frozen=True):
    """Something that the session, a device or the store reports."""


class Resumed(Happening, frozen=True):
    record_id: bytes
    ticket: int
    progress: bytes
    saved: tuple[Target, ...]
    sequence: int = 0
    """of its committed record; 0: not committed"""


class LoggedIn(Happening, frozen=True):
    operator: str
    name: str


class LoginRefused(Happening, frozen=True):
    code: str


class Begun(Happening, frozen=True):
    """The journal holds the new enrolment."""

    record_id: bytes


class BeginRefused(Happening, frozen=True):
    code: str


class LetterFound(Happening, frozen=True):
    row: str
    """opaque roster row; empty: not on the roster"""
    person: Person


class Reading(Happening, frozen=True):
    """The device has the target before it: breaking off would waste it."""

    target: Target


class Lifted(Happening, frozen=True):
    """The finger before this target has left the sensor."""

    target: Target


class Aimed(Happening, frozen=True):
    """What the live picture shows of the target that is due; neither good nor a reason: nothing can be said."""

    target: Target
    good: bool
    reason: str = ""
    fix: str = ""


class Captured(Happening, frozen=True):
    target: Target
    token: int


class CaptureFailed(Happening, frozen=True):
    target: Target
    code: str
    device_lost: bool
    """the device, not the person, is to blame"""


class Judged(Happening, frozen=True):
    target: Target
    token: int
    passed: bool
    reason: str = ""
    fix: str = ""
    score: float = 0.0
    """to find the best of several failed captures; greater is better"""
    warnings: tuple[str, ...] = ()
    """ids of notices about a capture that passed"""


class PartSaved(Happening, frozen=True):
    """Durable: only now may the screen say so."""

    target: Target


class SaveFailed(Happening, frozen=True):
    target: Target
    code: str


class RecordClosed(Happening, frozen=True):
    sequence: int


class CloseFailed(Happening, frozen=True):
    code: str


class SlipPrinted(Happening, frozen=True):
    sequence: int
    """of the record that the slip proves"""
    paper_low: bool = False


class PrintFailed(Happening, frozen=True):
    sequence: int
    code: str


class Abandoned(Happening, frozen=True): ...


class AbandonFailed(Happening, frozen=True):
    code: str


class Conditions(Happening, frozen=True):
    """What power and disk allow."""

    next_person: bool = True
    reason: str = ""
    """notice id that says why not"""
    stopping: bool = False
    enrolments_left: int = 1_000_000


Event = OperatorEvent | Happening


class Command(Struct, frozen=True):
    """Something that the session is to carry out. It carries what it needs: by then the person may have gone."""


class OpenRoster(Command, frozen=True):
    operator: str
    pin: str


class CloseRoster(Command, frozen=True): ...


class Begin(Command, frozen=True):
    ticket: int


class FindLetter(Command, frozen=True):
    number: str


class FindRow(Command, frozen=True):
    """Bring the name back after a power cut."""

    row: str


class StartCapture(Command, frozen=True):
    target: Target
    after_lift: bool = False
    """first wait until the sensor is free"""


class StopCapture(Command, frozen=True): ...


class EndSignature(Command, frozen=True): ...


class Judge(Command, frozen=True):
    target: Target
    token: int


class Save(Command, frozen=True):
    target: Target
    token: int


class SavePopulation(Command, frozen=True):
    person: Person


class Forget(Command, frozen=True):
    token: int


class SaveProgress(Command, frozen=True):
    progress: "Progress"


class CloseRecord(Command, frozen=True):
    urgent: bool


class Print(Command, frozen=True):
    enrolment: "Enrolment"
    """whom the slip is about"""


class AbandonRecord(Command, frozen=True):
    reason: str


class FinishRecord(Command, frozen=True):
    """The letter is stamped: the journal lets go of this person."""


class Note(Command, frozen=True):
    """An entry of the ledger, without personal data."""

    name: str
    detail: dict[str, str]


class CommandGenset(Command, frozen=True):
    act: str


class TellWaiting(Command, frozen=True):
    people: int


class StopStation(Command, frozen=True): ...
