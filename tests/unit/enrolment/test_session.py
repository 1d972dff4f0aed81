"""The whole procedure through the session: real store, real sealing, devices and judge in memory."""

import asyncio
import errno
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from PIL import Image

from edge.devices.interfaces import PrinterStatus
from edge.enrolment import events as ev
from edge.enrolment.hooks import Gate, Hooks
from edge.enrolment.opinion import Opinion
from edge.enrolment.population import Corrections
from edge.enrolment.procedure import Target
from edge.errors import DeviceAbsent, DeviceRefused, DeviceTimeout, RefusedEvent
from edge.store.files import DiskFiles
from edge.store.store import Store
from tests.unit.enrolment import fakes
from tests.unit.enrolment.desk import at, at_rest, finish, log_in, manifest, opened, run, running, to_step
from tests.unit.enrolment.fakes import PIN, FastClock
from tests.waiting import until

BAD = Opinion(passed=False, reason="finger_dry", fix="finger_dry_fix", score=0.5)
WORSE = Opinion(passed=False, reason="finger_small", fix="finger_small_fix", score=0.1)


def exceptions(found: Any) -> set[tuple[str, int, str]]:
    return {(mark.kind, mark.position, mark.reason) for mark in found.exceptions}


def test_one_person_from_ticket_to_stamp(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "slip")
            await until(at(bench, "finish"), "the slip")
            seen = bench.session.snapshot()
            assert seen["saved"] is True
            assert [step["state"] for step in seen["steps"]] == ["done"] * 8 + ["now"]
            assert b"Siti Rahmawati" in bench.bodies.printed[0]
            await finish(bench)
            found = await manifest(bench)
            assert [(part.kind, part.position) for part in found.parts] == [
                ("population", 0), ("face", 0), ("signature", 0), *(("finger", n) for n in (2, 3, 4, 5, 7, 8, 9, 10, 1, 6)), ("iris", 1), ("iris", 2),
            ]
            assert found.exceptions == ()
            assert found.guards_not_done == ()
            assert not found.recapture
            assert found.operator == b"op-1"
            assert {step.step for step in found.steps} == {"letter", "data", "face", "signature", "fingers", "irises", "check", "review"}
            assert cbor2.loads(await opened(bench, found, 0))["name"] == "Siti Rahmawati"
            with Image.open(io.BytesIO(await opened(bench, found, 1))) as face:
                assert (face.size, face.mode) == ((30, 40), "RGB")

    run(work())


def test_every_device_missing_still_makes_a_record(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, fitted=()) as bench:
            await log_in(bench)
            await to_step(bench, "slip")
            await finish(bench)
            found = await manifest(bench)
            assert [part.kind for part in found.parts] == ["population"]
            assert len(found.exceptions) == 14
            assert {mark.reason for mark in found.exceptions} == {"device_unavailable"}
            assert found.recapture

    run(work())


def test_a_device_that_goes_missing_is_named_and_can_be_passed_over(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "fingers")
            bench.presences["fingerprint"].unplug()
            await bench.session.post(ev.Capture())
            await until(lambda: bench.session.snapshot()["verdict"], "the verdict")
            seen = bench.session.snapshot()
            assert seen["verdict"]["reason"] == "device_unavailable"
            assert seen["verdict"]["device"] == "fingerprint"
            assert {"id": "device_broken", "level": "warn", "values": {"device": "fingerprint"}} in seen["notices"]
            assert seen["primary"] == "capture"
            await bench.session.post(ev.Exclude(kind="finger", position=2, reason="device_unavailable"))
            assert bench.session.snapshot()["step"] == "irises"
            await finish(bench)
            found = await manifest(bench)
            assert exceptions(found) == {("finger", n, "device_unavailable") for n in range(1, 11)}
            assert found.recapture

    run(work())


def test_a_port_that_vanishes_and_comes_back_costs_one_touch(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "face")
            bench.bodies.fails["face"] = [DeviceAbsent("port_absent", "camera", "gone", "Plug it in.")]
            await bench.session.post(ev.Capture())
            await until(lambda: bench.session.snapshot()["verdict"], "the verdict")
            await finish(bench)
            assert exceptions(await manifest(bench)) == set()

    run(work())


def test_missing_fingers_and_an_eye_are_exceptions_with_a_photo(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "fingers")
            for position in (6, 7, 8, 9, 10):
                await bench.session.post(ev.Exclude(kind="finger", position=position, reason="missing"))
            await to_step(bench, "irises")
            await bench.session.post(ev.Exclude(kind="iris", position=2, reason="blind"))
            await to_step(bench, "check")
            assert bench.session.snapshot()["target"] == {"kind": "exception_photo", "position": 0}
            await finish(bench)
            found = await manifest(bench)
            assert exceptions(found) == {*(("finger", n, "missing") for n in (6, 7, 8, 9, 10)), ("iris", 2, "blind")}
            assert ("exception_photo", 0) in [(part.kind, part.position) for part in found.parts]
            assert not found.recapture
            assert found.guards_not_done == ()

    run(work())


def test_exceptions_may_be_marked_while_captures_run(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "fingers")
            bench.bodies.manual = True
            await bench.session.post(ev.Capture())
            await bench.session.post(ev.Exclude(kind="finger", position=2, reason="injured"))
            await until(lambda: bench.session.snapshot()["target"] == {"kind": "finger", "position": 3}, "the next finger")
            bench.bodies.manual = False
            bench.bodies.gate.set()
            await to_step(bench, "irises")
            assert ("finger", 0) in bench.bodies.taken

    run(work())


def test_three_tries_then_the_best_with_a_reason(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.judge.verdicts[Target("finger", 3)] = [BAD, WORSE, WORSE]
            await log_in(bench)
            await to_step(bench, "fingers")
            await bench.session.post(ev.Capture())
            await until(lambda: "use_best" in bench.session.snapshot()["actions"], "three tries")
            seen = bench.session.snapshot()
            assert seen["attempts"] == 3
            assert seen["verdict"]["reason"] == "finger_small"
            with pytest.raises(RefusedEvent, match="reason"):
                await bench.session.post(ev.UseBest(reason="because"))
            await bench.session.post(ev.UseBest(reason="rough_hands"))
            await finish(bench)
            found = await manifest(bench)
            assert exceptions(found) == {("finger", 3, "best_rough_hands")}
            assert len([part for part in found.parts if part.kind == "finger"]) == 10

    run(work())


def test_a_failed_finger_is_asked_for_again_by_itself(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.judge.verdicts[Target("finger", 4)] = [BAD]
            await log_in(bench)
            await to_step(bench, "fingers")
            await bench.session.post(ev.Capture())
            await until(lambda: bench.session.snapshot()["step"] == "irises" and at_rest(bench), "all fingers")
            assert sum(kind == "finger" for kind, _ in bench.bodies.taken) >= 11
            assert bench.judge.verdicts[Target("finger", 4)] == []

    run(work())


def test_no_finger_comes(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.bodies.fails["finger"] = [DeviceTimeout("finger_missing", "fingerprint", "no finger", "Place the finger.")]
            await log_in(bench)
            await to_step(bench, "fingers")
            await bench.session.post(ev.Capture())
            await until(lambda: bench.session.snapshot()["verdict"], "the verdict")
            assert bench.session.snapshot()["verdict"]["reason"] == "finger_missing"
            assert bench.session.snapshot()["verdict"]["device"] is None
            await finish(bench)

    run(work())


def test_the_page_is_told_to_have_the_finger_lifted(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "fingers")
            hints = []
            bench.bodies.finger_on = 30
            await bench.session.post(ev.Capture())
            async for seen in bench.session.changes():
                if seen["step"] != "fingers":
                    break
                hints.append((seen["hint"], seen["target"] and seen["target"]["position"]))
            assert ("place", 2) in hints
            assert ("lift", None) in hints
            assert all(position is None for hint, position in hints if hint == "lift")

    run(work())


def test_a_saved_part_is_taken_again_and_replaced(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "review")
            await bench.session.post(ev.Retake(kind="face"))
            assert bench.session.snapshot()["step"] == "face"
            await bench.session.post(ev.Keep())
            assert bench.session.snapshot()["step"] == "review"
            await bench.session.post(ev.Retake(kind="face"))
            await finish(bench)
            found = await manifest(bench)
            assert [part.kind for part in found.parts].count("face") == 1
            assert sum(kind == "face" for kind, _ in bench.bodies.taken) == 2

    run(work())


def test_a_retaken_index_finger_is_checked_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "review")
            await bench.session.post(ev.Retake(kind="finger", position=7))
            await to_step(bench, "check")
            assert bench.session.snapshot()["target"] == {"kind": "check", "position": 7}
            await finish(bench)
            assert (await manifest(bench)).guards_not_done == ()

    run(work())


def test_an_index_finger_that_never_matches_holds_nobody_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.judge.verdicts[Target("check", 2)] = [Opinion(passed=False, reason="index_mismatch", fix="index_mismatch_fix")] * 3
            await log_in(bench)
            await to_step(bench, "review")
            assert {"id": "index_not_checked", "level": "info", "values": {}} in bench.session.snapshot()["notices"]
            await finish(bench)
            found = await manifest(bench)
            assert found.guards_not_done == ("index_check",)
            assert ("check", 2, "not_matched") in exceptions(found)

    run(work())


def test_an_empty_signature_is_asked_for_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.bodies.empty_signature = True
            await log_in(bench)
            await to_step(bench, "signature")
            await bench.session.post(ev.Capture())
            await bench.session.post(ev.DoneSigning())
            await until(lambda: bench.session.snapshot()["verdict"], "the verdict")
            assert bench.session.snapshot()["verdict"]["reason"] == "nothing_signed"
            bench.bodies.empty_signature = False
            await finish(bench)

    run(work())


def test_touches_on_a_session_that_is_over_are_refused_and_never_wait(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            assert bench.task is not None
            touch = asyncio.create_task(bench.session.post(ev.LogIn(operator="ani", pin=PIN)))
            bench.session.poke()
            bench.task.cancel()
            await asyncio.gather(bench.task, return_exceptions=True)
            for late in (touch, bench.session.post(ev.NextPerson(ticket=7))):
                with pytest.raises(RefusedEvent, match="over"):
                    await late

    run(work())


def test_paper_that_is_nearly_out_is_told_until_a_new_roll_is_in(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.bodies.paper_low = True
            await log_in(bench)
            await to_step(bench, "slip")
            await finish(bench)
            assert [notice["id"] for notice in bench.session.snapshot()["notices"]] == ["paper_low"]
            bench.bodies.paper_low = False
            await to_step(bench, "slip")
            await finish(bench)
            assert bench.session.snapshot()["notices"] == []

    run(work())


def test_no_paper_never_loses_a_record(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.bodies.fails["printer"] = [DeviceRefused("paper_out", "printer", "no paper", "Put paper in.")]
            await log_in(bench)
            await to_step(bench, "slip")
            await until(at(bench, "print_slip"), "the printer's refusal")
            seen = bench.session.snapshot()
            assert seen["saved"] is True
            assert [notice["id"] for notice in seen["notices"]] == ["paper_out"]
            await bench.session.post(ev.PrintSlip())
            await until(at(bench, "finish"), "the slip")
            assert len(bench.bodies.printed) == 1

    run(work())


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_after_a_cut_the_log_in_brings_the_name_back_from_the_roster(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "data")
        assert b"Siti" not in on_disk(tmp_path)
        async with running(tmp_path) as bench:
            assert bench.session.snapshot()["person"]["name"] is None
            await log_in(bench)
            await until(lambda: bench.session.snapshot()["person"]["name"] == "Siti Rahmawati", "the name")

    run(work())


def test_a_pin_is_tried_where_pictures_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, so never both at once: they would need more memory than the station has."""
    threads: dict[str, int] = {}

    def noted(what: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            threads[what] = threading.get_ident()
            return work(*arguments)

        return watched

    monkeypatch.setattr(fakes, "open_roster", noted("log-in", fakes.open_roster))

    async def work() -> None:
        async with running(tmp_path) as bench:
            monkeypatch.setattr(bench.judge, "judge", noted("judge", bench.judge.judge))
            await log_in(bench)
            await to_step(bench, "signature")
        assert threads["log-in"] == threads["judge"]

    run(work())


def test_the_letter_is_stamped_in_the_moment_the_slip_comes_out(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            stamps: list[asyncio.Task[int]] = []

            async def stamp_at_once(document: bytes) -> PrinterStatus:
                stamps.append(asyncio.create_task(bench.session.post(ev.Finish())))
                return await printed(document)

            printed = bench.presences["printer"].driver.print
            bench.presences["printer"].driver.print = stamp_at_once
            await log_in(bench)
            await to_step(bench, "review")
            await bench.session.post(ev.ConfirmReview())
            await until(lambda: bench.session.snapshot()["phase"] == "idle" or (bench.task is not None and bench.task.done()), "the next person")
            await asyncio.gather(*stamps)
            await to_step(bench, "data")

    run(work())


def test_a_slip_asked_for_with_the_stamp_still_comes_and_is_this_persons(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.bodies.fails["printer"] = [DeviceRefused("paper_out", "printer", "no paper", "Put paper in.")]
            await log_in(bench)
            await to_step(bench, "slip")
            await until(at(bench, "print_slip"), "the printer's refusal")
            await asyncio.gather(bench.session.post(ev.PrintSlip()), bench.session.post(ev.Finish()))
            await until(lambda: bench.bodies.printed or (bench.task is not None and bench.task.done()), "the slip")
            assert b"Siti Rahmawati" in bench.bodies.printed[0]
            assert bench.session.snapshot()["phase"] == "idle"

    run(work())


def test_the_letter_may_be_stamped_while_the_printer_has_no_paper(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            bench.bodies.fails["printer"] = [DeviceRefused("cover_open", "printer", "open", "Close it.")]
            await log_in(bench)
            await to_step(bench, "slip")
            await until(at(bench, "print_slip"), "the printer's refusal")
            await bench.session.post(ev.Finish())
            assert bench.session.snapshot()["phase"] == "idle"
            await to_step(bench, "data")

    run(work())


def test_rapid_double_taps_skip_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            version = bench.session.snapshot()["version"]
            await bench.session.post(ev.NextPerson(ticket=7, version=version))
            with pytest.raises(RefusedEvent) as refused:
                await bench.session.post(ev.NextPerson(ticket=7, version=version))
            assert refused.value.code == "too_late"
            await to_step(bench, "data")
            version = bench.session.snapshot()["version"]
            await bench.session.post(ev.ConfirmData(version=version))
            for late in (ev.ConfirmData(version=version), ev.Capture(version=version), ev.ConfirmReview(version=version), ev.ConfirmData()):
                with pytest.raises(RefusedEvent):
                    await bench.session.post(late)
            await until(lambda: bench.session.snapshot()["step"] == "face", "the photo")

    run(work())


def test_wrong_pins_are_slowed_down(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, clock=FastClock(speed=1)) as bench:
            for _ in range(3):
                await bench.session.post(ev.LogIn(operator="ani", pin="0000"))
                await until(lambda: bench.session.snapshot()["activity"] is None, "the answer")
                assert [notice["id"] for notice in bench.session.snapshot()["notices"]] == ["wrong_pin"]
            with pytest.raises(RefusedEvent) as refused:
                await bench.session.post(ev.LogIn(operator="ani", pin="123456"))
            assert refused.value.code == "pin_wait"

    run(work())


def test_no_next_person_without_power_or_room(tmp_path: Path) -> None:
    gate = Gate()

    async def work() -> None:
        async with running(tmp_path, hooks=Hooks(gate=lambda: gate)) as bench:
            set_gate(Gate(next_person=False, reason="power_no_next"))
            await log_in(bench)
            await until(lambda: "next_person" not in bench.session.snapshot()["actions"], "the gate")
            assert bench.session.snapshot()["notices"] == [{"id": "power_no_next", "level": "warn", "values": {}}]
            with pytest.raises(RefusedEvent):
                await bench.session.post(ev.NextPerson(ticket=1))
            set_gate(Gate())
            await until(at(bench, "next_person"), "power again")
            await bench.session.post(ev.NextPerson(ticket=1))
            set_gate(Gate(next_person=False, reason="power_no_next"))
            await until(lambda: bench.session.snapshot()["notices"] == [{"id": "power_finish_only", "level": "warn", "values": {}}], "finish this one")
            set_gate(Gate(next_person=False, reason="power_no_next", stopping=True))
            await until(lambda: bench.session.snapshot()["notices"] == [], "the screen of the stop says it all")

    def set_gate(new: Gate) -> None:
        nonlocal gate
        gate = new

    run(work())


def test_a_disk_that_does_not_answer_lets_nobody_begin_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            monkeypatch.setattr(DiskFiles, "free_bytes", broken)
            await until(lambda: "next_person" not in bench.session.snapshot()["actions"], "the look at the disk")
            assert [notice["id"] for notice in bench.session.snapshot()["notices"]] == ["store_failed"]
            monkeypatch.undo()
            await until(at(bench, "next_person"), "the disk again")
            await to_step(bench, "data")

    run(work())


def test_stopping_parks_the_person(tmp_path: Path) -> None:
    gate = Gate()

    def set_gate(new: Gate) -> None:
        nonlocal gate
        gate = new

    async def work() -> None:
        async with running(tmp_path, hooks=Hooks(gate=lambda: gate)) as bench:
            await log_in(bench)
            await to_step(bench, "fingers")
            bench.bodies.manual = True
            await bench.session.post(ev.Capture())
            set_gate(Gate(stopping=True))
            await until(lambda: bench.session.snapshot()["phase"] == "stopping", "the stop")
            assert bench.session.snapshot()["activity"] is None
            set_gate(Gate())
            await until(at(bench, "capture"), "mains again")

    run(work())


def test_abandoning_leaves_an_event_and_no_record(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "signature")
            await bench.session.post(ev.Abandon(reason="wrong_person"))
            await until(at(bench, "next_person"), "the next person")
            assert (await bench.worker.call(Store.counts)).saved == 0
            assert await bench.worker.call(Store.open_enrolment) is None
            assert bench.session.photo is None
            await to_step(bench, "slip")

    run(work())


def test_somebody_who_is_not_on_the_roster_is_typed_in(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "letter")
            await bench.session.post(ev.Letter(number="XX-9"))
            await until(lambda: bench.session.snapshot()["step"] == "data", "the data")
            assert {"id": "letter_unknown", "level": "warn", "values": {}} in bench.session.snapshot()["notices"]
            with pytest.raises(RefusedEvent) as refused:
                await bench.session.post(ev.ConfirmData())
            assert refused.value.code == "data_incomplete"
            typed = Corrections(name=" Budi Wijaya ", birth_date="1971-02-03", sex="L", nik="7201054302710001")
            await bench.session.post(ev.ConfirmData(corrections=typed))
            await finish(bench)
            person = cbor2.loads(await opened(bench, await manifest(bench), 0))
            assert (person["name"], person["letter"]) == ("Budi Wijaya", "XX-9")

    run(work())


def test_the_queue_and_the_words_saved_and_received_come_from_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "review")
            assert bench.session.snapshot()["saved"] is False
            assert bench.session.snapshot()["queue"]["saved"] == 0
            await to_step(bench, "slip")
            await until(lambda: bench.session.snapshot()["queue"]["waiting"] == 1, "the queue")
            assert bench.session.snapshot()["queue"]["received"] == 0

    run(work())


def test_ram_forgets_a_person_who_has_gone(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as bench:
            await log_in(bench)
            await to_step(bench, "slip")
            assert bench.session.photo is not None
            before = bench.judge.forgotten
            await finish(bench)
            await until(lambda: bench.session.photo is None and bench.judge.forgotten > before, "forgetting")
            assert bench.session.snapshot()["person"] is None

    run(work())

