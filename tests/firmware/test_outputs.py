"""Every output: start value, safe value, longest time away from it, and the rest before that time begins anew."""

from pathlib import Path

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench, load

TABLE = load().outputs.TABLE
UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
RESTING = [pytest.param(*row, id=row[0]) for row in TABLE if row[3]]


def test_every_output_starts_safe_and_has_a_longest_time(bench: Bench) -> None:
    starts = {name: level for _, name, level in bench.hal.history[: len(wire.OUTPUTS)]}
    assert list(starts) == list(wire.OUTPUTS)
    for name, safe, longest_ms, _ in TABLE:
        assert starts[name] == safe
        output = getattr(bench.board.outputs, name)
        output.set(1 - safe)
        longest_ms += bench.code.outputs.TURN_MS if name == "light" else 0
        output.step(longest_ms - 1)
        assert output.level == 1 - safe
        output.step(1)
        assert output.level == safe


def amount_ms(text: str) -> float:
    number, unit = text.replace(",", "").split()[:2]
    return float(number) * UNITS_MS[unit]


def test_the_readme_promises_what_the_table_of_outputs_holds() -> None:
    """Rows such as `| pi_power, hub_power | on | 12 h | 2 min |`."""
    text = (Path(__file__).parents[2] / "protocols/README.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    for name, safe, longest_ms, rest_ms in TABLE:
        (row,) = [row for row in rows if len(row) == 4 and name in row[0].split(" (")[0].split(", ")]
        assert row[1] == ("off", "open", "on")[2 if safe else int(name == "start_contact")], name
        assert (amount_ms(row[2]), amount_ms(row[3]) if row[3][0].isdigit() else 0) == (longest_ms, rest_ms), name


def test_a_renewed_lease_never_passes_the_longest_time(bench: Bench) -> None:
    output = bench.board.outputs.lamp_ready
    for _ in range(37):
        output.set(1, 100_000)
        output.step(99_000)
    assert output.level == 0


@pytest.mark.parametrize(("name", "safe", "longest_ms", "rest_ms"), RESTING)
def test_letting_go_for_a_moment_wins_no_time(bench: Bench, name: str, safe: int, longest_ms: int, rest_ms: int) -> None:
    """Somebody lets go just before each limit, and shorter than a whole rest."""
    output = getattr(bench.board.outputs, name)
    turns, turn_ms = 0, longest_ms // 200
    while output.ready() and turns < 1_000:
        output.set(1 - safe)
        output.step(turn_ms)
        turns += 1
        if turns % 20 == 19:
            output.rest()
            output.step(rest_ms - 1)
    assert turns * turn_ms <= longest_ms + turn_ms


@pytest.mark.parametrize(("name", "safe", "longest_ms", "rest_ms"), RESTING)
def test_after_its_limit_an_output_rests_and_then_has_its_whole_time_again(bench: Bench, name: str, safe: int, longest_ms: int, rest_ms: int) -> None:
    output = getattr(bench.board.outputs, name)
    output.set(1 - safe)
    output.step(longest_ms)
    for _ in range(2):
        output.set(1 - safe)
        assert output.level == safe
        output.step(rest_ms // 2 - 1)
    output.step(1)
    output.set(1 - safe)
    assert (output.level, output.left_ms) == (safe, 0)
    output.step(1)
    output.set(1 - safe)
    assert (output.level, output.left_ms) == (1 - safe, longest_ms)


def test_a_lamp_may_shine_for_ever_for_a_station_that_asks_within_the_hour(bench: Bench) -> None:
    bench.ask("lamp", 0, 1, 0)
    bench.wait_s(3_601)
    assert bench.hal.outputs["lamp_ready"] == 0
    bench.ask("lamp", 0, 1, 0)
    assert bench.hal.outputs["lamp_ready"] == 1


def test_an_engine_that_ran_for_a_day_stands_for_ten_minutes(ready: Bench) -> None:
    """However eagerly the station asks."""
    ready.hal.inputs["mains_ok"] = 0
    ready.hal.history.clear()
    for _ in range(25 * 60):
        ready.send("genset", wire.GENSET_ON_OUTAGE)
        ready.wait(60_000, 5_000)
        ready.hal.inputs["genset_running"] = ready.hal.outputs["start_contact"]
    edges = [(at_ms, level) for at_ms, name, level in ready.hal.history if name == "start_contact"]
    assert [level for _, level in edges] == [1, 0, 1]
    assert edges[1][0] - edges[0][0] == pytest.approx(86_400_000, abs=10_000)
    assert 600_000 <= edges[2][0] - edges[1][0] < 700_000
    assert ready.board.genset.starts.count() == 1, "waiting costs no start"


def test_at_the_longest_time_off_the_devices_come_back_before_the_pi(ready: Bench) -> None:
    ready.ask("heartbeat")
    ready.ask("stopping", 10, 0, 0)
    ready.hal.history.clear()
    ready.wait(43_400_000, 500)
    switched = [(name, level, at_ms) for at_ms, name, level in ready.hal.history if name.endswith("_power") and name != "light_power"]
    assert [found[:2] for found in switched] == [("pi_power", 0), ("hub_power", 0), ("hub_power", 1), ("pi_power", 1)]
    assert switched[3][2] - switched[2][2] >= 2_000
    assert 43_180_000 < switched[3][2] - switched[0][2] <= 43_200_000


def test_a_pi_back_after_the_longest_time_keeps_its_power_for_two_minutes(ready: Bench) -> None:
    """Its orderly stop waits for that."""
    ready.ask("heartbeat")
    ready.ask("stopping", 10, 0, 0)
    power = ready.board.outputs.pi_power
    ready.until(lambda: power.level == 0)
    power.step(43_200_000)
    ready.until(lambda: wire.WATCHDOG_STATES[ready.board.watchdog.state] == "watching")
    ready.ask("stopping", 10, 0, 0)
    ready.wait_s(60)
    assert wire.WATCHDOG_STATES[ready.board.watchdog.state] == "leased"
    assert ready.until(lambda: power.level == 0) == pytest.approx(58, abs=3)
    assert ready.board.watchdog.cuts.count() == 0
