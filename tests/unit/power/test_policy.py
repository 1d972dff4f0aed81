"""The policy table, transition by transition."""

from dataclasses import replace

import pytest

from edge.power.picture import Source, State
from edge.power.policy import LIVE, PERMISSIONS, TABLE, Inputs, next_state
from station_config.schema import Power

POWER = Power()
GOOD_BATTERY = Inputs(Source.BATTERY, charge_percent=90, minutes_low=60, people_left=12)
SCARCE = Inputs(Source.BATTERY, charge_percent=55, minutes_low=40, people_left=8)
SHORT = Inputs(Source.BATTERY, charge_percent=25, minutes_low=15, people_left=2)
EMPTY = Inputs(Source.BATTERY, charge_percent=14, minutes_low=8, people_left=0)
STEADY = Inputs(Source.MAINS, mains_steady_s=10, charge_percent=50)

TRANSITIONS = [
    (State.NORMAL, GOOD_BATTERY, State.ON_BATTERY),
    (State.NORMAL, SCARCE, State.CONSERVE),
    (State.NORMAL, SHORT, State.FINISH_ONLY),
    (State.NORMAL, EMPTY, State.STOPPING),
    (State.ON_BATTERY, SCARCE, State.CONSERVE),
    (State.ON_BATTERY, SHORT, State.FINISH_ONLY),
    (State.ON_BATTERY, EMPTY, State.STOPPING),
    (State.CONSERVE, SHORT, State.FINISH_ONLY),
    (State.CONSERVE, EMPTY, State.STOPPING),
    (State.FINISH_ONLY, EMPTY, State.STOPPING),
    (State.ON_GENSET, GOOD_BATTERY, State.ON_BATTERY),
    (State.ON_GENSET, SCARCE, State.CONSERVE),
    (State.ON_GENSET, SHORT, State.FINISH_ONLY),
    (State.ON_BATTERY, STEADY, State.NORMAL),
    (State.CONSERVE, STEADY, State.NORMAL),
    (State.FINISH_ONLY, STEADY, State.NORMAL),
    (State.ON_GENSET, STEADY, State.NORMAL),
    (State.NORMAL, Inputs(Source.MAINS, mains_steady_s=60, charge_percent=100, forced=True), State.STOPPING),
    (State.ON_BATTERY, replace(GOOD_BATTERY, overloaded=True), State.FINISH_ONLY),
    (State.ON_BATTERY, Inputs(Source.GENSET), State.ON_GENSET),
    (State.CONSERVE, Inputs(Source.GENSET), State.ON_GENSET),
    (State.FINISH_ONLY, Inputs(Source.GENSET), State.ON_GENSET),
    (State.NORMAL, Inputs(Source.GENSET), State.ON_GENSET),
    (State.FINISH_ONLY, Inputs(Source.BATTERY, charge_percent=40, minutes_low=40, people_left=2), State.CONSERVE),
    (State.CONSERVE, Inputs(Source.BATTERY, charge_percent=66, minutes_low=60, people_left=9), State.ON_BATTERY),
]


@pytest.mark.parametrize(("before", "inputs", "after"), TRANSITIONS)
def test_every_transition(before: State, inputs: Inputs, after: State) -> None:
    assert next_state(before, inputs, POWER)[0] is after


def test_the_cases_above_use_every_row() -> None:
    used = {next_state(before, inputs, POWER)[1] for before, inputs, _ in TRANSITIONS}
    used.add(next_state(State.NORMAL, Inputs(Source.MAINS, stop_asked=True), POWER)[1])
    assert used == {row.why for row in TABLE}


@pytest.mark.parametrize("state", sorted(LIVE))
def test_asked_to_stop_it_stops_from_anywhere(state: State) -> None:
    assert next_state(state, Inputs(Source.MAINS, mains_steady_s=100, stop_asked=True), POWER)[0] is State.STOPPING


@pytest.mark.parametrize("inputs", [GOOD_BATTERY, STEADY, EMPTY, Inputs(Source.GENSET)])
def test_a_stop_is_never_taken_back(inputs: Inputs) -> None:
    assert next_state(State.STOPPING, inputs, POWER)[0] is State.STOPPING


def test_low_words_and_silence_stop_whatever_the_figures_say() -> None:
    lies = Inputs(Source.BATTERY, charge_percent=100, minutes_low=60, people_left=12, low=True)
    assert next_state(State.ON_BATTERY, lies, POWER)[0] is State.STOPPING
    on_mains = Inputs(Source.MAINS, mains_steady_s=60, low=True)
    assert next_state(State.NORMAL, on_mains, POWER)[0] is State.NORMAL, "low while on mains is only a battery that charges"


def test_an_unknown_battery_lets_nobody_new_begin() -> None:
    assert next_state(State.NORMAL, Inputs(Source.BATTERY), POWER)[0] is State.FINISH_ONLY


def test_an_unknown_source_changes_nothing() -> None:
    for state in State:
        assert next_state(state, Inputs(Source.UNKNOWN), POWER) == (state, "")


@pytest.mark.parametrize(("charge", "state"), [(30, State.FINISH_ONLY), (34.9, State.FINISH_ONLY), (35, State.CONSERVE)])
def test_hysteresis_keeps_a_noisy_charge_from_flapping(charge: float, state: State) -> None:
    inputs = Inputs(Source.BATTERY, charge_percent=charge, minutes_low=60, people_left=9)
    assert next_state(State.FINISH_ONLY, inputs, POWER)[0] is state


def test_mains_count_only_when_they_stay() -> None:
    assert next_state(State.ON_BATTERY, Inputs(Source.MAINS, mains_steady_s=9.9), POWER)[0] is State.ON_BATTERY


PLENTY = Inputs(Source.BATTERY, charge_percent=90, minutes_low=60, people_left=12)
EDGES = [
    (replace(PLENTY, charge_percent=15), State.FINISH_ONLY), (replace(PLENTY, charge_percent=14.9), State.STOPPING),
    (replace(PLENTY, minutes_low=5, people_left=0), State.FINISH_ONLY), (replace(PLENTY, minutes_low=4.9, people_left=0), State.STOPPING),
    (replace(PLENTY, charge_percent=30), State.CONSERVE), (replace(PLENTY, charge_percent=29.9), State.FINISH_ONLY),
    (replace(PLENTY, charge_percent=60), State.ON_BATTERY), (replace(PLENTY, charge_percent=59.9), State.CONSERVE),
    (replace(PLENTY, people_left=1), State.ON_BATTERY), (replace(PLENTY, people_left=0), State.FINISH_ONLY),
    (replace(PLENTY, whole=False), State.FINISH_ONLY), (replace(PLENTY, charge_percent=None), State.ON_BATTERY),
]


@pytest.mark.parametrize(("inputs", "state"), EDGES)
def test_each_threshold_is_where_the_configuration_says(inputs: Inputs, state: State) -> None:
    assert next_state(State.NORMAL, inputs, POWER)[0] is state


@pytest.mark.parametrize(
    ("before", "inputs", "state"),
    [
        (State.FINISH_ONLY, replace(PLENTY, charge_percent=70, people_left=1), State.FINISH_ONLY),
        (State.FINISH_ONLY, replace(PLENTY, charge_percent=70, people_left=2), State.CONSERVE),
        (State.CONSERVE, replace(PLENTY, charge_percent=64.9), State.CONSERVE),
        (State.CONSERVE, replace(PLENTY, charge_percent=65), State.ON_BATTERY),
    ],
)
def test_it_gets_better_only_with_something_to_spare(before: State, inputs: Inputs, state: State) -> None:
    assert next_state(before, inputs, POWER)[0] is state


def test_lamp_and_screen_take_less_the_less_there_is_and_small_things_are_sent_to_the_last() -> None:
    order = [State.NORMAL, State.ON_BATTERY, State.CONSERVE, State.FINISH_ONLY, State.STOPPING]
    permitted = [PERMISSIONS[state] for state in order]
    assert [each.lamp_percent for each in permitted] == [100, 100, 60, 60, 0]
    assert [each.screen_percent for each in permitted] == [100, 70, 50, 40, 30]
    assert [each.sending for each in permitted] == ["all", "small", "small", "small", "none"]
    assert PERMISSIONS[State.ON_GENSET] == PERMISSIONS[State.NORMAL]


def test_what_each_state_allows() -> None:
    assert [state for state in State if PERMISSIONS[state].next_person] == [State.NORMAL, State.ON_BATTERY, State.CONSERVE, State.ON_GENSET]
    assert [state for state in State if not PERMISSIONS[state].next_step] == [State.STOPPING]
    assert [state for state in State if PERMISSIONS[state].sending == "all"] == [State.NORMAL, State.ON_GENSET]
