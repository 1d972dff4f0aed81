"""The machine's table: what each event does in which state, and what is refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge.enrolment import events as ev
from edge.enrolment import snapshot
from edge.enrolment.machine import HANDLERS, step
from edge.enrolment.offers import actions, primary
from edge.enrolment.population import Person
from edge.enrolment.procedure import FINGER_ORDER, POPULATION, STEPS, Target
from edge.enrolment.state import Enrolment, Operator, Progress, State, Verdict, decode_progress, encode_progress, guards_not_done, step_of
from edge.errors import RefusedEvent

ALL = frozenset({"camera", "tablet", "fingerprint", "iris", "printer"})
ANI = Operator("6f702d31", "Ani")
FACE, SIGNATURE = Target("face"), Target("signature")
FINGERS = tuple(Target("finger", n) for n in FINGER_ORDER)
EYES = (Target("iris", 1), Target("iris", 2))


def at(*saved: Target, letter: bool = True, operator: Operator | None = ANI, fitted: frozenset[str] = ALL, **fields: Any) -> State:
    """Somebody at the desk with these parts saved."""
    progress = fields.pop("progress", Progress(letter=letter))
    person = Person(name="Siti", birth_date="1990-05-17", sex="P")
    fresh = fields.pop("fresh", frozenset(saved))
    return State(operator=operator, fitted=fitted, enrolment=Enrolment(b"r" * 16, 7, 0, progress, frozenset(saved), fresh, person, **fields))


def after(state: State, *happened: ev.Event, at_ms: int = 1000) -> State:
    for event in happened:
        state, _ = step(state, event, at_ms)
    return state


def commands(state: State, event: ev.Event, at_ms: int = 1000) -> list[ev.Command]:
    return list(step(state, event, at_ms)[1])


def desk(state: State) -> Enrolment:
    assert state.enrolment is not None
    return state.enrolment


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ((), "data"),
        ((POPULATION,), "face"),
        ((POPULATION, FACE), "signature"),
        ((POPULATION, FACE, SIGNATURE), "fingers"),
        ((POPULATION, FACE, SIGNATURE, *FINGERS[:9]), "fingers"),
        ((POPULATION, FACE, SIGNATURE, *FINGERS), "irises"),
        ((POPULATION, FACE, SIGNATURE, *FINGERS, *EYES), "check"),
    ],
)
def test_the_step_is_the_first_that_is_not_complete(saved: tuple[Target, ...], expected: str) -> None:
    assert step_of(desk(at(*saved))).id == expected
    assert step_of(desk(at(*saved, letter=False))).id == "letter"


PRIMARY = {
    "letter": "letter",
    "data": "confirm_data",
    "face": "capture",
    "signature": "capture",
    "fingers": "capture",
    "irises": "capture",
    "check": "capture",
    "review": "confirm_review",
    "slip": "print_slip",
}


@pytest.mark.parametrize("wanted", [each.id for each in STEPS])
def test_each_step_has_its_one_primary_action(wanted: str) -> None:
    order = [Target("population"), FACE, SIGNATURE, *FINGERS, *EYES]
    counts = {"letter": 0, "data": 0, "face": 1, "signature": 2, "fingers": 3, "irises": 13}
    checked = (2, 7) if wanted in ("review", "slip") else ()
    progress = Progress(letter=wanted != "letter", checked=checked, sequence=5 if wanted == "slip" else 0)
    state = at(*order[: counts.get(wanted, 15)], progress=progress)
    assert step_of(desk(state)).id == wanted
    assert primary(state) == PRIMARY[wanted]


def test_nothing_is_refused_that_is_offered_and_nothing_accepted_that_is_not() -> None:
    state = at(POPULATION)
    assert set(actions(state)) == {"capture", "exception", "retake", "abandon", "language", "waiting", "stop"}
    others = (ev.ConfirmReview(), ev.Finish(), ev.PrintSlip(), ev.Letter(number="1"), ev.NextPerson(ticket=1), ev.UseBest(reason="other"), ev.Pause())
    for event in others:
        with pytest.raises(RefusedEvent) as refused:
            step(state, event, 0)
        assert refused.value.code == "not_now"


def test_every_event_has_a_handler() -> None:
    def leaves(kind: type) -> set[type]:
        return {leaf for below in kind.__subclasses__() for leaf in (leaves(below) or {below})}

    assert set(HANDLERS) == leaves(ev.OperatorEvent) | leaves(ev.Happening)


def test_judging_overlaps_with_the_next_capture() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE), ev.Capture())
    state, given = step(state, ev.Captured(FINGERS[0], 1), 0)
    assert given == (ev.Judge(FINGERS[0], 1), ev.StartCapture(FINGERS[1], after_lift=True))
    state, given = step(state, ev.Judged(FINGERS[0], 1, passed=True), 0)
    assert given == (ev.Save(FINGERS[0], 1),)
    assert desk(state).capture == FINGERS[1]


def test_a_failed_finger_takes_the_place_of_one_that_has_not_come_yet() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE), ev.Capture(), ev.Captured(FINGERS[0], 1))
    bad = ev.Judged(FINGERS[0], 1, passed=False, reason="finger_dry")
    assert commands(state, bad) == [ev.StopCapture(), ev.StartCapture(FINGERS[0], after_lift=True)]
    reading = after(state, ev.Reading(FINGERS[1]))
    assert commands(reading, bad) == []
    assert desk(after(reading, bad, ev.Captured(FINGERS[1], 2))).capture == FINGERS[0]


def test_captures_never_run_into_the_next_step() -> None:
    state = after(at(POPULATION), ev.Capture(), ev.Captured(FACE, 1), ev.Judged(FACE, 1, passed=True))
    state, given = step(state, ev.PartSaved(FACE), 0)
    assert step_of(desk(state)).id == "signature"
    assert not any(isinstance(command, ev.StartCapture) for command in given)
    state = after(at(POPULATION, FACE, SIGNATURE, *FINGERS[:9]), ev.Capture())
    state, given = step(state, ev.Exclude(kind="finger", position=6, reason="missing"), 0)
    assert step_of(desk(state)).id == "irises"
    assert not any(isinstance(command, ev.StartCapture) for command in given)


def test_a_capture_that_was_called_off_is_let_go() -> None:
    state = after(at(POPULATION), ev.Capture(), ev.Pause())
    assert commands(state, ev.Captured(FACE, 9)) == [ev.Forget(9)]
    assert commands(state, ev.CaptureFailed(FACE, "finger_missing", device_lost=False)) == []
    assert commands(state, ev.Judged(FACE, 9, passed=True)) == [ev.Forget(9)]


def test_of_failed_captures_the_best_is_kept() -> None:
    state = at(POPULATION)
    forgotten: list[ev.Command] = []
    for token, score in ((1, 0.2), (2, 0.9), (3, 0.5)):
        state = after(state, ev.Capture(), ev.Captured(FACE, token))
        forgotten += [c for c in commands(state, ev.Judged(FACE, token, passed=False, score=score)) if isinstance(c, ev.Forget)]
        state = after(state, ev.Judged(FACE, token, passed=False, score=score))
    assert forgotten == [ev.Forget(1), ev.Forget(3)]
    assert "use_best" in actions(state)
    assert ev.Save(FACE, 2) in commands(state, ev.UseBest(reason="elderly"))
    assert ev.Note("override", {"kind": "face", "position": "0", "reason": "elderly"}) in commands(state, ev.UseBest(reason="elderly"))


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (ev.Exclude(kind="finger", position=2, reason="missing"), "bad_position"),
        (ev.Exclude(kind="face", reason="blind"), "bad_reason"),
        (ev.Exclude(kind="nose", reason="missing"), "bad_reason"),
        (ev.Exclude(kind="face", position=3, reason="refused"), "bad_position"),
        (ev.Retake(kind="face"), "bad_position"),
        (ev.Abandon(reason="bored"), "bad_reason"),
    ],
)
def test_fields_that_do_not_fit_are_refused(event: ev.OperatorEvent, code: str) -> None:
    with pytest.raises(RefusedEvent) as refused:
        step(at(POPULATION), event, 0)
    assert refused.value.code == code


def test_what_is_saved_cannot_become_impossible_to_take() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE, FINGERS[0]), ev.Retake(kind="finger", position=2))
    assert "exception" not in actions(state)
    assert "keep" in actions(state)


def test_after_a_cut_the_guards_that_need_earlier_pictures_are_not_done() -> None:
    before = at(POPULATION, FACE, SIGNATURE, *FINGERS[:9], fresh=frozenset())
    state = after(before, ev.Capture(), ev.Captured(FINGERS[9], 1), ev.Judged(FINGERS[9], 1, passed=True), ev.PartSaved(FINGERS[9]))
    assert guards_not_done(desk(state)) == ("index_check", "same_finger")
    state = after(state, ev.Capture(), ev.Captured(EYES[0], 2), ev.Captured(EYES[1], 3))
    state = after(state, ev.Judged(EYES[0], 2, passed=True), ev.PartSaved(EYES[0]), ev.Judged(EYES[1], 3, passed=True), ev.PartSaved(EYES[1]))
    assert step_of(desk(state)).id == "review"
    assert guards_not_done(desk(state)) == ("index_check", "same_finger")


def test_times_of_a_step_add_up_over_visits() -> None:
    state = at(POPULATION)
    state = after(state, ev.Capture(), at_ms=1000)
    state = after(state, ev.Captured(FACE, 1), ev.Judged(FACE, 1, passed=True), ev.PartSaved(FACE), at_ms=4000)
    state = after(state, ev.Retake(kind="face"), at_ms=6000)
    state = after(state, ev.Keep(), at_ms=9000)
    times = {time.step: (time.duration_ms, time.attempts) for time in desk(state).progress.times}
    assert times == {"face": (7000, 1), "signature": (2000, 0)}


def test_a_changed_journal_is_written() -> None:
    state = at(POPULATION, FACE, SIGNATURE)
    touched = ev.Exclude(kind="finger", position=2, reason="missing")
    assert ev.SaveProgress(desk(after(state, touched)).progress) in commands(state, touched)
    assert not any(isinstance(command, ev.SaveProgress) for command in commands(state, ev.Capture()))


def test_the_journal_comes_back_as_it_went_and_holds_nobodys_name() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE), ev.Exclude(kind="finger", position=2, reason="missing"))
    progress = desk(state).progress
    data = encode_progress(progress)
    assert decode_progress(data, ()) == progress
    assert b"Siti" not in data
    assert b"1990" not in data
    assert decode_progress(b"\x00garbage", (POPULATION,)) == Progress(letter=True, guards_not_done=("progress_unreadable",))
    assert decode_progress(data.replace(b'"version":1', b'"vers":1'), ()).guards_not_done == ("progress_unreadable",)


@pytest.mark.parametrize(("wrong", "wait_s"), [(3, 5), (4, 10), (8, 160), (12, 300)])
def test_wrong_pins_cost_more_and_more_time(wrong: int, wait_s: int) -> None:
    state = State()
    now_ms = 0
    for _ in range(wrong):
        now_ms = max(now_ms, state.pins_locked_until_ms)
        state = after(state, ev.LogIn(operator="ani", pin="0000"), ev.LoginRefused("wrong_pin"), at_ms=now_ms)
    with pytest.raises(RefusedEvent) as refused:
        step(state, ev.LogIn(operator="ani", pin="1234"), now_ms)
    assert refused.value.values == {"wait_s": wait_s}
    assert after(state, ev.LogIn(operator="ani", pin="1234"), ev.LoggedIn("01", "Ani"), at_ms=now_ms + wait_s * 1000).wrong_pins == 0


def test_a_resumed_person_has_no_name_until_the_log_in() -> None:
    progress = Progress(operator="01", row="ab" * 16, letter=True)
    resumed = ev.Resumed(b"r" * 16, 7, encode_progress(progress), (POPULATION, FACE))
    state = after(State(fitted=ALL), resumed)
    assert step_of(desk(state)).id == "signature"
    assert primary(state) == "capture"
    kept = ev.SaveProgress(replace(progress, operator="02"))
    assert commands(replace(state, opening=True), ev.LoggedIn("02", "Budi")) == [ev.Note("login", {"operator": "02"}), ev.FindRow("ab" * 16), kept]


def test_the_review_waits_for_an_operator() -> None:
    state = at(POPULATION, FACE, SIGNATURE, *FINGERS, *EYES, operator=None, progress=Progress(letter=True, checked=(2, 7)))
    assert primary(state) == "log_in"
    assert "confirm_review" not in actions(state)


def test_a_committed_record_resumes_at_the_slip() -> None:
    resumed = ev.Resumed(b"r" * 16, 7, encode_progress(Progress(letter=True)), (POPULATION,), sequence=41)
    state = after(State(fitted=ALL), resumed)
    assert step_of(desk(state)).id == "slip"
    assert primary(state) == "print_slip"
    assert "abandon" not in actions(state)


def test_stopping_ends_captures_and_offers_nothing() -> None:
    state = after(at(POPULATION), ev.Capture())
    state, given = step(state, ev.Conditions(stopping=True), 0)
    assert given == (ev.StopCapture(),)
    assert actions(state) == ("language",)
    assert primary(after(state, ev.Conditions())) == "capture"


def test_the_next_step_is_offered_while_the_last_part_of_the_one_before_is_judged_and_saved() -> None:
    state = after(at(POPULATION), ev.Capture(), ev.Captured(FACE, 1))
    assert step_of(desk(state)).id == "signature"
    assert primary(state) == "capture"
    seen = snapshot.build(state, snapshot.Surroundings("poso-1", "Poso"))
    assert seen["activity"] is None
    assert {step["id"]: step["state"] for step in seen["steps"]}["face"] == "saving"
    assert {target["kind"]: target["state"] for target in seen["targets"]}["face"] == "saving"
    signing = after(state, ev.Capture(), ev.Judged(FACE, 1, passed=True), ev.PartSaved(FACE))
    assert step_of(desk(signing)).id == "signature"
    assert desk(signing).capture == SIGNATURE


def notices(state: State) -> list[tuple[str, str]]:
    seen = snapshot.build(state, snapshot.Surroundings("poso-1", "Poso"))
    return [(notice["id"], notice["values"].get("step", "")) for notice in seen["notices"]]


def test_a_refusal_brings_back_who_has_gone_on_and_says_so() -> None:
    refused = ev.Judged(FACE, 1, passed=False, reason="face_dark", fix="face_dark_fix")
    offered = after(at(POPULATION), ev.Capture(), ev.Captured(FACE, 1), refused)
    waiting = after(at(POPULATION), ev.Capture(), ev.Captured(FACE, 1), ev.Capture())
    assert commands(waiting, refused)[0] == ev.StopCapture()
    for state in (offered, after(waiting, refused)):
        seen = snapshot.build(state, snapshot.Surroundings("poso-1", "Poso"))
        assert (seen["step"], seen["target"], seen["primary"]) == ("face", {"kind": "face", "position": 0}, "capture")
        assert (seen["verdict"]["reason"], seen["verdict"]["fix"]) == ("face_dark", "face_dark_fix")
        assert notices(state) == [("step_back", "face")]
        assert notices(after(state, ev.Capture())) == []


def test_nobody_is_called_back_in_the_middle_of_a_signature() -> None:
    refused = ev.Judged(FACE, 1, passed=False, reason="face_dark", fix="face_dark_fix")
    signing = after(at(POPULATION), ev.Capture(), ev.Captured(FACE, 1), ev.Capture(), ev.Reading(SIGNATURE), refused)
    assert step_of(desk(signing)).id == "signature"
    assert notices(signing) == [("step_back_next", "face")]
    signed = after(signing, ev.Captured(SIGNATURE, 2))
    assert step_of(desk(signed)).id == "face"
    assert notices(signed) == [("step_back", "face")]
    lost = after(signing, ev.CaptureFailed(SIGNATURE, "nothing_signed", device_lost=False))
    assert desk(lost).verdict == Verdict(FACE, "face_dark", "face_dark_fix")
    done = after(signed, ev.Judged(SIGNATURE, 2, passed=True), ev.PartSaved(SIGNATURE), ev.Capture(), ev.Captured(FACE, 3))
    assert step_of(desk(done)).id == "fingers"


def test_a_part_that_could_not_be_saved_brings_the_person_back() -> None:
    state = after(at(), ev.ConfirmData())
    assert step_of(desk(state)).id == "face"
    state = after(state, ev.SaveFailed(POPULATION, "store_error"))
    assert step_of(desk(state)).id == "data"
    assert primary(state) == "confirm_data"
    assert ("not_saved", "") in notices(state)


def test_the_review_waits_for_the_last_comparison() -> None:
    saved = (POPULATION, FACE, SIGNATURE, *FINGERS, EYES[0])
    state = after(at(*saved, progress=Progress(letter=True, checked=(2,))), ev.Capture(), ev.Captured(EYES[1], 1))
    state = after(state, ev.Capture(), ev.Captured(Target("check", 7), 2))
    assert step_of(desk(state)).id == "check"
    assert primary(state) is None
    state = after(state, ev.Judged(Target("check", 7), 2, passed=True))
    assert step_of(desk(state)).id == "irises"
    assert primary(state) is None
    state = after(state, ev.Judged(EYES[1], 1, passed=True), ev.PartSaved(EYES[1]))
    assert primary(state) == "confirm_review"


def test_a_slow_station_waits_before_more_would_be_lost_by_a_power_cut() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE), ev.Capture(), *(ev.Captured(finger, n) for n, finger in enumerate(FINGERS[:4])))
    assert desk(state).capture is None
    assert primary(state) is None
    state = after(state, ev.Judged(FINGERS[0], 0, passed=True))
    assert commands(state, ev.PartSaved(FINGERS[0])) == [ev.StartCapture(FINGERS[4], after_lift=True)]


def test_each_eye_has_a_touch_of_its_own() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE, *FINGERS), ev.Capture())
    state, given = step(state, ev.Captured(EYES[0], 1), 0)
    assert given == (ev.Judge(EYES[0], 1),)
    assert primary(state) == "capture"


def test_a_good_live_picture_is_taken_by_itself_where_the_configuration_says_so() -> None:
    good = ev.Aimed(FACE, good=True)
    for automatic, expected in ((False, []), (True, [ev.StartCapture(FACE)])):
        state = after(replace(at(POPULATION), automatic=automatic), good, at_ms=5_000)
        assert commands(state, good, 5_900) == []
        assert commands(state, good, 6_000) == expected
    shaky = after(state, ev.Aimed(FACE, good=False, reason="face_dark", fix="face_dark_fix"), at_ms=5_500)
    assert commands(shaky, good, 6_400) == []
    tired = after(state, *[e for n in range(3) for e in (ev.Capture(), ev.Captured(FACE, n), ev.Judged(FACE, n, passed=False, reason="face_dark"))])
    assert commands(after(tired, good, at_ms=9_000), good, 11_000) == []


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (ev.Aimed(FACE, good=True), {"source": "camera", "id": "live_good", "fix": "", "good": True}),
        (ev.Aimed(FACE, good=False, reason="face_far", fix="face_far_fix"), {"source": "camera", "id": "face_far", "fix": "face_far_fix", "good": False}),
        (ev.Aimed(FACE, good=False), None),
        (ev.Aimed(SIGNATURE, good=True), None),
    ],
)
def test_the_page_shows_what_the_live_picture_lacks(seen: ev.Aimed, shown: dict[str, Any] | None) -> None:
    state = after(at(POPULATION), seen)
    assert snapshot.build(state, snapshot.Surroundings("poso-1", "Poso"))["live"] == shown
    assert snapshot.build(after(state, ev.Capture()), snapshot.Surroundings("poso-1", "Poso"))["live"] is None


def test_the_page_shows_what_the_sensor_sees_of_a_finger() -> None:
    state = after(at(POPULATION, FACE, SIGNATURE), ev.Capture())
    shown = []
    for happened in (ev.Reading(FINGERS[0]), ev.Captured(FINGERS[0], 1), ev.Lifted(FINGERS[1]), ev.Reading(FINGERS[1])):
        shown.append(snapshot.build(state, snapshot.Surroundings("poso-1", "Poso"))["live"]["id"])
        state = after(state, happened)
    assert shown == ["finger_waiting", "finger_seen", "finger_lift", "finger_waiting"]
