"""What the operator may do right now: the one list that the page shows and the machine checks against."""

from edge.enrolment.procedure import DEVICE_OF_KIND, EXCEPTION_REASONS, STEPS, Target
from edge.enrolment.state import Enrolment, State, best_of, due, resolved, settled, step_of, targets


def actions(state: State) -> tuple[str, ...]:
    """Kinds of operator events that are accepted now, in the order in which a page may list them."""
    if state.conditions.stopping:
        return ("language",)
    waiting = ("waiting",) if state.operator else ()
    always = ("language", *waiting, *(("genset",) if "genset" in state.fitted else ()), "stop")
    if state.enrolment is None:
        return (*_between_people(state), *always)
    return (*_log_in(state), *_of_enrolment(state, state.enrolment), *always)


def _between_people(state: State) -> tuple[str, ...]:
    if state.operator is None:
        return _log_in(state)
    may_begin = state.conditions.next_person and state.conditions.enrolments_left > 0
    return ("next_person", "log_out") if may_begin else ("log_out",)


def _log_in(state: State) -> tuple[str, ...]:
    return ("log_in",) if state.operator is None and not state.opening else ()


def _of_enrolment(state: State, enrolment: Enrolment) -> tuple[str, ...]:
    if enrolment.busy:
        return ()
    offered: tuple[str, ...]
    match step_of(enrolment).id:
        case "letter":
            offered = ("letter",) if state.operator else ()
        case "data":
            offered = _at_data(state, enrolment)
        case "review":
            offered = ("confirm_review",) if state.operator else ()
        case "slip":
            return (*(("print_slip",) if "printer" in state.fitted and not enrolment.printing else ()), "finish")
        case _:
            offered = _at_capture(enrolment)
    return (*offered, *_step_back(enrolment))


def _at_data(state: State, enrolment: Enrolment) -> tuple[str, ...]:
    if state.operator is None or enrolment.saving:
        return ()
    return ("confirm_data", "keep") if enrolment.retake else ("confirm_data", "letter")


def _at_capture(enrolment: Enrolment) -> tuple[str, ...]:
    if enrolment.capture is not None:
        signing = ("done_signing",) if enrolment.capture.kind == "signature" else ()
        return (*signing, "pause", *_exclude(enrolment))
    if due(enrolment) is None:
        return ()
    best = ("use_best",) if best_of(enrolment) else ()
    keep = ("keep",) if enrolment.retake and not enrolment.judging else ()
    return ("capture", *best, *_exclude(enrolment), *keep)


def _exclude(enrolment: Enrolment) -> tuple[str, ...]:
    """Not while a retake is going on: what is saved already cannot become impossible to take."""
    return () if enrolment.retake in enrolment.saved else ("exception",)


def _step_back(enrolment: Enrolment) -> tuple[str, ...]:
    if not settled(enrolment):
        return () if enrolment.saving or enrolment.judging else ("abandon",)
    return ("retake", "abandon") if enrolment.retake is None and retakeable(enrolment) else ("abandon",)


def retakeable(enrolment: Enrolment) -> tuple[Target, ...]:
    """Targets that are taken or excluded and may be taken again until the review is confirmed."""
    return tuple(target for step in STEPS for target in targets(enrolment, step) if resolved(enrolment, target))


def primary(state: State) -> str | None:
    """The one action that goes on; None while the station is at work or nothing can be done."""
    offered = actions(state)
    order = ("confirm_review", "done_signing", "capture", "confirm_data", "letter", *_at_slip(state), "next_person", "log_in")
    return next((kind for kind in order if kind in offered), None)


def _at_slip(state: State) -> tuple[str, ...]:
    if state.enrolment is None or state.enrolment.printing:
        return ()
    printed = state.enrolment.progress.printed or "printer" not in state.fitted
    return ("finish",) if printed else ("print_slip",)


def reasons(kind: str) -> tuple[str, ...]:
    """Reasons that excuse a target of that kind."""
    return EXCEPTION_REASONS.get(kind, ())


def device_for(enrolment: Enrolment) -> str:
    """Name of the device that the present step needs; empty when none."""
    target = enrolment.capture or due(enrolment)
    return DEVICE_OF_KIND.get(target.kind, "") if target else ""
