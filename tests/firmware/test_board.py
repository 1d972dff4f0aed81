"""The board as a whole: contacts, heat, faults that stay until cleared, and how a life ends and the next begins."""

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench


def test_an_open_box_stays_reported_until_cleared(ready: Bench) -> None:
    ready.set("tamper", 1)
    ready.set("tamper", 0)
    assert ready.faults() == ["tamper"]
    ready.ask("clear")
    assert ready.faults() == []


def test_the_loop_ends_in_a_reset_with_all_outputs_safe(ready: Bench) -> None:
    ready.send("genset", wire.GENSET_TEST)
    ready.wait(10)
    ready.send("reset", wire.RESET_MAGIC)
    hal = ready.hal
    ready.code.board.Board = lambda made: ready.board
    ready.code.board.run(hal)
    assert hal.was_reset
    assert {name: level for name, level in hal.outputs.items() if level} == {"pi_power": 1, "hub_power": 1}


def test_an_unforeseen_error_leaves_all_outputs_safe_and_the_chip_unfed(ready: Bench) -> None:
    def broken(dt_ms: int) -> None:
        raise RuntimeError("planted")

    ready.board.outputs.lamp_ready.set(1)
    ready.board.genset.step = broken
    ready.code.board.Board = lambda made: ready.board
    fed = ready.hal.fed
    with pytest.raises(RuntimeError, match="planted"):
        ready.code.board.run(ready.hal)
    assert ready.hal.outputs["lamp_ready"] == 0
    assert ready.hal.fed == fed


@pytest.mark.parametrize("failed", [True, False])
def test_a_life_after_a_hang_says_so_until_it_is_cleared(ready: Bench, failed: bool) -> None:
    ready.hal.failed = failed
    ready.board = ready.code.board.Board(ready.hal)
    assert ready.faults() == ["task_failed"] * failed
    ready.ask("clear")
    assert ready.faults() == []


@pytest.mark.parametrize(("error", "wanted"), [(KeyboardInterrupt, True), (RuntimeError, False)])
def test_an_end_from_the_repl_is_no_failure_and_an_error_is(ready: Bench, error: type[BaseException], wanted: bool) -> None:
    def broken(dt_ms: int) -> None:
        raise error

    ready.board.genset.step = broken
    ready.code.board.Board = lambda made: ready.board
    with pytest.raises(error):
        ready.code.board.run(ready.hal)
    assert ready.hal.ended == wanted


def test_clear_lets_a_locked_genset_start_again_and_forgets_its_failures(ready: Bench) -> None:
    """What stays is told: nothing here."""
    ready.board.genset.failures = 3
    assert ready.ask("genset", 1)["refused"] == "locked_out"
    assert ready.ask("clear") == {"faults": 0}
    assert ready.ask("genset", 1)["lease_ms"] > 0


def test_uptime_counts_whole_seconds(ready: Bench) -> None:
    before = ready.ask("status")["uptime_s"]
    ready.wait(10_000)
    assert ready.ask("status")["uptime_s"] - before == 10


@pytest.mark.parametrize(("bounce_ms", "news"), [(49, 0), (51, 1)])
def test_a_contact_that_bounces_for_less_than_fifty_milliseconds_is_no_news(ready: Bench, bounce_ms: int, news: int) -> None:
    ready.hal.inputs["mains_ok"] = 0
    ready.wait(bounce_ms)
    ready.hal.inputs["mains_ok"] = 1
    ready.wait(49)
    assert ready.board.inputs.on(ready.code.power.MAINS_OK) == (not news)


def test_many_short_bounces_are_no_news_either(ready: Bench) -> None:
    for _ in range(10):
        ready.hal.inputs["mains_ok"] = 0
        ready.wait(30)
        ready.hal.inputs["mains_ok"] = 1
        ready.wait(5)
        assert ready.board.inputs.on(ready.code.power.MAINS_OK)


@pytest.mark.parametrize(("celsius", "hot"), [(69.9, False), (70.0, True)])
def test_the_box_is_hot_from_its_limit_on(ready: Bench, celsius: float, hot: bool) -> None:
    ready.hal.celsius = celsius
    ready.wait(1_100)
    assert ("over_temperature" in ready.faults()) == hot


def test_a_genset_alarm_shows_as_long_as_its_contact_says_so(ready: Bench) -> None:
    ready.set("genset_alarm", 1)
    assert ready.faults() == ["genset_alarm"]
    ready.set("genset_alarm", 0)
    assert ready.faults() == []


def test_the_chip_is_fed_only_when_every_task_reported(ready: Bench) -> None:
    fed = ready.hal.fed
    ready.wait(2_000)
    assert ready.hal.fed - fed == 8
    ready.board.watchdog.step = lambda dt_ms: None
    ready.wait(300)
    fed = ready.hal.fed
    ready.wait(5_000)
    assert ready.hal.fed == fed
