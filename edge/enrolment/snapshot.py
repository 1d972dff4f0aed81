"""What the page sees: one plain value, made from the state and from what surrounds it. Ids of texts, never sentences, never scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from edge.enrolment.hooks import Json
from edge.enrolment.offers import actions, device_for, primary, reasons, retakeable
from edge.enrolment.population import backdrop, nik_warnings
from edge.enrolment.procedure import ABANDON_REASONS, BEST_REASONS, DEVICE_OF_KIND, STEPS, Target
from edge.enrolment.state import Enrolment, State, due, excluded, guards_not_done, recapture, resolved, step_of, step_taking, targets, try_of, under_way

FEW_LEFT = 50
"""warn this early, long before the station has to refuse (ecosystem 4.2, 14)"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the page shows and the procedure does not decide."""

    station_id: str
    station_name: str
    screen_ppi: float = 0
    """pixels an inch of the station's screen; 0: the page guesses by size"""
    devices: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """name -> state, code"""
    power: Json = field(default_factory=dict)
    link: Json = field(default_factory=dict)
    queue: Json = field(default_factory=dict)
    capture_progress: float | None = None
    photo: bool = False
    """GET /api/photo has a picture of this person"""
    came_back: tuple[str, Mapping[str, str]] = ("power_was_out", {})
    """after a cut or a stop: notice id and its values (edge/power/resume.py)"""
    unreadable: tuple[str, ...] = ()
    """register numbers of records that rotted on the card: these persons must be recorded again"""
    stick: tuple[str, int] = ("", 0)
    """notice id about a stick that was plugged in, and how many entries lie on it"""


def build(state: State, around: Surroundings) -> Json:
    """The contract of GET /api/state, without its version."""
    enrolment = state.enrolment
    step = step_of(enrolment) if enrolment else None
    return {
        "station": {"id": around.station_id, "name": around.station_name, "ppi": around.screen_ppi},
        "language": state.language,
        "operator": {"id": state.operator.pseudonym, "name": state.operator.name} if state.operator else None,
        "phase": _phase(state),
        "steps": [{"id": each.id, "state": _step_state(enrolment, each.id, step.id if step else "")} for each in STEPS],
        "step": step.id if step else None,
        "person": _person(state, around),
        "target": _target(enrolment),
        "targets": _targets(enrolment) if enrolment else [],
        "retake": _plain(enrolment.retake) if enrolment and enrolment.retake else None,
        "activity": _activity(state),
        "hint": _hint(enrolment),
        "live": _live(state),
        "automatic": state.automatic,
        "progress": around.capture_progress if enrolment and enrolment.reading else None,
        "verdict": _verdict(enrolment),
        "attempts": _attempts(enrolment),
        "actions": list(actions(state)),
        "primary": primary(state),
        "reasons": _reasons(state),
        "notices": _notices(state, around),
        "devices": {name: {"state": _shown(kept), "code": code} for name, (kept, code) in around.devices.items()},
        "power": around.power,
        "link": around.link,
        "queue": around.queue,
        "enrolments_left": state.conditions.enrolments_left,
        "saved": enrolment.progress.sequence > 0 if enrolment else False,
    }


def _shown(kept: str) -> str:
    """Every picture of a preview makes a device busy for a moment; a page need not flicker with it."""
    return "ready" if kept == "busy" else kept


def _phase(state: State) -> str:
    if state.conditions.stopping:
        return "stopping"
    if state.enrolment is not None:
        return "enrolling"
    return "idle" if state.operator else "locked"


def _step_state(enrolment: Enrolment | None, step: str, present: str) -> str:
    """`saving`: all of it is taken, but not durable yet; the person may be further on."""
    if enrolment is None:
        return "todo"
    if step == present:
        return "now"
    order = [each.id for each in STEPS]
    passed = order.index(step) < order.index(present)
    wanted = targets(enrolment, STEPS[order.index(step)])
    if not wanted:
        return "done" if passed else "todo"
    if all(resolved(enrolment, target) for target in wanted):
        return "exception" if any(excluded(enrolment, target) for target in wanted) else "done"
    return "saving" if passed and all(resolved(enrolment, target) or target in under_way(enrolment) for target in wanted) else "todo"


def _person(state: State, around: Surroundings) -> Json | None:
    enrolment = state.enrolment
    if enrolment is None:
        return None
    if enrolment.person is None or state.operator is None:
        return {"ticket": enrolment.ticket, "name": None, "nik": None, "photo": around.photo, "backdrop": ""}
    person = msgspec.structs.asdict(enrolment.person)
    return {"ticket": enrolment.ticket, **person, "photo": around.photo, "backdrop": backdrop(enrolment.person), "listed": bool(enrolment.progress.row)}


def _plain(target: Target) -> Json:
    return {"kind": target.kind, "position": target.position}


def _target(enrolment: Enrolment | None) -> Json | None:
    """What the person is asked for; nothing while a finger has yet to be lifted."""
    if enrolment is None or enrolment.lifting:
        return None
    target = enrolment.capture or due(enrolment)
    return _plain(target) if target else None


def _targets(enrolment: Enrolment) -> list[Json]:
    return [
        {**_plain(target), "step": step.id, "state": _target_state(enrolment, target), "reason": _reason(enrolment, target)}
        for step in STEPS
        for target in targets(enrolment, step)
    ]


def _target_state(enrolment: Enrolment, target: Target) -> str:
    if target in under_way(enrolment):
        return "saving"
    if target == (enrolment.capture or enrolment.retake):
        return "now"
    if excluded(enrolment, target):
        return "exception"
    return "done" if resolved(enrolment, target) else "now" if target == due(enrolment) else "todo"


def _reason(enrolment: Enrolment, target: Target) -> str | None:
    forced = next((mark.reason for mark in enrolment.progress.forced if mark.target == target), "")
    return excluded(enrolment, target) or forced or None


def _activity(state: State) -> str | None:
    """What the operator waits for: nothing while there is something to do, although earlier parts may still be on their way."""
    enrolment = state.enrolment
    if enrolment is None:
        return "judging" if state.opening else None
    if enrolment.capture is not None:
        return "capturing"
    if primary(state) is not None:
        return None
    if enrolment.judging or enrolment.busy == "finding":
        return "judging"
    return "saving" if enrolment.saving or enrolment.busy or enrolment.printing else None


def _hint(enrolment: Enrolment | None) -> str | None:
    if enrolment is None or enrolment.capture is None:
        return None
    if enrolment.lifting:
        return "lift"
    return "reading" if enrolment.reading and DEVICE_OF_KIND[enrolment.capture.kind] == "fingerprint" else "place"


FINGER_SEEN = {"place": "finger_waiting", "reading": "finger_seen", "lift": "finger_lift"}
"""what the last look of the sensor said, by hint"""


def _live(state: State) -> Json | None:
    """What the sensor sees before anything is taken: a reason and its fix, or that it is good."""
    enrolment = state.enrolment
    hint = _hint(enrolment)
    if enrolment is not None and hint and device_for(enrolment) == "fingerprint":
        return {"source": "fingerprint", "id": FINGER_SEEN[hint], "fix": "", "good": hint == "reading"}
    live = enrolment.live if enrolment is not None else None
    if live is None or not (live.reason or live.good_since_ms is not None):
        return None
    source, good = DEVICE_OF_KIND[live.target.kind], live.good_since_ms is not None
    words = ("live_hold" if state.automatic else "live_good", "") if good else (live.reason, live.fix)
    return {"source": source, "id": words[0], "fix": words[1], "good": good}


OWN_TROUBLE = frozenset({"image_damaged", "image_stalled", "image_refused", "reports_lost", "light_unavailable", "light_fault", "board_hot"})
"""what a device does wrong while it answers: said in its own words instead of `device_unavailable`"""


def _verdict(enrolment: Enrolment | None) -> Json | None:
    if enrolment is None or enrolment.verdict is None:
        return None
    verdict = enrolment.verdict
    wrong_device = device_for(enrolment) if enrolment.device_lost else ""
    if not wrong_device:
        reason, fix = verdict.reason, verdict.fix
    else:
        reason, fix = verdict.reason if verdict.reason in OWN_TROUBLE else "device_unavailable", "device_unavailable_fix"
    return {"reason": reason, "fix": fix, "target": _plain(verdict.target), "device": wrong_device or None}


def _attempts(enrolment: Enrolment | None) -> int:
    target = due(enrolment) if enrolment else None
    return try_of(enrolment, target).count if enrolment and target else 0


def _reasons(state: State) -> Json:
    """What the pickers offer now."""
    enrolment = state.enrolment
    target = (enrolment.capture or due(enrolment)) if enrolment else None
    offered = actions(state)
    return {
        "exception": list(reasons(target.kind)) if target and "exception" in offered else [],
        "use_best": list(BEST_REASONS) if "use_best" in offered else [],
        "abandon": list(ABANDON_REASONS) if "abandon" in offered else [],
        "retake": [_plain(found) for found in retakeable(enrolment)] if enrolment and "retake" in offered else [],
    }


def _notices(state: State, around: Surroundings) -> list[Json]:
    found = [*_station_notices(state), *(_person_notices(state, state.enrolment, around) if state.enrolment else [])]
    broken = [] if state.conditions.stopping else [name for name, (kept, _) in around.devices.items() if kept in ("absent", "faulted", "recovering")]
    rotten = [_notice("record_unreadable", "alarm", registers=", ".join(around.unreadable))] if around.unreadable else []
    stick = [_notice(around.stick[0], "warn" if around.stick[0] == "stick_failed" else "info", number=around.stick[1])] if around.stick[0] else []
    return [*found, *stick, *rotten, *(_notice("device_broken", "warn", device=name) for name in broken)]


def _station_notices(state: State) -> list[Json]:
    conditions = state.conditions
    found = [_notice(code, "warn") for code in (state.login_problem, state.begin_problem, "paper_low" if state.paper_low else "") if code]
    if conditions.enrolments_left <= 0:
        found.append(_notice("store_full", "alarm"))
    elif conditions.enrolments_left < FEW_LEFT:
        found.append(_notice("store_low", "warn", enrolments_left=conditions.enrolments_left))
    if not conditions.next_person and conditions.reason and not conditions.stopping:
        finish = conditions.reason == "power_no_next" and state.enrolment is not None
        found.append(_notice("power_finish_only" if finish else conditions.reason, "warn"))
    return found


def _person_notices(state: State, enrolment: Enrolment, around: Surroundings) -> list[Json]:
    step = step_of(enrolment).id
    found = []
    if enrolment.resumed:
        found.append(_notice(around.came_back[0], "info", step=_place(step, due(enrolment)), **around.came_back[1]))
    found.extend(_called_back(enrolment, step))
    if enrolment.problem:
        found.append(_notice("not_saved" if enrolment.problem not in OWN_WORDS else enrolment.problem, "alarm", code=enrolment.problem))
    if step != "slip":
        found.extend(_notice(mark.reason, "info") for mark in enrolment.warnings)
    if step == "data" and enrolment.person is not None and state.operator:
        found.extend(_notice(code, "warn") for code in nik_warnings(enrolment.person))
        found.extend([] if enrolment.progress.row else [_notice("letter_unknown", "warn")])
    if step == "review":
        found.extend([_notice("index_not_checked", "info")] if "index_check" in guards_not_done(enrolment) else [])
        found.extend([_notice("recapture", "warn")] if recapture(enrolment) else [])
    return found


def _called_back(enrolment: Enrolment, step: str) -> list[Json]:
    """An earlier step was refused after the person had gone on: now, or as soon as what is under way is done."""
    verdict = enrolment.verdict
    if verdict is None or verdict.target in under_way(enrolment) or resolved(enrolment, verdict.target):
        return []
    refused = step_taking(verdict.target).id
    if refused != step:
        return [_notice("step_back_next", "warn", step=refused)]
    return [_notice("step_back", "warn", step=refused)] if enrolment.returned else []


def _place(step: str, target: Target | None) -> str:
    """The step, with the side of the body where that says more (fingers 1 to 5 and eye 1 are the right ones)."""
    if target is None or step not in LAST_ON_RIGHT:
        return step
    return f"{step}_right" if target.position <= LAST_ON_RIGHT[step] else f"{step}_left"


LAST_ON_RIGHT = {"fingers": 5, "irises": 1}
OWN_WORDS = ("paper_out", "cover_open", "printer_offline", "print_failed")
"""problems whose notice says all; any other one means that something is not saved yet"""


def _notice(identity: str, level: str, **values: object) -> Json:
    return {"id": identity, "level": level, "values": values}
