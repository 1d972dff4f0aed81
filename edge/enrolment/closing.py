"""What the last events of an enrolment do: review, slip, stamped letter, abandoning. The record is safe before any slip is printed."""

from msgspec.structs import replace

from edge.enrolment import events as ev
from edge.enrolment.captures import break_off, timed
from edge.enrolment.handling import Result, Table, at_desk, moved, refuse
from edge.enrolment.procedure import ABANDON_REASONS
from edge.enrolment.state import State


def on_confirm_review(state: State, event: ev.ConfirmReview, at_ms: int) -> Result:
    enrolment = at_desk(state)
    progress = timed(enrolment.progress, "review", at_ms - enrolment.since_ms)
    return moved(state, replace(enrolment, busy="closing", problem="", resumed=False, progress=progress, since_ms=at_ms), ev.CloseRecord(event.urgent))


def on_closed(state: State, event: ev.RecordClosed, at_ms: int) -> Result:
    enrolment = at_desk(state)
    fitted = "printer" in state.fitted
    enrolment = replace(enrolment, busy="", printing=fitted, progress=replace(enrolment.progress, sequence=event.sequence))
    return moved(state, enrolment, *((ev.Print(enrolment),) if fitted else ()))


def on_close_failed(state: State, event: ev.CloseFailed, at_ms: int) -> Result:
    return moved(state, replace(at_desk(state), busy="", problem=event.code))


def on_print_slip(state: State, event: ev.PrintSlip, at_ms: int) -> Result:
    enrolment = replace(at_desk(state), printing=True, problem="", resumed=False)
    return moved(state, enrolment, ev.Print(enrolment))


def on_printed(state: State, event: ev.SlipPrinted, at_ms: int) -> Result:
    enrolment = at_desk(state)
    if event.sequence != enrolment.progress.sequence:
        return state, ()
    state = replace(state, paper_low=event.paper_low)
    return moved(state, replace(enrolment, printing=False, problem="", progress=replace(enrolment.progress, printed=True)))


def on_print_failed(state: State, event: ev.PrintFailed, at_ms: int) -> Result:
    enrolment = at_desk(state)
    if event.sequence != enrolment.progress.sequence:
        return state, ()
    return moved(state, replace(enrolment, printing=False, problem=event.code))


def on_finish(state: State, event: ev.Finish, at_ms: int) -> Result:
    return moved(state, None, ev.FinishRecord())


def on_abandon(state: State, event: ev.Abandon, at_ms: int) -> Result:
    if event.reason not in ABANDON_REASONS:
        raise refuse("bad_reason", "not a reason for abandoning a person")
    enrolment, stops = break_off(replace(at_desk(state), going=""))
    return moved(state, replace(enrolment, busy="abandoning", problem=""), *stops, ev.AbandonRecord(event.reason))


def on_abandoned(state: State, event: ev.Abandoned, at_ms: int) -> Result:
    return moved(state, None)


def on_abandon_failed(state: State, event: ev.AbandonFailed, at_ms: int) -> Result:
    return moved(state, replace(at_desk(state), busy="", problem=event.code))


HANDLERS: Table = {
    ev.ConfirmReview: on_confirm_review,
    ev.RecordClosed: on_closed,
    ev.CloseFailed: on_close_failed,
    ev.PrintSlip: on_print_slip,
    ev.SlipPrinted: on_printed,
    ev.PrintFailed: on_print_failed,
    ev.Finish: on_finish,
    ev.Abandon: on_abandon,
    ev.Abandoned: on_abandoned,
    ev.AbandonFailed: on_abandon_failed,
}
