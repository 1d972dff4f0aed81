"""The card is full, or a device hangs, during the orderly stop: that part fails within its deadline, the rest is done, the machine halts."""

import asyncio
import sys
from pathlib import Path

import pytest

from edge.enrolment import events as ev
from edge.enrolment.hooks import Gate, Hooks
from edge.errors import StoreFull
from edge.power.stopping import OrderlyStop, Part
from edge.store.store import Store
from tests.faults.site import TEXTS
from tests.unit.enrolment.desk import log_in, run, running, to_step
from tests.waiting import until


def run_stop(done: list[str], halt: tuple[str, ...], hang_s: float = 0.05) -> OrderlyStop:
    async def finish_step() -> None:
        done.append("step")

    async def park() -> None:
        await asyncio.Event().wait()

    async def close_store() -> None:
        raise StoreFull("store_full", "the store is full", "Send first.")

    async def tell_board() -> None:
        done.append("board")

    parts = [Part("step", finish_step), Part("fingerprint", park, hang_s), Part("store", close_store), Part("board", tell_board)]
    stop = OrderlyStop(parts, halt, say=done.append)

    async def drive() -> None:
        await stop.run("stop_battery")
        await stop.run("stop_button")

    asyncio.run(drive())
    return stop


def test_every_part_has_its_turn_and_the_machine_halts(tmp_path: Path) -> None:
    halted = tmp_path / "halted"
    done: list[str] = []
    stop = run_stop(done, (sys.executable, "-c", f"open({str(halted)!r}, 'w').close()"))
    assert done == ["step", "board", "STOPPING=1"]
    assert stop.failed == ("fingerprint", "store")
    assert halted.exists()


def test_a_second_wish_to_stop_changes_nothing() -> None:
    done: list[str] = []
    assert run_stop(done, ()).why == "stop_battery"
    assert done.count("board") == 1


def test_a_halt_command_that_fails_is_named() -> None:
    stop = run_stop([], (sys.executable, "-c", "raise SystemExit(3)"))
    assert stop.failed == ("fingerprint", "store"), "the halt itself is not a part; its failure is in the log"


def test_the_operator_reads_that_the_last_picture_is_not_saved_and_the_stop_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()

    def full(*_: object) -> None:
        raise StoreFull("store_full", "the card is full", "Send first.")

    async def work() -> None:
        nonlocal gate
        async with running(tmp_path, hooks=Hooks(gate=lambda: gate)) as bench:

            def stopped() -> bool:
                seen = bench.session.snapshot()
                return seen["phase"] == "stopping" and seen["activity"] is None

            def notices() -> list[str]:
                return [notice["id"] for notice in bench.session.snapshot()["notices"] if notice["level"] == "alarm"]

            await log_in(bench)
            await to_step(bench, "fingers")
            bench.bodies.manual = True
            await bench.session.post(ev.Capture())
            monkeypatch.setattr(Store, "commit_part", full)
            bench.bodies.gate.set()
            await until(lambda: notices(), "the failure")
            gate = Gate(next_person=False, reason="power_no_next", stopping=True)
            await until(stopped, "the step's end: the orderly stop waits for just this")
            assert "not_saved" in notices()

    run(work())
    assert TEXTS["notice_not_saved"]
