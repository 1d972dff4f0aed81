"""Whatever a station sends and whatever the contacts do: no output of the board is away from its safe level longer than its table says.

Judged by the pins' own history in simulated time, not by the board's account of itself.
"""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols import board_link as wire
from tests.firmware.loader import Bench

LONGEST_MS = {
    "light": 20, "light_supply": 10_300, "start_contact": 86_400_000, "pi_power": 43_200_000, "hub_power": 43_200_000, "pi_stop": 2_000,
    "lamp_ready": 3_600_000, "lamp_work": 3_600_000, "lamp_alarm": 3_600_000,
}
"""as protocols/README.md promises"""
SAFE = dict.fromkeys(wire.OUTPUTS, 0) | {"pi_power": 1, "hub_power": 1}
COMMANDS = {message.name: message for message in wire.COMMANDS if message.name != "reset"}
RANGES = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}


@st.composite
def commands(draw: st.DrawFn) -> tuple[str, Any]:
    """Any command with any values; often values that mean something."""
    message = COMMANDS[draw(st.sampled_from(sorted(COMMANDS)))]
    ranges = [RANGES[letter] for letter in message.format[1:]]
    return message.name, tuple(draw(st.integers(0, 3) | st.integers(0, min(300, most)) | st.integers(0, most)) for most in ranges)


LIGHTS = st.tuples(st.just("light"), st.tuples(st.just(wire.NOW), st.integers(1, 400), st.integers(1, 25), st.integers(20, 200)))
PINS = st.tuples(st.just("pin"), st.tuples(st.sampled_from(wire.INPUTS), st.integers(0, 1)))
HEAT = st.tuples(st.just("heat"), st.sampled_from((25.0, 90.0)))
NOISE = st.tuples(st.just("noise"), st.binary(max_size=120))
SHORT = st.tuples(st.just("wait"), st.integers(1, 400))
LONG = st.tuples(st.just("wait"), st.sampled_from((2_500, 12_000, 130_000, 4_000_000, 50_000_000, 90_000_000)))
ACTS = st.lists(st.one_of(commands(), LIGHTS, PINS, HEAT, NOISE, SHORT, LONG), min_size=1, max_size=25)


def wait(bench: Bench, duration_ms: int) -> None:
    """In turns of a millisecond while the light has a lease, in longer ones else."""
    while duration_ms > 0:
        turn_ms = 1 if bench.board.illuminator.lease_ms else min(duration_ms, max(50, duration_ms // 400))
        bench.wait(turn_ms, turn_ms)
        duration_ms -= turn_ms


def act(bench: Bench, kind: str, what: Any) -> None:
    if kind == "pin":
        bench.hal.inputs[what[0]] = what[1]
    elif kind == "heat":
        bench.hal.celsius = what
    elif kind == "noise":
        bench.hal.to_board += what
    elif kind == "wait":
        wait(bench, what)
    else:
        bench.send(kind, *what)
        bench.wait(30)


def away(bench: Bench, name: str) -> list[tuple[int, int]]:
    """(from, until) of each time that the pin was not at its safe level, ms."""
    edges = [(at_ms, level) for at_ms, found, level in bench.hal.history if found == name] + [(bench.hal.now_ms, SAFE[name])]
    return [(since, until) for (since, level), (until, _) in pairwise(edges) if level != SAFE[name]]


def configured() -> Bench:
    bench = Bench()
    bench.ask("identify")
    bench.configure(mains_debounce_ms=0, warmup_ms=0)
    bench.ask("heartbeat")
    return bench


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(ACTS)
def test_no_output_is_on_longer_than_its_limit(acts: list[tuple[str, Any]]) -> None:
    bench = configured()
    for kind, what in acts:
        act(bench, kind, what)
    longest_turn_ms = max([50, *(what // 400 for kind, what in acts if kind == "wait")])
    for name, limit_ms in LONGEST_MS.items():
        for since, until in away(bench, name):
            assert until - since <= limit_ms + (0 if name == "light" else longest_turn_ms), name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(LIGHTS, LIGHTS, LIGHTS, SHORT, HEAT, NOISE, st.tuples(st.just("clear"), st.just(()))), min_size=10, max_size=120))
def test_the_light_keeps_its_pulse_duty_lease_and_burst(acts: list[tuple[str, Any]]) -> None:
    bench = configured()
    asked_ms = []
    for kind, what in acts:
        asked_ms += [bench.hal.now_ms] if kind == "light" else []
        act(bench, kind, what)
    wait(bench, 400)
    pulses = away(bench, "light")
    for on, off in pulses:
        assert off - on <= 20
        assert off - max(at_ms for at_ms in asked_ms if at_ms <= on) <= 250 + 25, "within the lease of a request; a pulse before it may delay the reading"
    for (on, off), (after, _) in pairwise(pulses):
        assert (off - on) * 100 <= 15 * (after - on)
    assert all(until - since <= 10_000 for since, until in bursts(pulses))


def bursts(pulses: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pulses that follow within 300 ms are one."""
    found: list[tuple[int, int]] = []
    for on, off in pulses:
        since = found.pop()[0] if found and on - found[-1][1] < 300 else on
        found.append((since, off))
    return found


@pytest.mark.parametrize("pulse_ms", [1, 7, 19])
def test_the_greediest_station_gets_a_third_of_the_time_and_twenty_seconds_of_rest(pulse_ms: int) -> None:
    """Asks again as soon as it is allowed, for a minute and a half."""
    bench = configured()
    least_ms = bench.code.illuminator.least_period_ms(pulse_ms)
    until_ms = bench.hal.now_ms + 95_000
    while bench.hal.now_ms < until_ms:
        answer = bench.ask("light", wire.NOW, 250, pulse_ms, least_ms)
        wait(bench, max(1, answer.get("detail", 240)) if "refused" in answer else 240)
    found = bursts(away(bench, "light"))
    assert 9_000 < max(until - since for since, until in found) <= 10_000
    for (since, until), (after, _) in pairwise(found):
        if until - since > 9_700:
            assert after - until >= 20_000
    on_ms = sum(off - on for on, off in away(bench, "light"))
    assert on_ms <= 95_000 * 0.15 * 0.4


def test_renewing_for_ever_passes_no_limit() -> None:
    """A station that asks for everything again and again, for 26 hours of an outage."""
    bench = configured()
    bench.hal.inputs["mains_ok"] = 0
    for _ in range(26 * 36):
        for name, values in (("lamp", (0, 1, 3_600_000)), ("genset", (wire.GENSET_ON_OUTAGE,)), ("heartbeat", ())):
            bench.send(name, *values)
            bench.wait(10)
        bench.hal.inputs["genset_running"] = bench.hal.outputs["start_contact"]
        bench.wait(100_000, 5_000)
    longest_ms = {name: max([0, *(until - since for since, until in away(bench, name))]) for name in LONGEST_MS}
    assert 86_000_000 < longest_ms["start_contact"] <= 86_400_000 + 5_000
    assert 3_500_000 < longest_ms["lamp_ready"] <= 3_600_000 + 5_000
    assert longest_ms["pi_power"] == longest_ms["light"] == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(LIGHTS, SHORT), min_size=1, max_size=12), st.integers(0, 300))
def test_heat_leaves_darkness_within_its_second(acts: list[tuple[str, Any]], before_ms: int) -> None:
    bench = configured()
    for kind, what in acts:
        act(bench, kind, what)
    wait(bench, before_ms)
    bench.hal.celsius = 90.0
    wait(bench, 1_100)
    bench.hal.history.clear()
    for kind, what in acts:
        act(bench, kind, what)
    assert away(bench, "light") == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(NOISE, commands(), SHORT), min_size=1, max_size=20))
def test_after_any_bytes_the_board_answers_the_next_question(acts: list[tuple[str, Any]]) -> None:
    bench = configured()
    for kind, what in acts:
        act(bench, kind, what)
    wait(bench, 400)
    bench.hal.to_board += b"\x00"
    wait(bench, 60)
    assert bench.ask("identify")["schema"] == wire.SCHEMA
    assert len(bench.board.link._splitter._held) == wire.MAX_FRAME


@settings(max_examples=30, deadline=None)
@given(commands() | LIGHTS, st.lists(st.integers(1, 60), min_size=1, max_size=3), st.integers(1, 255))
def test_a_command_sent_again_is_carried_out_once_and_answered_the_same(command: tuple[str, Any], gaps_ms: list[int], sequence: int) -> None:
    once, often = configured(), configured()
    name, values = command
    answers = []
    for bench, times in ((once, 1), (often, 1 + len(gaps_ms))):
        bench.hal.from_board.clear()
        for number, gap_ms in enumerate([*gaps_ms, 300]):
            if number < times:
                bench.send(name, *values, sequence=sequence)
            bench.wait(gap_ms)
        answers.append([found for found in bench.heard() if found[0] == sequence])
        assert len(answers[-1]) == times
    assert set(answers[1]) == {answers[0][0]} or name in {"identify", "status", "clock"}
    assert once.hal.history == often.hal.history
