"""What the events around captures do: start, judge, try again, use the best, excuse, take again, save.

Work overlaps: while one capture is judged and saved the next is already asked for, be it of the next step. A failed one is asked for
again at once when the person has not yet given the next, else right after it.
"""

from msgspec.structs import replace

from edge.enrolment import events as ev
from edge.enrolment.handling import Result, Table, at_desk, moved, refuse
from edge.enrolment.offers import actions, reasons, retakeable
from edge.enrolment.procedure import AIMED_KINDS, AWAITED_KINDS, BEST_REASONS, DEVICE_OF_KIND, DEVICE_UNAVAILABLE, NOT_MATCHED, TRIES_BEFORE_BEST, Target
from edge.enrolment.state import (
    Enrolment,
    Holding,
    Live,
    Mark,
    Progress,
    State,
    StepTime,
    Try,
    Verdict,
    best_of,
    due,
    resolved,
    step_of,
    step_taking,
    targets,
    try_of,
)

Step = tuple[Enrolment, tuple[ev.Command, ...]]
HOLD_MS = 1000
"""a picture that has been good for so long is taken by itself where the configuration says so"""
COMPARED = {"finger": "same_finger", "iris": "same_eye"}
"""kind -> the guard that compares each new picture with the earlier ones"""


def carry_on(enrolment: Enrolment, after_lift: bool = False) -> Step:
    """Start the next capture when captures are going in this step and none is running."""
    if enrolment.capture is not None or enrolment.going != step_of(enrolment).id:
        return enrolment, ()
    target = due(enrolment)
    if target is None:
        return enrolment, ()
    lift = after_lift and DEVICE_OF_KIND[target.kind] == "fingerprint"
    return replace(enrolment, capture=target, reading=False, lifting=lift), (ev.StartCapture(target, lift),)


def break_off(enrolment: Enrolment) -> Step:
    """End the running capture, if there is one."""
    if enrolment.capture is None:
        return enrolment, ()
    return replace(enrolment, capture=None, reading=False, lifting=False), (ev.StopCapture(),)


def stop_captures(state: State) -> Result:
    """Nothing new is taken; what was taken is still judged and saved."""
    if state.enrolment is None:
        return state, ()
    enrolment, commands = break_off(replace(state.enrolment, going=""))
    return moved(state, enrolment, *commands)


def on_capture(state: State, event: ev.Capture | ev.Aimed, at_ms: int) -> Result:
    enrolment = at_desk(state)
    enrolment = replace(enrolment, going=step_of(enrolment).id, verdict=None, device_lost=False, problem="", resumed=False, returned=False, live=None)
    enrolment, commands = carry_on(enrolment)
    return moved(state, enrolment, *commands)


def on_aimed(state: State, event: ev.Aimed, at_ms: int) -> Result:
    """Show it; where captures are automatic, take what has been good for a moment. Several failures leave it to the operator."""
    enrolment = at_desk(state)
    if enrolment.capture is not None or due(enrolment) != event.target or event.target.kind not in AIMED_KINDS:
        return state, ()
    before = enrolment.live.good_since_ms if enrolment.live is not None and enrolment.live.target == event.target else None
    since_ms = (at_ms if before is None else before) if event.good else None
    state = replace(state, enrolment=replace(enrolment, live=Live(event.target, event.reason, event.fix, since_ms)))
    held = since_ms is not None and at_ms - since_ms >= HOLD_MS and try_of(enrolment, event.target).count < TRIES_BEFORE_BEST
    return on_capture(state, event, at_ms) if held and state.automatic and "capture" in actions(state) else (state, ())


def on_pause(state: State, event: ev.Pause, at_ms: int) -> Result:
    return stop_captures(state)


def on_done_signing(state: State, event: ev.DoneSigning, at_ms: int) -> Result:
    return state, (ev.EndSignature(),)


def on_lifted(state: State, event: ev.Lifted, at_ms: int) -> Result:
    enrolment = at_desk(state)
    return moved(state, replace(enrolment, lifting=False) if enrolment.capture == event.target else enrolment)


def on_reading(state: State, event: ev.Reading, at_ms: int) -> Result:
    enrolment = at_desk(state)
    return moved(state, replace(enrolment, reading=True, lifting=False) if enrolment.capture == event.target else enrolment)


def on_captured(state: State, event: ev.Captured, at_ms: int) -> Result:
    enrolment = at_desk(state)
    if enrolment.capture != event.target:
        return state, (ev.Forget(event.token),)
    judging = (*enrolment.judging, Holding(event.target, event.token))
    going = enrolment.going if step_of(enrolment).retries_itself else ""
    enrolment = replace(_tried(enrolment), capture=None, reading=False, lifting=False, judging=judging, going=going)
    enrolment, commands = carry_on(enrolment, after_lift=True)
    return moved(state, enrolment, ev.Judge(event.target, event.token), *commands)


def on_failed(state: State, event: ev.CaptureFailed, at_ms: int) -> Result:
    enrolment = at_desk(state)
    if enrolment.capture != event.target:
        return state, ()
    enrolment = replace(_tried(enrolment), capture=None, reading=False, lifting=False, going="")
    if enrolment.verdict is None or event.target in step_of(enrolment).targets:  # else an earlier step calls back and says why
        enrolment = replace(enrolment, verdict=Verdict(event.target, event.code, f"{event.code}_fix"), device_lost=event.device_lost)
    return moved(state, enrolment)


def on_judged(state: State, event: ev.Judged, at_ms: int) -> Result:
    enrolment = at_desk(state)
    holding = Holding(event.target, event.token)
    if holding not in enrolment.judging:
        return state, (ev.Forget(event.token),)
    enrolment = replace(enrolment, judging=tuple(other for other in enrolment.judging if other != holding))
    enrolment, commands = _passed(enrolment, event) if event.passed else _rejected(enrolment, event)
    return moved(state, enrolment, *commands)


def _passed(enrolment: Enrolment, event: ev.Judged) -> Step:
    verdict = None if enrolment.verdict is None or enrolment.verdict.target == event.target else enrolment.verdict
    warnings = (*_without(enrolment.warnings, event.target), *(Mark(event.target, warning) for warning in event.warnings))
    enrolment = replace(enrolment, verdict=verdict, warnings=warnings)
    if event.target.kind == "check":
        enrolment, commands = carry_on(_checked(enrolment, event.target), after_lift=True)
        return enrolment, (ev.Forget(event.token), *commands)
    enrolment, forgets = _drop_tries(enrolment, event.target)
    progress = replace(enrolment.progress, forced=_without(enrolment.progress.forced, event.target))
    enrolment = replace(enrolment, progress=progress, saving=enrolment.saving | {event.target})
    return enrolment, (*forgets, ev.Save(event.target, event.token))


def _checked(enrolment: Enrolment, target: Target) -> Enrolment:
    progress = enrolment.progress
    checked = tuple(sorted({*progress.checked, target.position}))
    progress = replace(progress, checked=checked, exceptions=_without(progress.exceptions, target))
    return replace(enrolment, progress=progress, retake=None if enrolment.retake == target else enrolment.retake)


def _rejected(enrolment: Enrolment, event: ev.Judged) -> Step:
    before = try_of(enrolment, event.target)
    better = before.token is None or event.score > before.score
    kept = Try(event.target, before.count + 1, event.token, event.score) if better else replace(before, count=before.count + 1)
    worse = before.token if better else event.token
    tries = (*(other for other in enrolment.tries if other.target != event.target), kept)
    enrolment = replace(enrolment, tries=tries, verdict=Verdict(event.target, event.reason, event.fix))
    forgets: tuple[ev.Command, ...] = () if worse is None else (ev.Forget(worse),)
    if event.target.kind == "check" and kept.count >= TRIES_BEFORE_BEST:
        enrolment, dropped = exclude(enrolment, (event.target,), NOT_MATCHED)
        enrolment, commands = carry_on(enrolment, after_lift=True)
        return enrolment, (*forgets, *dropped, *commands)
    enrolment, commands = _after_rejection(enrolment, event.target, enough=kept.count % TRIES_BEFORE_BEST == 0)
    return enrolment, (*forgets, *commands)


def _after_rejection(enrolment: Enrolment, target: Target, enough: bool) -> Step:
    """Ask for the failed one again, or wait for the operator. Whoever has gone on comes back, but not out of the middle of something."""
    step = step_taking(target)
    if enrolment.going == step.id and (enough or not step.retries_itself):
        enrolment = replace(enrolment, going="")
    enrolment, stops = _call_off(enrolment)
    enrolment, starts = carry_on(enrolment, after_lift=True)
    return enrolment, (*stops, *starts)


def _call_off(enrolment: Enrolment) -> Step:
    """End the running capture if it still waits for the person."""
    waits = enrolment.capture is not None and enrolment.capture.kind in AWAITED_KINDS and not enrolment.reading
    return break_off(enrolment) if waits else (enrolment, ())


def on_saved(state: State, event: ev.PartSaved, at_ms: int) -> Result:
    enrolment, target = at_desk(state), event.target
    progress = _guarded(enrolment, replace(enrolment.progress, exceptions=_without(enrolment.progress.exceptions, target)), target)
    if target.kind == "finger":
        progress = replace(progress, checked=tuple(position for position in progress.checked if position != target.position))
    enrolment = replace(
        enrolment,
        progress=progress,
        saved=enrolment.saved | {target},
        fresh=enrolment.fresh | {target},
        saving=enrolment.saving - {target},
        retake=None if enrolment.retake == target else enrolment.retake,
    )
    enrolment, commands = carry_on(enrolment, after_lift=True)
    return moved(state, enrolment, *commands)


def _guarded(enrolment: Enrolment, progress: Progress, target: Target) -> Progress:
    """Pictures saved before a power cut cannot be compared with this one any more: say so in the record."""
    guard = COMPARED.get(target.kind)
    older = any(other.kind == target.kind and other not in enrolment.fresh and other != target for other in enrolment.saved)
    if guard is None or not older:
        return progress
    return replace(progress, guards_not_done=tuple(sorted({*progress.guards_not_done, guard})))


def on_save_failed(state: State, event: ev.SaveFailed, at_ms: int) -> Result:
    enrolment = at_desk(state)
    progress = replace(enrolment.progress, forced=_without(enrolment.progress.forced, event.target))
    enrolment = replace(enrolment, progress=progress, saving=enrolment.saving - {event.target}, going="", problem=event.code)
    enrolment, commands = _call_off(enrolment)
    return moved(state, enrolment, *commands)


def on_retake(state: State, event: ev.Retake, at_ms: int) -> Result:
    enrolment, target = at_desk(state), Target(event.kind, event.position)
    if target not in retakeable(enrolment):
        raise refuse("bad_position", "nothing is saved there to take again")
    enrolment, forgets = _drop_tries(enrolment, target)
    return moved(state, replace(enrolment, retake=target, going="", verdict=None, problem="", resumed=False), *forgets)


def on_keep(state: State, event: ev.Keep, at_ms: int) -> Result:
    enrolment = at_desk(state)
    assert enrolment.retake is not None
    enrolment, forgets = _drop_tries(enrolment, enrolment.retake)
    return moved(state, replace(enrolment, retake=None, verdict=None), *forgets)


def on_use_best(state: State, event: ev.UseBest, at_ms: int) -> Result:
    enrolment = at_desk(state)
    best = best_of(enrolment)
    assert best is not None
    assert best.token is not None
    if event.reason not in BEST_REASONS:
        raise refuse("bad_reason", "not a reason for using the best capture")
    forced = (*_without(enrolment.progress.forced, best.target), Mark(best.target, event.reason))
    enrolment = replace(
        enrolment,
        progress=replace(enrolment.progress, forced=forced),
        tries=tuple(other for other in enrolment.tries if other != best),
        saving=enrolment.saving | {best.target},
        verdict=None,
        going=step_of(enrolment).id if step_of(enrolment).retries_itself else "",
    )
    enrolment, commands = carry_on(enrolment, after_lift=True)
    note = ev.Note("override", {"kind": best.target.kind, "position": str(best.target.position), "reason": event.reason})
    return moved(state, enrolment, ev.Save(best.target, best.token), note, *commands)


def on_exclude(state: State, event: ev.Exclude, at_ms: int) -> Result:
    enrolment = at_desk(state)
    excused = _excusable(enrolment, Target(event.kind, event.position), event.reason)
    enrolment, stops = break_off(enrolment) if enrolment.capture in excused else (enrolment, ())
    enrolment, forgets = exclude(enrolment, excused, event.reason)
    enrolment, starts = carry_on(enrolment, after_lift=True)
    return moved(state, enrolment, *stops, *forgets, *starts)


def _excusable(enrolment: Enrolment, target: Target, reason: str) -> tuple[Target, ...]:
    """The target, and with a broken device all that the device would still have to take in this step. Raises RefusedEvent."""
    if reason not in reasons(target.kind):
        raise refuse("bad_reason", "not a reason for that part")
    if enrolment.retake is not None:
        open_targets: tuple[Target, ...] = (enrolment.retake,)
    else:
        open_targets = tuple(other for other in targets(enrolment, step_of(enrolment)) if not resolved(enrolment, other) and other not in enrolment.saving)
    if target not in open_targets:
        raise refuse("bad_position", "this step has no such part open")
    if reason != DEVICE_UNAVAILABLE:
        return (target,)
    return tuple(other for other in open_targets if DEVICE_OF_KIND[other.kind] == DEVICE_OF_KIND[target.kind])


def exclude(enrolment: Enrolment, excused: tuple[Target, ...], reason: str) -> Step:
    """Write the exceptions down and let go of captures that they overtake."""
    forgets: tuple[ev.Command, ...] = tuple(ev.Forget(holding.token) for holding in enrolment.judging if holding.target in excused)
    for target in excused:
        enrolment, dropped = _drop_tries(enrolment, target)
        forgets += dropped
    others = tuple(mark for mark in enrolment.progress.exceptions if mark.target not in excused)
    progress = replace(enrolment.progress, exceptions=(*others, *(Mark(target, reason) for target in excused)))
    judging = tuple(holding for holding in enrolment.judging if holding.target not in excused)
    retake = None if enrolment.retake in excused else enrolment.retake
    return replace(enrolment, progress=progress, judging=judging, retake=retake, verdict=None, device_lost=False, resumed=False), forgets


def _drop_tries(enrolment: Enrolment, target: Target) -> Step:
    dropped = try_of(enrolment, target)
    forgets = () if dropped.token is None else (ev.Forget(dropped.token),)
    return replace(enrolment, tries=tuple(other for other in enrolment.tries if other.target != target)), forgets


def _without(marks: tuple[Mark, ...], target: Target) -> tuple[Mark, ...]:
    return tuple(mark for mark in marks if mark.target != target)


def _tried(enrolment: Enrolment) -> Enrolment:
    """One more attempt in the record of this step."""
    return replace(enrolment, progress=timed(enrolment.progress, step_of(enrolment).id, 0, attempts=1))


def timed(progress: Progress, step: str, duration_ms: int, attempts: int = 0) -> Progress:
    """Add to what a step took so far."""
    before = next((time for time in progress.times if time.step == step), StepTime(step))
    after = StepTime(step, before.duration_ms + duration_ms, before.attempts + attempts)
    return replace(progress, times=(*(time for time in progress.times if time.step != step), after))


HANDLERS: Table = {
    ev.Capture: on_capture,
    ev.Aimed: on_aimed,
    ev.Pause: on_pause,
    ev.DoneSigning: on_done_signing,
    ev.Lifted: on_lifted,
    ev.Reading: on_reading,
    ev.Captured: on_captured,
    ev.CaptureFailed: on_failed,
    ev.Judged: on_judged,
    ev.PartSaved: on_saved,
    ev.SaveFailed: on_save_failed,
    ev.Retake: on_retake,
    ev.Keep: on_keep,
    ev.UseBest: on_use_best,
    ev.Exclude: on_exclude,
}
