"""Where the power comes from, at the edges: who is fresh, who is silent, what flickers, whose watts are whose."""

from dataclasses import replace

import pytest

from edge.devices.interfaces import BoardStatus, UpsReading
from edge.power.picture import Source
from edge.power.supply import Readings, Supply, UpsTrack
from station_config.schema import Power

BOARD = BoardStatus(True, True, False, "idle", False, False, 5050, 41.0, 0)
DARK = replace(BOARD, mains_ok=False)


def says(*words: str, volts: float = 230.0, load_percent: float = 20.0, nominal_w: float | None = None) -> UpsReading:
    return UpsReading(frozenset(words), 90.0, 1800.0, load_percent, volts, 50.0, 26.0, nominal_w)


def supply(*names: str, **power: float) -> Supply:
    return Supply(Power(**power), [UpsTrack(name, 600.0) for name in names])  # type: ignore[arg-type]


def test_where_polls_are_rare_one_missed_answer_is_no_silence() -> None:
    rare = supply("a", poll_s=9, stale_on_battery_s=60)
    rare.take(0.0, Readings({"a": says("OL")}), genset_on_load=False)
    sources = []
    for now_s in (18.0, 28.0):
        rare.take(now_s, Readings({"a": None}), genset_on_load=False)
        sources.append(rare.source)
    assert sources == [Source.MAINS, Source.UNKNOWN]


def test_one_of_two_that_falls_silent_on_battery_is_low_after_thirty_seconds() -> None:
    both = supply("a", "b")
    both.take(0.0, Readings({"a": says("OB"), "b": says("OB")}), genset_on_load=False)
    for now_s in range(2, 30, 2):
        both.take(float(now_s), Readings({"a": says("OB"), "b": None}), genset_on_load=False)
        assert not both.low, now_s
    both.take(30.0, Readings({"a": says("OB"), "b": None}), genset_on_load=False)
    assert both.low


def test_four_changes_within_a_minute_flicker_and_three_do_not() -> None:
    here = supply("a")
    words = ("OL", "OB", "OL", "OB", "OL")
    for step, word in enumerate(words):
        assert not here.flickers(10.0 * step), step
        here.take(10.0 * step, Readings({"a": says(word)}), genset_on_load=False)
    assert here.flickers(40.0)
    assert here.flickers(70.0)
    assert not here.flickers(70.1), "the first change is more than a minute ago"


def test_two_that_differ_disagree_after_ten_seconds() -> None:
    here = supply("a", "b")
    for now_s in (0.0, 9.9, 10.0):
        here.take(now_s, Readings({"a": says("OL"), "b": says("OB")}), genset_on_load=False)
        assert here.disagree(now_s) is (now_s == 10.0)


def test_watts_are_of_what_the_ups_says_it_can_carry_else_of_the_name_plate() -> None:
    here = supply("a")
    here.take(0.0, Readings({"a": says("OL", load_percent=50.0, nominal_w=900.0)}), genset_on_load=False)
    assert here.watts(0.0) == 450
    here.take(1.0, Readings({"a": says("OL", load_percent=50.0)}), genset_on_load=False)
    assert here.watts(1.0) == 300


def test_a_silent_ups_and_a_dark_board_are_an_outage_unless_an_engine_turns() -> None:
    for board, source in ((DARK, Source.BATTERY), (replace(DARK, genset_running=True), Source.GENSET), (BOARD, Source.MAINS)):
        here = supply("a")
        here.take(0.0, Readings({"a": None}, board=board), genset_on_load=False)
        assert here.source is source


def test_an_engine_that_only_turns_feeds_nobody_while_the_mains_are_there() -> None:
    here = supply("a")
    here.take(0.0, Readings({"a": says("OL")}, board=replace(BOARD, genset_running=True)), genset_on_load=False)
    assert here.source is Source.MAINS


def test_a_ups_that_was_on_battery_and_is_silent_is_believed_back_by_two_witnesses_alone() -> None:
    for board, source in ((BOARD, Source.MAINS), (DARK, Source.BATTERY), (None, Source.BATTERY)):
        here = supply("a", "b")
        here.take(0.0, Readings({"a": says("OB"), "b": says("OB")}, board=board), genset_on_load=False)
        here.take(20.0, Readings({"a": None, "b": says("OL")}, board=board), genset_on_load=False)
        assert here.source is source


def test_behind_the_genset_the_mains_are_what_the_board_sees() -> None:
    here = supply("a")
    for now_s, board in ((0.0, DARK), (10.0, BOARD), (25.0, BOARD)):
        here.take(now_s, Readings({"a": says("OL")}, board=board), genset_on_load=True)
    assert here.source is Source.GENSET
    assert here.mains_steady_s(25.0) == 15
    assert not here.mains_figure(25.0, "input_v").known, "the UPS tells the genset's voltage"


@pytest.mark.parametrize(("volts", "hz_known"), [(230.0, True), (50.0, True), (49.9, False)])
def test_without_voltage_there_is_no_frequency(volts: float, hz_known: bool) -> None:
    here = supply("a")
    here.take(0.0, Readings({"a": says("OB", volts=volts)}), genset_on_load=False)
    assert here.mains_figure(0.0, "input_hz").known is hz_known
