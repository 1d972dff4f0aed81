"""The light never exceeds its limits, whatever is asked: checked on the pin's history, not on the board's own account."""

import random
from itertools import pairwise

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench


def pulses(bench: Bench) -> list[tuple[int, int]]:
    """(on, off) times of the light pin, ms."""
    found, on_ms = [], None
    for at_ms, name, level in bench.hal.history:
        if name == "light" and level:
            on_ms = at_ms
        elif name == "light" and on_ms is not None:
            found.append((on_ms, at_ms))
            on_ms = None
    assert on_ms is None, "the light is still on"
    return found


def light(bench: Bench, duration_ms: int = 250, pulse_ms: int = 19, period_ms: int = 133, start: int = wire.NOW) -> dict[str, int]:
    return bench.ask("light", start, duration_ms, pulse_ms, period_ms)


def test_one_lease_gives_its_pulses_and_ends_alone(ready: Bench) -> None:
    granted = light(ready)
    assert (granted["lease_ms"], granted["pulse_ms"], granted["count"]) == (250, 19, 2)
    ready.wait(1_000)
    (first, first_off), (second, second_off) = pulses(ready)
    assert first_off - first == second_off - second == 19
    assert second - first == 133
    assert (first - granted["start_ticks"]) % (wire.TICKS_MASK + 1) <= 1
    assert ready.hal.outputs["light_supply"] == 0
    assert ready.ask("dark") == {"pulses": 2, "seen_ms": 2 * 16}


def test_a_pulse_begins_at_the_tick_asked_for(ready: Bench) -> None:
    start = (ready.hal.now_ms + 60) & wire.TICKS_MASK
    granted = light(ready, start=start)
    ready.wait(400)
    assert granted["start_ticks"] == start
    assert abs((pulses(ready)[0][0] & wire.TICKS_MASK) - start) <= 1


def test_longer_pulses_denser_periods_and_longer_leases_are_not_given(ready: Bench) -> None:
    assert light(ready, pulse_ms=19, period_ms=140)["pulse_ms"] == 19
    ready.wait(400)
    assert light(ready, pulse_ms=20, period_ms=140)["refused"] == "bad_value"
    assert light(ready, period_ms=126)["refused"] == "bad_value"
    assert light(ready, duration_ms=5_000)["lease_ms"] == 250


def test_a_begin_beyond_the_lease_or_a_lease_shorter_than_its_pulse_is_nonsense(ready: Bench) -> None:
    assert light(ready, start=(ready.hal.now_ms + 260) & wire.TICKS_MASK)["refused"] == "bad_value"
    assert light(ready, start=(ready.hal.now_ms + 100_000) & wire.TICKS_MASK)["refused"] == "bad_value"
    assert light(ready, duration_ms=18)["refused"] == "bad_value"
    assert light(ready)["count"] == 2


def test_duty_holds_between_leases_too(ready: Bench) -> None:
    light(ready, duration_ms=30)
    ready.wait(25)
    assert light(ready, duration_ms=30)["refused"] == "light_duty"
    assert light(ready, duration_ms=250)["count"] == 1


def test_a_lease_without_room_for_a_pulse_is_refused_with_the_time_to_wait(ready: Bench) -> None:
    light(ready, duration_ms=30)
    ready.wait(25)
    answer = light(ready, duration_ms=115)
    assert answer["refused"] == "light_duty"
    assert 96 < answer["detail"] < 112
    ready.wait(answer["detail"])
    assert light(ready, duration_ms=30)["count"] == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_greedy_host_never_gets_more_than_the_limits(ready: Bench, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(400):
        light(ready, rng.randrange(1, 300), rng.randrange(1, 22), rng.randrange(20, 200))
        ready.wait(rng.choice((1, 40, 60, 120)))
    ready.wait(300)
    found = pulses(ready)
    assert max(off - on for on, off in found) <= 20
    for (on, off), (after, _) in pairwise(found):
        assert (off - on) / (after - on) <= 0.15
    assert longest_burst_ms(found) <= 10_000


def longest_burst_ms(found: list[tuple[int, int]]) -> int:
    """Pulses that follow within 300 ms are one burst."""
    longest, begin = 0, found[0][0]
    for (_, off), (after, after_off) in pairwise(found):
        begin = after if after - off >= 300 else begin
        longest = max(longest, after_off - begin)
    return longest


def test_ten_seconds_of_burst_then_twenty_of_rest(ready: Bench) -> None:
    while "refused" not in (answer := light(ready)):
        ready.wait(100)
    assert answer["refused"] == "light_rest"
    assert 19_000 < answer["detail"] <= 20_000
    found = pulses(ready)
    assert 9_500 < found[-1][1] - found[0][0] <= 10_000
    ready.wait(answer["detail"] - 10)
    assert light(ready)["refused"] == "light_rest"
    assert {off - on for on, off in found} == {19}, "no pulse is begun that the burst would cut"
    ready.wait(20)
    assert light(ready)["count"] == 2
    ready.wait(300)
    assert pulses(ready)[-2][0] - found[-1][1] >= 20_000


def test_a_silent_host_gets_darkness_within_the_lease(ready: Bench) -> None:
    light(ready)
    ready.wait(1_000)
    assert ready.hal.outputs["light"] == 0
    assert pulses(ready)[-1][1] - pulses(ready)[0][0] <= 250


def test_dark_ends_a_pulse_at_once(ready: Bench) -> None:
    light(ready)
    ready.wait(5)
    ready.ask("dark")
    assert ready.hal.outputs["light"] == ready.hal.outputs["light_supply"] == 0


def test_heat_ends_and_refuses_light_until_cleared_cool(ready: Bench) -> None:
    light(ready)
    ready.hal.celsius = 75
    ready.wait(1_100)
    assert "over_temperature" in ready.faults()
    assert light(ready)["refused"] == "over_temperature"
    ready.ask("clear")
    assert "over_temperature" in ready.faults()
    ready.hal.celsius = 65
    ready.wait(1_100)
    ready.ask("clear")
    assert "over_temperature" in ready.faults(), "five degrees below the limit"
    ready.hal.celsius = 64.9
    ready.wait(1_100)
    ready.ask("clear")
    assert light(ready)["count"] == 2


def test_the_end_of_a_burst_is_promised_as_it_comes(ready: Bench) -> None:
    """No lease promises a pulse that the burst has no room for."""
    promised = 0
    while "refused" not in (granted := light(ready)):
        promised += granted["count"]
        ready.wait(granted["lease_ms"])
    assert granted["refused"] == "light_rest"
    assert len(pulses(ready)) == promised


def test_a_short_pause_does_not_make_the_eye_forget(ready: Bench) -> None:
    """Eight seconds, one of pause, and there are some two left."""
    until_ms = ready.hal.now_ms + 8_000
    while ready.hal.now_ms < until_ms:
        light(ready)
        ready.wait(100)
    ready.wait(1_000)
    begin_ms = ready.hal.now_ms
    while "refused" not in light(ready):
        ready.wait(100)
    assert ready.hal.now_ms - begin_ms == pytest.approx(2_000, abs=300)


def test_flashes_from_outside_are_no_light_that_stays_on(ready: Bench) -> None:
    ready.hal.light_follows = False
    for _ in range(10):
        ready.hal.inputs["light_seen"] = 1
        ready.wait(60)
        ready.hal.inputs["light_seen"] = 0
        ready.wait(10)
    assert ready.faults() == []


@pytest.mark.parametrize("fault", ["OVER_TEMPERATURE", "LIGHT_STUCK"])
def test_heat_and_a_light_that_stays_on_end_the_lease_at_once(ready: Bench, fault: str) -> None:
    light(ready)
    ready.wait(5)
    assert ready.hal.outputs["light"] == 1
    ready.board.faults.latch(getattr(ready.code.state, fault))
    ready.wait(1)
    assert ready.hal.outputs["light"] == ready.hal.outputs["light_supply"] == 0


@pytest.mark.parametrize(("pulse_ms", "period_ms"), [(19, 127), (19, 133), (17, 115), (10, 70), (7, 61), (1, 7), (3, 83)])
def test_a_lease_gives_as_many_whole_pulses_as_it_promised(ready: Bench, pulse_ms: int, period_ms: int) -> None:
    granted = light(ready, pulse_ms=pulse_ms, period_ms=period_ms)
    ready.wait(300)
    assert [off - on for on, off in pulses(ready)] == [pulse_ms] * granted["count"]


def test_turns_that_take_time_themselves_ask_nothing_of_the_hardware_too_early(ready: Bench) -> None:
    """On the chip a pulse begins some milliseconds into a turn, and those count as its own."""
    reads = [0]

    def slow(index: int) -> int:
        reads[0] += 1
        ready.hal.now_ms += reads[0] % 2
        return type(ready.hal).read(ready.hal, index)

    ready.hal.read = slow  # type: ignore[method-assign]
    for _ in range(20):
        ready.send("light", wire.NOW, 250, 19, 127)
        for _ in range(60):
            ready.board.step()
            ready.board.rest()
    assert len(pulses(ready)) > 20


def test_light_that_stays_on_is_found_and_its_supply_cut(ready: Bench) -> None:
    ready.hal.light_follows = False
    light(ready, duration_ms=250)
    ready.hal.inputs["light_seen"] = 1
    ready.wait(22)
    assert ready.faults() == []
    ready.wait(108)
    assert "light_stuck" in ready.faults()
    assert ready.hal.outputs["light_supply"] == 0, "long before the lease ends"
    assert light(ready)["refused"] == "light_fault"


def test_light_that_is_not_seen_at_three_pulses_is_reported(ready: Bench) -> None:
    ready.hal.light_follows = False
    light(ready)
    ready.wait(400)
    assert ready.faults() == []
    light(ready, duration_ms=100)
    ready.wait(400)
    assert "light_dead" in ready.faults()
    assert ready.ask("dark") == {"pulses": 1, "seen_ms": 0}


def test_a_pulse_too_short_for_the_photodiode_says_nothing_about_it(ready: Bench) -> None:
    ready.hal.light_follows = False
    for _ in range(4):
        ready.ask("light", wire.NOW, 250, 19, 133)
        ready.wait(1)
        ready.ask("dark")
        ready.wait(400)
    assert ready.faults() == []


def test_a_reset_under_a_pulse_is_dark_at_once(ready: Bench) -> None:
    light(ready)
    ready.wait(5)
    assert ready.hal.outputs["light"] == 1
    ready.board.outputs.all_safe()
    assert ready.hal.outputs["light"] == ready.hal.outputs["light_supply"] == 0


@pytest.mark.parametrize("turn_ms", [2, 4, 7])
def test_a_pulse_keeps_its_length_where_a_turn_of_the_loop_takes_long(ready: Bench, turn_ms: int) -> None:
    """On the chip a turn takes about 3 ms, and pulses were 21.7 ms long."""
    ready.send("light", wire.NOW, 250, 19, 127)
    for _ in range(600 // turn_ms):
        ready.hal.now_ms += turn_ms
        ready.board.step()
        ready.board.rest()
    found = pulses(ready)
    assert len(found) == 2
    assert all(off - on <= 19 for on, off in found)
    (first, first_off), (second, _) = found
    assert (first_off - first) / (second - first) <= 0.15
    assert ready.board._uptime_s >= 0
    assert ready.hal.outputs["light_supply"] == 0


def test_nothing_shines_before_the_configuration_is_closed(bench: Bench) -> None:
    assert light(bench)["refused"] == "not_configured"


def test_the_second_switch_opens_with_the_lease_when_the_illuminator_forgets(ready: Bench) -> None:
    light(ready, duration_ms=200)
    ready.wait(5)
    ready.board.illuminator.step = lambda dt_ms: None
    assert ready.hal.outputs["light_supply"] == 1
    ready.wait(196)
    assert ready.hal.outputs["light_supply"] == 0


def test_the_pin_itself_goes_off_after_20_ms_when_the_illuminator_forgets(ready: Bench) -> None:
    ready.board.illuminator.step = lambda dt_ms: None
    ready.board.outputs.light.set(1)
    ready.wait(25)
    on_ms, off_ms = pulses(ready)[0]
    assert off_ms - on_ms <= 20
