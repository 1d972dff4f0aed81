"""The light's hardware, cycle by cycle: no word, no flood of words and no dead program makes a pulse longer than 20 ms or denser than 15 %."""

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from simulators.standins.machine import Pin
from tests.firmware.loader import load

LONGEST_MS, DUTY = 20, 0.15
MS = 39
"""cycles"""


@pytest.fixture
def light() -> Iterator[Any]:
    made = load().pulse_rp2.Pulse(9)
    yield made
    Pin.levels.clear()


def edges(light: Any, cycles: int) -> list[int]:
    """Cycles at which the pin changed, beginning with a rise."""
    found, before = [], Pin.levels[9]
    for cycle in range(cycles):
        light._machine.run(1)
        if Pin.levels[9] != before:
            before = Pin.levels[9]
            found.append(cycle)
    return found


def test_the_state_machine_counts_milliseconds(light: Any) -> None:
    assert light._machine.frequency_hz == MS * 1_000
    assert MS == 3 * load().pulse_rp2.STEPS_A_MS


@pytest.mark.parametrize("length_ms", [1, 2, 7, 19])
def test_a_pulse_is_exactly_as_long_as_asked_and_no_program_is_needed_for_its_end(light: Any, length_ms: int) -> None:
    light.start(length_ms)
    on, off = edges(light, 300 * MS)
    assert off - on == length_ms * MS


@pytest.mark.parametrize("word", [0, 1, 245, 255, 256, 0xFFFF, 0xFFFFFF00, 0xFFFFFFFF, *(random.Random(1).getrandbits(32) for _ in range(20))])
def test_whatever_is_written_the_pin_falls_in_time_and_stays_down(light: Any, word: int) -> None:
    for _ in range(4):
        light._machine.put(word)
    found = edges(light, 600 * MS)
    pulses = list(zip(found[::2], found[1::2], strict=True))
    assert len(pulses) == 4
    for (on, off), (after, _) in pairwise(pulses):
        assert off - on <= LONGEST_MS * MS
        assert (off - on) / (after - on) <= DUTY


@pytest.mark.parametrize("length_ms", [20, 25, 1_000_000])
def test_a_length_beyond_the_limit_is_cut(light: Any, length_ms: int) -> None:
    light.start(length_ms)
    on, off = edges(light, 300 * MS)
    assert 19 * MS < off - on <= LONGEST_MS * MS


def test_a_second_pulse_waits_for_its_pause_and_a_third_is_not_kept(light: Any) -> None:
    for _ in range(5):
        light.start(19)
        light._machine.run(1)
    found = edges(light, 400 * MS)
    assert len(found) == 3, "the first was on already"
    assert found[1] - found[0] >= 19 * MS * (1 / DUTY - 1)


def test_dark_ends_a_pulse_but_not_its_pause(light: Any) -> None:
    light.start(19)
    light._machine.run(5 * MS)
    assert Pin.levels[9] == 1
    light.dark()
    assert Pin.levels[9] == 0
    light.start(19)
    assert edges(light, 400 * MS)[0] >= (127 - 6) * MS


def test_the_lease_never_asks_for_what_the_hardware_would_refuse(light: Any) -> None:
    """Densest pulses of the illuminator come a turn of the loop after the pause of the hardware."""
    code = load()
    for length_ms in range(1, code.illuminator.PULSE_MS + 1):
        light.start(length_ms)
        light._machine.run((code.illuminator.least_period_ms(length_ms) + 1) * MS)
        light.start(1)
        light._machine.run(4)
        assert Pin.levels[9] == 1, length_ms
        light._machine.run(100 * MS)
