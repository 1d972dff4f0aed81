"""The state of the procedure as values, and what can be read off it. Nothing here changes anything.

`Progress` is what the journal keeps across a power cut: queue number, opaque roster row, steps done, no personal data. That a part is
done is never written there: the sealed parts in the store are the only truth about that.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.enrolment.events import Conditions
from edge.enrolment.population import Person
from edge.enrolment.procedure import DEVICE_UNAVAILABLE, EXCEPTION_PHOTO, ON_THE_WAY_MAX, PHOTOGRAPHED_KINDS, STEP, STEPS, TRIES_BEFORE_BEST, Step, Target


class Mark(Struct, frozen=True):
    """A reason given for one target."""

    target: Target
    reason: str


class StepTime(Struct, frozen=True):
    """How long a step took so far, over all visits and power lives."""

    step: str
    duration_ms: int = 0
    attempts: int = 0


class Progress(Struct, frozen=True, forbid_unknown_fields=True):
    """The journal's record of an enrolment."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    operator: str = ""
    """pseudonym, hexadecimal"""
    row: str = ""
    """opaque roster row, hexadecimal; empty: not on the roster"""
    letter: bool = False
    exceptions: tuple[Mark, ...] = ()
    """cannot be taken"""
    forced: tuple[Mark, ...] = ()
    """the best of several failed captures was used"""
    checked: tuple[int, ...] = ()
    """index fingers that matched a second time"""
    guards_not_done: tuple[str, ...] = ()
    times: tuple[StepTime, ...] = ()
    sequence: int = 0
    """of the committed record; 0: still open"""
    printed: bool = False


class Try(Struct, frozen=True):
    """Failed captures of one target in this power life."""

    target: Target
    count: int = 0
    token: int | None = None
    """the best of them, still in RAM"""
    score: float = 0.0


class Verdict(Struct, frozen=True):
    """What to tell about the last capture: ids of texts."""

    target: Target
    reason: str
    fix: str = ""


class Holding(Struct, frozen=True):
    """A capture on its way through judging."""

    target: Target
    token: int


class Live(Struct, frozen=True):
    """What the sensor sees of a target before it is taken: ids of texts."""

    target: Target
    reason: str = ""
    fix: str = ""
    good_since_ms: int | None = None
    """nothing is wrong with the picture, since then"""


class Enrolment(Struct, frozen=True):
    """One person at the desk."""

    record_id: bytes
    ticket: int
    since_ms: int
    """when the present step began (or this power life did)"""
    progress: Progress = Progress()
    saved: frozenset[Target] = frozenset()
    fresh: frozenset[Target] = frozenset()
    """saved in this power life: their pictures can still be compared"""
    person: Person | None = None
    busy: str = ""
    """what the session is doing apart from captures: beginning, finding, closing, abandoning"""
    printing: bool = False
    going: str = ""
    """the step in which captures follow each other without a touch"""
    capture: Target | None = None
    reading: bool = False
    lifting: bool = False
    judging: tuple[Holding, ...] = ()
    saving: frozenset[Target] = frozenset()
    retake: Target | None = None
    tries: tuple[Try, ...] = ()
    verdict: Verdict | None = None
    device_lost: bool = False
    """the last capture failed because of its device"""
    returned: bool = False
    """the person had gone on to a later step before the present one was refused"""
    live: Live | None = None
    resumed: bool = False
    warnings: tuple[Mark, ...] = ()
    """what is worth a look and stops nothing"""
    problem: str = ""
    """text id of what went wrong outside a capture: paper_out, print_failed, a store error"""


class Operator(Struct, frozen=True):
    """Who is logged in."""

    pseudonym: str
    name: str


class State(Struct, frozen=True):
    """The whole station as the procedure sees it."""

    language: str = "id"
    fitted: frozenset[str] = frozenset()
    """devices of the configuration"""
    automatic: bool = False
    """face and eyes are taken without a touch once the live picture is good"""
    operator: Operator | None = None
    opening: bool = False
    """a log-in is being checked"""
    wrong_pins: int = 0
    pins_locked_until_ms: int = 0
    login_problem: str = ""
    conditions: Conditions = Conditions()
    enrolment: Enrolment | None = None
    begin_problem: str = ""
    paper_low: bool = False
    """the printer said so with its last slip"""


def excluded(enrolment: Enrolment, target: Target) -> str:
    """The reason why it cannot be taken; empty when there is none."""
    return next((mark.reason for mark in enrolment.progress.exceptions if mark.target == target), "")


def resolved(enrolment: Enrolment, target: Target) -> bool:
    """Taken, or excluded for a reason."""
    if target.kind == "check":
        return target.position in enrolment.progress.checked or bool(excluded(enrolment, target))
    return target in enrolment.saved or bool(excluded(enrolment, target))


def targets(enrolment: Enrolment, step: Step) -> tuple[Target, ...]:
    """What this step takes of this person: an index finger is checked only against a picture still in RAM, a photo shows what is excluded."""
    return tuple(target for target in step.targets if _applies(enrolment, target))


def _applies(enrolment: Enrolment, target: Target) -> bool:
    if target == EXCEPTION_PHOTO:
        return any(mark.target.kind in PHOTOGRAPHED_KINDS and mark.reason != DEVICE_UNAVAILABLE for mark in enrolment.progress.exceptions)
    if target.kind == "check":
        return Target("finger", target.position) in enrolment.fresh or target.position in enrolment.progress.checked
    return True


def step_of(enrolment: Enrolment) -> Step:
    """The step that the person is at: the last once the record is committed, that of a retake or of the running capture, else the first
    that lacks something. While all that lacks is on its way to the disk: the last of those that wait for it."""
    if enrolment.progress.sequence:
        return STEPS[-1]
    if (asked := enrolment.retake or enrolment.capture) is not None:
        return step_taking(asked)
    unfinished = [step for step in STEPS if not _complete(enrolment, step)]
    return next((step for step in unfinished if _lacks(enrolment, step)), unfinished[-1]) if unfinished else STEP["review"]


def step_taking(target: Target) -> Step:
    """The step of the procedure that takes it."""
    return next(step for step in STEPS if target in step.targets)


def _complete(enrolment: Enrolment, step: Step) -> bool:
    """Durable or excused. Review and slip have nothing to take."""
    return enrolment.progress.letter if step.id == "letter" else all(resolved(enrolment, target) for target in targets(enrolment, step))


def _lacks(enrolment: Enrolment, step: Step) -> bool:
    """Something is still to be taken, not only to be judged or saved."""
    return step.id == "letter" or _open(enrolment, targets(enrolment, step)) is not None


def _open(enrolment: Enrolment, wanted: tuple[Target, ...]) -> Target | None:
    taken = under_way(enrolment)
    return next((target for target in wanted if target not in taken and not resolved(enrolment, target)), None)


def under_way(enrolment: Enrolment) -> frozenset[Target]:
    """Taken, and being judged or saved: not durable yet."""
    return enrolment.saving | {holding.target for holding in enrolment.judging}


def due(enrolment: Enrolment) -> Target | None:
    """What to take next in the present step; None when everything is taken or on its way, or too much is on its way."""
    if len(under_way(enrolment)) >= ON_THE_WAY_MAX:
        return None
    if enrolment.retake is not None:
        return None if enrolment.retake in under_way(enrolment) else enrolment.retake
    return _open(enrolment, targets(enrolment, step_of(enrolment)))


def try_of(enrolment: Enrolment, target: Target) -> Try:
    """Failed captures of that target so far."""
    return next((found for found in enrolment.tries if found.target == target), Try(target))


def best_of(enrolment: Enrolment) -> Try | None:
    """The capture that may be used after enough failed ones."""
    target = due(enrolment)
    if target is None or target.kind == "check":
        return None
    found = try_of(enrolment, target)
    return found if found.count >= TRIES_BEFORE_BEST and found.token is not None else None


def settled(enrolment: Enrolment) -> bool:
    """No capture is running or on its way to the disk."""
    return enrolment.capture is None and not enrolment.judging and not enrolment.saving and not enrolment.busy


def recapture(enrolment: Enrolment) -> bool:
    """A device was missing: the person should be asked back."""
    return any(mark.reason == DEVICE_UNAVAILABLE for mark in enrolment.progress.exceptions)


def guards_not_done(enrolment: Enrolment) -> tuple[str, ...]:
    """Comparisons with an earlier picture that could not be made."""
    fingers = {target.position for target in enrolment.saved if target.kind == "finger"}
    unchecked = any(position in fingers and position not in enrolment.progress.checked for position in (t.position for t in STEP["check"].targets))
    return tuple(sorted({*enrolment.progress.guards_not_done, *(("index_check",) if unchecked else ())}))


def encode_progress(progress: Progress) -> bytes:
    """For the journal."""
    return msgspec.json.encode(progress)


def decode_progress(data: bytes, saved: tuple[Target, ...]) -> Progress:
    """From the journal. What cannot be read is begun anew; the sealed parts themselves are never in doubt."""
    try:
        return msgspec.json.decode(data, type=Progress)
    except msgspec.DecodeError:
        return Progress(letter=bool(saved), guards_not_done=("progress_unreadable",))
