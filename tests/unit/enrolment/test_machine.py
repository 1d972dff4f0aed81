"""The machine's table: what each event does in which state, and what is refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge.enrolment import events as ev
from edge.enrolment.machine import HANDLERS, step
from edge.enrolment.offers import actions, primary
from edge.enrolment.population import Person
from edge.enrolment.procedure import FINGER_ORDER, POPULATION, STEPS, Target
from edge.enrolment.state import Enrolment, Operator, Progress, State, decode_progress, encode_progress, guards_not_done, step_of
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
