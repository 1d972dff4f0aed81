"""The genset's table: times, lease, retries, lock-out. The test plays the controller: voltage appears when it says so."""

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench


def state(bench: Bench) -> str:
    return wire.GENSET_STATES[bench.board.genset.state]


def contact(bench: Bench) -> int:
    return bench.hal.outputs["start_contact"]


def ask(bench: Bench, run: int = wire.GENSET_ON_OUTAGE) -> dict[str, int]:
    return bench.ask("genset", run)


def keep_asking(bench: Bench, wanted: str, limit_s: float = 1200, run: int = wire.GENSET_ON_OUTAGE) -> float:
    """Renew the lease every 60 s until the state is reached; seconds that passed."""
    for tenths in range(round(limit_s * 10)):
        if state(bench) == wanted:
            return tenths / 10
        if tenths % 600 == 0:
            ask(bench, run)
        bench.wait(100, 100)
    raise AssertionError(f"{state(bench)}, never {wanted}")


@pytest.fixture
def outage(ready: Bench) -> Bench:
    ready.set("mains_ok", 0)
    return ready


def running(bench: Bench) -> Bench:
    keep_asking(bench, "starting")
    bench.set("genset_running", 1)
    keep_asking(bench, "running")
    return bench


def test_whole_course_of_an_outage(outage: Bench) -> None:
    assert keep_asking(outage, "starting") == pytest.approx(10, abs=0.5)
    assert contact(outage) == 1
    outage.wait_s(12)
    outage.set("genset_running", 1)
    assert keep_asking(outage, "warmup") == pytest.approx(2, abs=0.3)
    assert keep_asking(outage, "running") == pytest.approx(30, abs=0.5)
    outage.wait_s(60)
    outage.set("mains_ok", 1)
    assert keep_asking(outage, "return_wait") < 1
    assert keep_asking(outage, "cooldown") == pytest.approx(900 - 60, abs=2)
    assert contact(outage) == 1
    assert keep_asking(outage, "stopping") == pytest.approx(120, abs=1)
    assert contact(outage) == 0
    outage.set("genset_running", 0)
    assert keep_asking(outage, "idle") < 1
    assert outage.faults() == []


def test_mains_that_returns_within_the_debounce_starts_nothing(outage: Bench) -> None:
    ask(outage)
    outage.wait_s(5)
    assert state(outage) == "mains_debounce"
    outage.set("mains_ok", 1)
    assert outage.until(lambda: state(outage) == "idle") < 1
    assert ("start_contact", 1) not in [(name, level) for _, name, level in outage.hal.history]


def test_nothing_starts_unasked(outage: Bench) -> None:
    outage.wait_s(600)
    assert state(outage) == "idle"


def test_a_test_run_starts_with_mains_present(ready: Bench) -> None:
    ask(ready, wire.GENSET_TEST)
    assert ready.until(lambda: state(ready) == "starting") < 1


def test_a_silent_station_keeps_the_genset_for_its_lease_and_minimum_run_then_cools_it_down(outage: Bench) -> None:
    running(outage)
    assert outage.until(lambda: state(outage) == "cooldown") == pytest.approx(900, abs=2)
    assert outage.until(lambda: state(outage) == "stopping") == pytest.approx(120, abs=1)


def test_each_start_has_its_own_minimum_run_and_no_pause_of_an_earlier_failure(outage: Bench) -> None:
    keep_asking(outage, "stopping")
    for _ in range(2):
        running(outage)
        assert ask(outage, wire.GENSET_OFF) == {"lease_ms": 0}
        assert outage.until(lambda: state(outage) == "cooldown") == pytest.approx(900, abs=2)
        outage.until(lambda: state(outage) == "stopping")
        outage.set("genset_running", 0)
        outage.wait(200)
        assert state(outage) == "idle"


def test_three_failed_starts_lock_out_until_cleared(outage: Bench) -> None:
    spent = keep_asking(outage, "failed")
    assert spent == pytest.approx(3 * 80 + 2 * 30 + 3 * 10 - 20, abs=25)
    assert outage.faults() == ["genset_lockout"]
    assert contact(outage) == 0
    assert ask(outage)["refused"] == "locked_out"
    outage.wait_s(3600)
    assert state(outage) == "failed"
    assert outage.ask("clear") == {"faults": 0}
    keep_asking(outage, "starting", 60)


def test_a_genset_that_runs_resets_the_failures(outage: Bench) -> None:
    keep_asking(outage, "stopping")
    assert outage.board.genset.failures == 1
    running(outage)
    assert outage.board.genset.failures == 0


def test_alarm_is_ignored_while_starting_then_ends_the_try(outage: Bench) -> None:
    keep_asking(outage, "starting")
    outage.set("genset_alarm", 1)
    outage.wait_s(9)
    assert state(outage) == "starting"
    outage.wait_s(2)
    assert state(outage) == "stopping"
    assert "genset_alarm" in outage.faults()


def test_voltage_lost_while_running_is_a_failure(outage: Bench) -> None:
    running(outage)
    outage.set("genset_running", 0)
    outage.wait(200)
    assert outage.board.genset.failures == 1
    assert contact(outage) == 0


def test_mains_that_flickers_does_not_end_the_run(outage: Bench) -> None:
    running(outage)
    outage.wait_s(100)
    for _ in range(5):
        outage.set("mains_ok", 1)
        ask(outage)
        outage.wait_s(100)
        outage.set("mains_ok", 0)
        ask(outage)
        outage.wait_s(1)
    assert state(outage) == "running"


def test_outage_during_cool_down_takes_the_load_back(outage: Bench) -> None:
    running(outage)
    outage.set("mains_ok", 1)
    keep_asking(outage, "cooldown")
    outage.set("mains_ok", 0)
    assert keep_asking(outage, "running") < 1


def test_an_engine_that_will_not_stop_is_an_alarm(outage: Bench) -> None:
    running(outage)
    outage.until(lambda: state(outage) == "stopping", 2000)
    assert outage.until(lambda: state(outage) == "failed") == pytest.approx(60, abs=1)
    assert outage.faults() == ["genset_will_not_stop"]


def test_started_by_hand_is_left_alone(ready: Bench) -> None:
    ready.set("genset_running", 1)
    ready.wait_s(6)
    assert state(ready) == "manual"
    assert contact(ready) == 0
    ready.set("genset_running", 0)
    assert ready.until(lambda: state(ready) == "idle") < 1


def test_at_most_six_starts_an_hour(ready: Bench) -> None:
    ready.configure(min_run_ms=0, cooldown_ms=0, warmup_ms=0)
    for _ in range(6):
        ask(ready, wire.GENSET_TEST)
        ready.until(lambda: state(ready) == "starting")
        ready.set("genset_running", 1)
        ready.until(lambda: state(ready) == "running")
        ask(ready, wire.GENSET_OFF)
        ready.until(lambda: state(ready) == "stopping")
        ready.set("genset_running", 0)
        ready.until(lambda: state(ready) == "idle")
    ask(ready, wire.GENSET_TEST)
    ready.wait_s(60)
    assert state(ready) == "request"
    assert keep_asking(ready, "starting", 3700, wire.GENSET_TEST) > 3000


def test_the_contact_opens_after_a_day(outage: Bench) -> None:
    """And the table knows: it waits for the engine to stand."""
    running(outage)
    outage.board.outputs.start_contact.left_ms = 1_000
    assert outage.until(lambda: contact(outage) == 0) == pytest.approx(1, abs=0.2)
    outage.wait(1)
    assert state(outage) == "stopping"
    outage.set("genset_running", 0)
    outage.until(lambda: state(outage) == "idle")


def test_every_state_but_failed_has_a_way_out_and_can_be_reached(bench: Bench) -> None:
    table = bench.code.genset.TABLE
    leaves = {row[0] for row in table}
    enters = {row[2] for row in table}
    states = set(range(len(wire.GENSET_STATES)))
    failed = bench.code.genset.FAILED
    assert states - leaves == {failed}
    assert states <= enters
