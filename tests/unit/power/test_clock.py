"""The station's clock: never backwards inside a boot, and it says how far it can be believed."""

from pathlib import Path

import pytest

from edge.clock import SystemClock, local_day_minute

NOON = 1_780_315_200.0


class Machine:
    """The operating system's two clocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.mono_s, self.unix_s = 100.0, NOON
        monkeypatch.setattr("edge.clock.time.monotonic", lambda: self.mono_s)
        monkeypatch.setattr("edge.clock.time.time", lambda: self.unix_s)
        self.rtc, self.ntp = tmp_path / "rtc0", tmp_path / "synchronized"

    def clock(self) -> SystemClock:
        return SystemClock(self.rtc, self.ntp)

    def pass_s(self, seconds: float) -> None:
        self.mono_s += seconds
        self.unix_s += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def test_trust_grows_from_none_to_network(machine: Machine) -> None:
    clock = machine.clock()
    assert clock.trust() == "none"
    machine.rtc.touch()
    assert clock.trust() == "rtc"
    clock.district_says(NOON + 5, within_s=60)
    assert clock.trust() == "district"
    machine.ntp.touch()
    assert clock.trust() == "network"


def test_a_clock_that_never_was_set_is_not_believed(machine: Machine) -> None:
    machine.unix_s = 100.0
    machine.rtc.touch()
    clock = machine.clock()
    assert clock.trust() == "none"
    clock.district_says(NOON, within_s=60)
    assert clock.wall_s() == NOON
    assert clock.trust() == "district"


def test_set_back_by_little_it_stands_still_until_the_truth_arrives(machine: Machine) -> None:
    clock = machine.clock()
    assert clock.wall_s() == NOON
    machine.unix_s -= 30
    assert clock.wall_s() == NOON
    machine.pass_s(40)
    assert clock.wall_s() == NOON + 10


@pytest.mark.parametrize("years", [-10, -1, 1, 10])
def test_jumps_of_years_never_turn_it_back(machine: Machine, years: int) -> None:
    machine.rtc.touch()
    clock = machine.clock()
    before = clock.wall_s()
    machine.unix_s += years * 31_536_000
    machine.pass_s(5)
    after = clock.wall_s()
    machine.pass_s(5)
    assert before < after < clock.wall_s()
    assert clock.trust() == ("none" if years < 0 else "rtc")


def test_local_day_and_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    day, minute = local_day_minute(NOON)
    assert day.startswith("2026-06-0")
    assert 0 <= minute < 1440


def test_a_recent_word_of_the_district_confirms_a_clock_that_agrees(machine: Machine) -> None:
    clock = machine.clock()
    assert clock.trust() == "none"
    clock.district_says(NOON - 20, within_s=45)
    assert (clock.trust(), clock.wall_s()) == ("district", NOON)


def test_an_old_word_neither_confirms_nor_unmasks(machine: Machine) -> None:
    clock = machine.clock()
    clock.district_says(NOON - 20, within_s=7200)
    clock.district_says(NOON - 86_400)
    assert (clock.trust(), clock.wall_s()) == ("none", NOON)


def test_a_recent_word_unmasks_a_clock_that_is_years_ahead_and_time_still_goes_on(machine: Machine) -> None:
    machine.rtc.touch()
    clock = machine.clock()
    assert clock.trust() == "rtc"
    clock.district_says(NOON - 3 * 31_536_000, within_s=30)
    assert clock.trust() == "none"
    before = clock.wall_s()
    machine.pass_s(5)
    assert clock.wall_s() == before + 5


def test_a_word_from_later_sets_it_and_one_that_nobody_can_date_is_only_the_least_that_it_can_be(machine: Machine) -> None:
    machine.rtc.touch()
    clock = machine.clock()
    clock.district_says(NOON + 3600)
    assert (clock.trust(), clock.wall_s()) == ("none", NOON + 3600), "a policy may be months old, and the RTC is wrong"
    clock.district_says(NOON + 5400, within_s=3 * 86_400)
    assert (clock.trust(), clock.wall_s()) == ("none", NOON + 5400), "an answer that came by stick may have lain for days"
    clock.district_says(NOON + 7200, within_s=86_400)
    assert (clock.trust(), clock.wall_s()) == ("district", NOON + 7200), "the station has waited for this answer since then"
    clock.district_says(NOON + 7300)
    assert (clock.trust(), clock.wall_s()) == ("district", NOON + 7300)


def test_an_rtc_that_is_some_seconds_behind_a_policy_just_made_is_still_believed(machine: Machine) -> None:
    machine.rtc.touch()
    clock = machine.clock()
    clock.district_says(NOON + 20)
    assert (clock.trust(), clock.wall_s()) == ("rtc", NOON + 20)


def test_an_old_word_does_not_hide_that_a_recent_one_agrees(machine: Machine) -> None:
    clock = machine.clock()
    clock.district_says(NOON + 3600)
    clock.district_says(NOON + 3600 - 5, within_s=30)
    assert clock.trust() == "district"


def test_network_time_that_arrives_later_replaces_what_the_district_said(machine: Machine) -> None:
    machine.unix_s = NOON - 86_400
    clock = machine.clock()
    clock.district_says(NOON - 3600)
    machine.unix_s = NOON
    machine.ntp.touch()
    assert (clock.trust(), clock.wall_s()) == ("network", NOON)
