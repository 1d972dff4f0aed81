"""Whatever people, devices and disk do in whatever order: the machine keeps its promises.

The rules play the operator (only what is offered, and what is not) and the session (answers to the commands it was given, late,
failed or in another order). The invariants are what an operator relies on.
"""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.enrolment import events as ev
from edge.enrolment import snapshot
from edge.enrolment.machine import step
from edge.enrolment.offers import actions, primary
from edge.enrolment.population import Corrections, Person
from edge.enrolment.procedure import ABANDON_REASONS, AWAITED_KINDS, BEST_REASONS, EXCEPTION_REASONS, POPULATION, STEP, STEPS, Target
from edge.enrolment.state import State, decode_progress, due, encode_progress, excluded, resolved, step_of, targets, under_way
from edge.errors import RefusedEvent

AROUND = snapshot.Surroundings("poso-1", "Poso")
ALL = ("camera", "tablet", "fingerprint", "iris", "printer")
WITH_PARTS = ("data", "face", "signature", "fingers", "irises")
SITI = Person(name="Siti", birth_date="1990-05-17", sex="P")
EVERY_KIND = (
    ev.LogOut(),
    ev.NextPerson(ticket=3),
    ev.Letter(number="x"),
    ev.ConfirmData(),
    ev.Capture(),
    ev.Pause(),
    ev.DoneSigning(),
    ev.Retake(kind="finger", position=2),
    ev.Keep(),
    ev.UseBest(reason="other"),
    ev.Exclude(kind="finger", position=3, reason="missing"),
    ev.ConfirmReview(),
    ev.PrintSlip(),
    ev.Finish(),
    ev.Abandon(reason="other"),
)


class Station(RuleBasedStateMachine):
    """The machine with everything around it."""

    @initialize(fitted=st.one_of(st.just(set(ALL)), st.sets(st.sampled_from(ALL))), automatic=st.booleans())
    def start(self, fitted: set[str], automatic: bool) -> None:
        self.state = State(fitted=frozenset(fitted), automatic=automatic)
        self.pending: list[ev.Command] = []
        self.tokens = 0
        self.alive: set[int] = set()
        """captures in RAM that nobody has saved or forgotten"""
        self.capturing: Target | None = None
        self.durable: set[Target] = set()
        self.now_ms = 0

    def give(self, event: ev.Event) -> None:
        self.now_ms += 100
        self.state, commands = step(self.state, event, self.now_ms)
        for command in commands:
            self.obey(command)

    def obey(self, command: ev.Command) -> None:
        match command:
            case ev.StartCapture(target=target):
                assert self.capturing is None, "two captures at once"
                self.capturing = target
            case ev.StopCapture():
                assert self.capturing is not None, "nothing to stop"
                self.capturing = None
            case ev.Forget(token=token):
                self.alive.discard(token)
            case ev.Save(token=token):
                assert token in self.alive, "a capture is saved that is gone"
                self.alive.discard(token)
                self.pending.append(command)
            case ev.FinishRecord():
                assert not self.alive
                self.durable = set()
            case _:
                self.pending.append(command)

    # --- the operator ---

    @rule(data=st.data())
    def touch_what_is_offered(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(actions(self.state)))
        self.give(self.touch(kind, data))

    def touch(self, kind: str, data: st.DataObject) -> ev.OperatorEvent:
        seen = snapshot.build(self.state, AROUND)
        match kind:
            case "log_in":
                self.now_ms = max(self.now_ms, self.state.pins_locked_until_ms)
                return ev.LogIn(operator="ani", pin="1234")
            case "next_person":
                return ev.NextPerson(ticket=5)
            case "letter":
                return ev.Letter(number="SP-1")
            case "confirm_data":
                return ev.ConfirmData(corrections=Corrections(name="Siti", birth_date="1990-05-17", sex="P"))
            case "exception":
                target = seen["target"] or next(t for t in seen["targets"] if t["state"] in ("now", "todo") and t["step"] == seen["step"])
                reason = data.draw(st.sampled_from(EXCEPTION_REASONS[target["kind"]]))
                return ev.Exclude(kind=target["kind"], position=target["position"], reason=reason)
            case "retake":
                target = data.draw(st.sampled_from(seen["reasons"]["retake"]))
                return ev.Retake(kind=target["kind"], position=target["position"])
            case "use_best":
                return ev.UseBest(reason=data.draw(st.sampled_from(BEST_REASONS)))
            case "abandon":
                return ev.Abandon(reason=data.draw(st.sampled_from(ABANDON_REASONS)))
            case "language":
                return ev.Language(language="en")
            case "waiting":
                return ev.Waiting(people=4)
        simple = {"log_out": ev.LogOut, "capture": ev.Capture, "pause": ev.Pause, "done_signing": ev.DoneSigning, "keep": ev.Keep}
        simple |= {"confirm_review": ev.ConfirmReview, "print_slip": ev.PrintSlip, "finish": ev.Finish, "stop": ev.Stop}
        return simple[kind]()

    @rule(event=st.sampled_from(EVERY_KIND))
    def touch_what_is_not_offered(self, event: ev.OperatorEvent) -> None:
        if type(event).__struct_config__.tag in actions(self.state):
            return
        before = self.state
        try:
            step(self.state, event, self.now_ms)
        except RefusedEvent:
            assert self.state is before
            return
        raise AssertionError(f"{event} was not refused")

    # --- devices and disk ---

    @precondition(lambda self: self.capturing is not None)
    @rule(lost=st.booleans(), end=st.sampled_from(["captured", "captured", "captured", "failed", "reading", "lifted"]))
    def device_answers(self, lost: bool, end: str) -> None:
        target = self.capturing
        assert target is not None
        if end in ("reading", "lifted"):
            self.give(ev.Reading(target) if end == "reading" else ev.Lifted(target))
            return
        self.capturing = None
        if end == "failed":
            self.give(ev.CaptureFailed(target, "finger_missing", lost))
            return
        self.tokens += 1
        self.alive.add(self.tokens)
        self.give(ev.Captured(target, self.tokens))

    @precondition(lambda self: self.state.enrolment is not None)
    @rule(good=st.booleans(), looks=st.integers(1, 12), of=st.sampled_from([None, Target("face"), Target("iris", 2)]))
    def the_live_picture_is_looked_at(self, good: bool, looks: int, of: Target | None) -> None:
        assert self.state.enrolment is not None
        for _ in range(looks):
            seen = of or due(self.state.enrolment) or Target("face")
            self.give(ev.Aimed(seen, good, "" if good else "face_dark", "" if good else "face_dark_fix"))

    @rule(late=st.sampled_from([Target("face"), Target("finger", 2), Target("iris", 1), Target("check", 7)]))
    def a_capture_that_was_called_off_comes_late(self, late: Target) -> None:
        if late == self.capturing:
            return
        self.tokens += 1
        self.alive.add(self.tokens)
        self.give(ev.Captured(late, self.tokens))
        assert self.tokens not in self.alive

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def session_answers(self, data: st.DataObject) -> None:
        command = self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1)))
        good = data.draw(st.sampled_from([True, True, True, False]))
        self.settle(self.answer(command, good, data))

    def settle(self, answer: ev.Happening | None) -> None:
        if isinstance(answer, ev.PartSaved):
            self.durable.add(answer.target)
        if isinstance(answer, ev.Abandoned):
            self.durable = set()
        if answer is not None:
            self.give(answer)

    def answer(self, command: ev.Command, good: bool, data: st.DataObject) -> ev.Happening | None:
        match command:
            case ev.OpenRoster():
                return ev.LoggedIn("01", "Ani") if good else ev.LoginRefused("wrong_pin")
            case ev.Begin():
                return ev.Begun(b"r" * 16) if good else ev.BeginRefused("store_full")
            case ev.FindLetter() | ev.FindRow():
                return ev.LetterFound("ab" if good else "", SITI)
            case ev.Judge(target=target, token=token):
                return ev.Judged(target, token, good, "" if good else "finger_dry", "", data.draw(st.floats(0, 1)))
            case ev.Save(target=target):
                return ev.PartSaved(target) if good else ev.SaveFailed(target, "store_error")
            case ev.SavePopulation():
                return ev.PartSaved(POPULATION) if good else ev.SaveFailed(POPULATION, "store_error")
            case ev.CloseRecord():
                return ev.RecordClosed(9) if good else ev.CloseFailed("store_error")
            case ev.Print():
                sequence = self.state.enrolment.progress.sequence if self.state.enrolment else 9
                return ev.SlipPrinted(sequence) if good else ev.PrintFailed(sequence, "paper_out")
            case ev.AbandonRecord():
                return ev.Abandoned() if good else ev.AbandonFailed("store_error")
        return None

    @rule(data=st.data())
    def all_goes_well_to_the_next_step(self, data: st.DataObject) -> None:
        """Without this, chance alone seldom comes past the fingers."""
        begun = self.state.enrolment and step_of(self.state.enrolment).id
        for _ in range(60):
            if self.capturing is not None:
                self.device_answers(False, "captured")
            elif self.pending:
                command = self.pending.pop(0)
                self.settle(self.answer(command, True, data))
            elif (kind := primary(self.state)) is not None:
                self.give(self.touch(kind, data))
            if (self.state.enrolment and step_of(self.state.enrolment).id) != begun:
                return

    @rule(next_person=st.booleans(), stopping=st.sampled_from([False, False, False, True]), left=st.integers(0, 60))
    def conditions_change(self, next_person: bool, stopping: bool, left: int) -> None:
        self.give(ev.Conditions(next_person, "power_no_next", stopping, left))

    @rule()
    def the_power_goes_and_comes_back(self) -> None:
        fitted, automatic, enrolment = self.state.fitted, self.state.automatic, self.state.enrolment
        self.pending, self.capturing, self.alive = [], None, set()
        self.state = State(fitted=fitted, automatic=automatic)
        if enrolment is None or not enrolment.record_id:
            self.durable = set()
            return
        progress = enrolment.progress
        self.give(ev.Resumed(enrolment.record_id, enrolment.ticket, encode_progress(progress), tuple(sorted(self.durable)), progress.sequence))
        assert self.state.enrolment is not None
        there = self.durable | {mark.target for mark in self.state.enrolment.progress.exceptions}
        missing = [name for name in WITH_PARTS if not all(t in there for t in targets(self.state.enrolment, STEP[name]) if t.kind != "check")]
        now = step_of(self.state.enrolment).id
        expected = "slip" if progress.sequence else "letter" if not progress.letter else missing[0] if missing else None
        assert now == expected or (expected is None and now in ("check", "review")), (now, expected)

    # --- what must always be so ---

    @invariant()
    def nothing_saved_is_ever_lost(self) -> None:
        if hasattr(self, "state") and self.state.enrolment is not None:
            assert self.state.enrolment.saved == self.durable

    @invariant()
    def nothing_taken_is_both_there_and_excused(self) -> None:
        if hasattr(self, "state") and (enrolment := self.state.enrolment) is not None:
            assert not [target for target in enrolment.saved if excluded(enrolment, target)]
            assert max(Counter(mark.target for mark in enrolment.progress.exceptions).values(), default=1) == 1

    @invariant()
    def the_machine_and_the_devices_agree(self) -> None:
        if hasattr(self, "state"):
            assert (self.state.enrolment.capture if self.state.enrolment else None) == self.capturing

    @invariant()
    def a_record_is_closed_only_when_whole(self) -> None:
        if hasattr(self, "state") and (enrolment := self.state.enrolment) is not None and enrolment.busy == "closing":
            assert all(resolved(enrolment, target) for name in WITH_PARTS for target in targets(enrolment, STEP[name]))

    @invariant()
    def the_review_waits_for_all_that_is_on_its_way(self) -> None:
        if hasattr(self, "state") and (enrolment := self.state.enrolment) is not None and step_of(enrolment).id in ("review", "slip"):
            assert not enrolment.judging
            assert not enrolment.saving
            assert not [command for command in self.pending if isinstance(command, ev.Save | ev.SavePopulation)]

    @invariant()
    def no_step_is_skipped(self) -> None:
        """Whoever is at a step has given all that the steps before it take, unless the device has this one before it already."""
        if not hasattr(self, "state") or (enrolment := self.state.enrolment) is None or enrolment.retake or enrolment.reading:
            return
        if enrolment.capture is not None and enrolment.capture.kind not in AWAITED_KINDS:
            return
        before = STEPS[: STEPS.index(step_of(enrolment))]
        lacking = [t for step in before for t in targets(enrolment, step) if t not in under_way(enrolment) and not resolved(enrolment, t)]
        assert not lacking, (step_of(enrolment).id, lacking)

    @invariant()
    def every_capture_in_memory_is_accounted_for(self) -> None:
        if hasattr(self, "state"):
            enrolment = self.state.enrolment
            known = {*(h.token for h in enrolment.judging), *(t.token for t in enrolment.tries if t.token is not None)} if enrolment else set()
            assert self.alive == known

    @invariant()
    def a_tick_is_shown_only_for_what_is_durable(self) -> None:
        if not hasattr(self, "state") or (enrolment := self.state.enrolment) is None:
            return
        seen = snapshot.build(self.state, AROUND)
        ticked = {Target(t["kind"], t["position"]) for t in seen["targets"] if t["state"] == "done" and t["kind"] != "check"}
        assert ticked <= self.durable
        for line in seen["steps"]:
            if line["state"] == "done":
                assert {t for t in targets(enrolment, STEP[line["id"]]) if t.kind != "check"} <= self.durable

    @invariant()
    def nobody_is_stuck(self) -> None:
        if not hasattr(self, "state") or self.state.conditions.stopping:
            return
        waiting = self.pending or self.capturing
        idle_without_power = self.state.enrolment is None and self.state.operator is not None
        assert waiting or idle_without_power or primary(self.state) is not None, snapshot.build(self.state, AROUND)

    @invariant()
    def the_page_can_always_be_shown(self) -> None:
        if hasattr(self, "state"):
            seen = snapshot.build(self.state, AROUND)
            assert seen["primary"] is None or seen["primary"] in seen["actions"]
            assert [each["state"] for each in seen["steps"]].count("now") == (1 if self.state.enrolment else 0)
            if self.state.enrolment:
                assert decode_progress(encode_progress(self.state.enrolment.progress), ()) == self.state.enrolment.progress


Station.TestCase.settings = settings(max_examples=150, stateful_step_count=120, deadline=None, suppress_health_check=list(HealthCheck))
TestStation = Station.TestCase
