"""The watchdog over the Pi: warns, asks, cuts, restores in order; leases hold it; three cuts an hour."""

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench


def state(bench: Bench) -> str:
    return wire.WATCHDOG_STATES[bench.board.watchdog.state]


@pytest.fixture
def armed(ready: Bench) -> Bench:
    assert ready.ask("heartbeat") == {"watchdog_state": 1}
    ready.hal.history.clear()
    return ready


def switched(bench: Bench, *names: str) -> list[tuple[str, int]]:
    return [(name, level) for _, name, level in bench.hal.history if name in names]


def test_a_pi_that_never_beat_is_left_alone(ready: Bench) -> None:
    ready.wait_s(3600)
    assert state(ready) == "unarmed"
    assert ready.hal.outputs["pi_power"] == 1


def test_warns_asks_and_cuts_a_silent_pi_in_order(armed: Bench) -> None:
    assert armed.until(lambda: state(armed) == "warned") == pytest.approx(30, abs=0.5)
    assert armed.hal.outputs["lamp_alarm"] == 1
    assert armed.until(lambda: state(armed) == "asked") == pytest.approx(30, abs=0.5)
    assert switched(armed, "pi_stop") == [("pi_stop", 1)]
    assert armed.until(lambda: state(armed) == "cutting") == pytest.approx(60, abs=0.5)
    assert armed.until(lambda: state(armed) == "watching") == pytest.approx(0.5 + 5 + 2, abs=0.5)
    assert switched(armed, "pi_power", "hub_power") == [("pi_power", 0), ("hub_power", 0), ("hub_power", 1), ("pi_power", 1)]
    assert switched(armed, "pi_stop") == [("pi_stop", 1), ("pi_stop", 0)]
    pressed_ms, released_ms = [at_ms for at_ms, name, _ in armed.hal.history if name == "pi_stop"]
    assert released_ms - pressed_ms == pytest.approx(500, abs=101), "longer would be the press that cuts the power"
    assert armed.hal.outputs["lamp_alarm"] == 0


@pytest.mark.parametrize("stage", ["warned", "asked"])
def test_a_beat_ends_the_alarm(armed: Bench, stage: str) -> None:
    armed.until(lambda: state(armed) == stage)
    armed.ask("heartbeat")
    armed.wait(10)
    assert state(armed) == "watching"


def test_a_restarted_pi_has_time_to_boot(armed: Bench) -> None:
    armed.until(lambda: state(armed) == "restoring")
    assert armed.until(lambda: state(armed) == "warned") == pytest.approx(2 + 120 + 30, abs=1)


def test_three_cuts_an_hour_then_it_waits_and_says_so(armed: Bench) -> None:
    passed = 0.0
    for _ in range(3):
        passed += armed.until(lambda: state(armed) == "cutting")
        passed += armed.until(lambda: state(armed) == "watching")
    armed.until(lambda: state(armed) == "given_up")
    assert "pi_cut_limit" in armed.faults()
    armed.until(lambda: state(armed) == "cutting", 3700)
    cuts = [at_ms for at_ms, name, level in armed.hal.history if (name, level) == ("pi_power", 0)]
    assert cuts[3] - cuts[0] >= 3_600_000


def test_an_update_is_not_disturbed(armed: Bench) -> None:
    assert armed.ask("updating", 1200) == {"seconds": 1200}
    armed.wait_s(1190)
    assert state(armed) == "leased"
    armed.wait_s(20)
    assert state(armed) == "watching"
    assert armed.hal.outputs["pi_power"] == 1


def test_an_orderly_stop_is_forgotten_once_the_power_is_back(armed: Bench) -> None:
    """A Pi that hangs afterwards is cut, counted and back as any other."""
    armed.ask("stopping", 10, 1, 0)
    armed.until(lambda: state(armed) == "off")
    armed.until(lambda: state(armed) == "watching")
    armed.ask("heartbeat")
    armed.until(lambda: state(armed) == "off")
    assert armed.board.watchdog.cuts.count() == 1
    assert armed.until(lambda: state(armed) == "watching") == pytest.approx(7, abs=0.5)


def test_an_update_that_hangs_is_noticed_without_another_time_to_boot(armed: Bench) -> None:
    armed.ask("updating", 10)
    armed.until(lambda: state(armed) == "watching")
    assert armed.until(lambda: state(armed) == "warned") == pytest.approx(30, abs=0.5)


def test_power_stays_off_long_enough_for_the_pi_to_notice(ready: Bench) -> None:
    ready.configure(mains_stable_ms=0)
    ready.ask("heartbeat")
    ready.ask("stopping", 1, 1, 0)
    ready.until(lambda: state(ready) == "off")
    assert ready.until(lambda: state(ready) == "restoring") == pytest.approx(5, abs=0.3)


def test_leases_have_a_longest_time(armed: Bench) -> None:
    assert armed.ask("updating", 65_000) == {"seconds": 3600}
    assert armed.ask("stopping", 65_000, 0, 0) == {"seconds": 600}


def test_after_an_orderly_stop_the_power_goes_and_comes_with_the_mains(armed: Bench) -> None:
    armed.set("pi_alive", 1)
    armed.set("mains_ok", 0)
    armed.ask("stopping", 90, 0, 0)
    armed.wait_s(20)
    assert armed.hal.outputs["pi_power"] == 1
    armed.set("pi_alive", 0)
    assert armed.until(lambda: armed.hal.outputs["pi_power"] == 0) == pytest.approx(2, abs=0.3)
    armed.wait_s(1800)
    assert state(armed) == "off"
    armed.set("mains_ok", 1)
    armed.wait_s(30)
    armed.set("mains_ok", 0)
    armed.wait_s(30)
    armed.set("mains_ok", 1)
    assert armed.until(lambda: armed.hal.outputs["pi_power"] == 1) == pytest.approx(62, abs=1)
    assert armed.board.watchdog.cuts.count() == 0


def test_power_comes_back_only_with_charge_enough_for_another_start(armed: Bench) -> None:
    armed.set("mains_ok", 0)
    armed.ask("stopping", 10, 0, 600)
    armed.until(lambda: state(armed) == "off")
    for _ in range(2):
        armed.set("mains_ok", 1)
        armed.wait_s(250)
        assert armed.hal.outputs["pi_power"] == 0
        armed.set("mains_ok", 0)
        armed.wait_s(120)
    armed.set("genset_running", 1)
    assert armed.until(lambda: armed.hal.outputs["pi_power"] == 1) == pytest.approx(600 - 2 * 250 + 2, abs=2)


def test_the_time_to_charge_has_an_end(armed: Bench) -> None:
    armed.ask("stopping", 10, 1, 65_000)
    armed.until(lambda: state(armed) == "off")
    assert armed.until(lambda: armed.hal.outputs["pi_power"] == 1, 15_000) == pytest.approx(4 * 3600, abs=20)


def test_without_an_alive_line_the_lease_itself_decides(armed: Bench) -> None:
    armed.ask("stopping", 90, 0, 0)
    assert armed.until(lambda: armed.hal.outputs["pi_power"] == 0) == pytest.approx(90, abs=0.5)


def test_a_stop_with_mains_present_stays_off_unless_asked_back(armed: Bench) -> None:
    armed.ask("stopping", 10, 0, 0)
    armed.wait_s(600)
    assert state(armed) == "off"


def test_a_stop_that_is_to_come_back_does_so(armed: Bench) -> None:
    armed.ask("stopping", 10, 1, 0)
    armed.until(lambda: state(armed) == "off")
    assert armed.until(lambda: armed.hal.outputs["pi_power"] == 1) < 70


def test_the_stopping_stations_last_beats_change_nothing(armed: Bench) -> None:
    armed.ask("stopping", 90, 0, 0)
    armed.ask("heartbeat")
    armed.wait_s(20)
    assert state(armed) == "leased"


def test_a_station_that_starts_again_calls_the_stop_off(armed: Bench) -> None:
    armed.ask("stopping", 90, 0, 0)
    armed.ask("identify")
    armed.ask("heartbeat")
    armed.wait_s(20)
    assert state(armed) == "watching"
    assert armed.hal.outputs["pi_power"] == 1


def test_the_pi_gets_a_try_after_the_longest_time_off(armed: Bench) -> None:
    armed.ask("stopping", 10, 0, 0)
    armed.until(lambda: state(armed) == "off")
    armed.board.outputs.pi_power.left_ms = 1_000
    armed.wait_s(5)
    assert armed.hal.outputs["pi_power"] == 1
    assert state(armed) == "watching"


def test_no_lease_while_the_power_is_being_switched(armed: Bench) -> None:
    armed.until(lambda: state(armed) == "off")
    assert armed.ask("updating", 60)["refused"] == "in_use"
