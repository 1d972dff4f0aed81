"""The procedure as a pure function: `step(state, event, at_ms)` gives the next state and the commands to carry out.

One table, `HANDLERS`, says what each event does. An operator event that `offers.actions` does not offer raises RefusedEvent and
changes nothing. A happening that comes too late (its person or its capture is gone) is let go. Never awaits, reads no clock: `at_ms`
is the monotonic time at which the event arrived.
"""

from msgspec.structs import replace

from edge.enrolment import captures, closing, entry
from edge.enrolment import events as ev
from edge.enrolment.captures import exclude, timed
from edge.enrolment.handling import Handler, Result, refuse
from edge.enrolment.offers import actions
from edge.enrolment.procedure import DEVICE_OF_KIND, DEVICE_UNAVAILABLE, STEPS, Target
from edge.enrolment.state import Enrolment, Progress, State, resolved, step_of, targets

HANDLERS: dict[type, Handler] = {**entry.HANDLERS, **captures.HANDLERS, **closing.HANDLERS}
WITHOUT_PERSON = (ev.LoggedIn, ev.LoginRefused, ev.Conditions, ev.Resumed)
"""happenings that make sense with nobody at the desk"""


def step(state: State, event: ev.Event, at_ms: int) -> Result:
    """Raises RefusedEvent when an operator event is not on offer or its fields do not fit."""
    if isinstance(event, ev.OperatorEvent):
        kind = str(type(event).__struct_config__.tag)
        if kind not in actions(state):
            raise refuse("not_now", f"{kind} is not on offer")
    elif state.enrolment is None and not isinstance(event, WITHOUT_PERSON):
        return state, _let_go(event)
    after, commands = HANDLERS[type(event)](state, event, at_ms)
    return _settle(state.enrolment, after, commands, at_ms)


def _let_go(event: ev.Event) -> tuple[ev.Command, ...]:
    return (ev.Forget(event.token),) if isinstance(event, ev.Captured | ev.Judged) else ()


def _settle(before: Enrolment | None, after: State, commands: tuple[ev.Command, ...], at_ms: int) -> Result:
    """What follows from any event: steps without a device are excused, a finished step is timed, the journal learns of it."""
    if after.enrolment is None:
        return after, commands
    enrolment, forgets = _excuse_unfitted(after.enrolment, after.fitted)
    if before is not None:
        enrolment = _enter(before, enrolment, at_ms)
    worth_keeping = before is not None and enrolment.record_id and _kept(before.progress) != _kept(enrolment.progress)
    return replace(after, enrolment=enrolment), (*commands, *forgets, *((ev.SaveProgress(enrolment.progress),) if worth_keeping else ()))


def _excuse_unfitted(enrolment: Enrolment, fitted: frozenset[str]) -> tuple[Enrolment, tuple[ev.Command, ...]]:
    forgets: tuple[ev.Command, ...] = ()
    while enrolment.retake is None and (lacking := _unfitted(enrolment, fitted)):
        enrolment, dropped = exclude(enrolment, lacking, DEVICE_UNAVAILABLE)
        forgets += dropped
    return enrolment, forgets


def _unfitted(enrolment: Enrolment, fitted: frozenset[str]) -> tuple[Target, ...]:
    present = targets(enrolment, step_of(enrolment))
    return tuple(t for t in present if t.kind in DEVICE_OF_KIND and DEVICE_OF_KIND[t.kind] not in fitted and not resolved(enrolment, t))


def _enter(before: Enrolment, after: Enrolment, at_ms: int) -> Enrolment:
    """Another step than before: a step left behind may call the person back as long as its last part is judged and saved."""
    left, entered = step_of(before), step_of(after)
    if left == entered:
        return after
    verdict = after.verdict if after.verdict is not None and after.verdict.target in entered.targets else None
    returned = verdict is not None and after.retake is None and STEPS.index(entered) < STEPS.index(left)
    progress = timed(after.progress, left.id, at_ms - after.since_ms)
    return replace(after, progress=progress, since_ms=at_ms, going="", verdict=verdict, device_lost=False, returned=returned, live=None)


def _kept(progress: Progress) -> Progress:
    """Times alone are not worth a write of their own: the next one carries them."""
    return replace(progress, times=())
