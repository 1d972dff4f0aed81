"""The genset's plan at its edges: each limit is where the configuration says, no second earlier or later."""

from dataclasses import replace

import pytest

from edge.power.genset_plan import Plan, Seen, step
from station_config.schema import GensetRules

RULES = GensetRules()
GOOD = Seen(0.0, running=True, volts=230.0, hz=50.0, want="forecast")
STANDS = Seen(0.0, running=False, volts=0.0, hz=0.0, want="forecast")


def after(plan: Plan, *seen: Seen, rules: GensetRules = RULES) -> tuple[Plan, tuple[str, ...]]:
    """The plan after these instants, and everything that was sent."""
    sent: tuple[str, ...] = ()
    for each in seen:
        plan, acts = step(plan, each, rules)
        sent += acts
    return plan, sent


def at(seen: Seen, *times_s: float) -> list[Seen]:
    return [replace(seen, now_s=now_s) for now_s in times_s]


WARM = Plan("warm_up", reason="forecast")
LOADED = Plan("on_load", reason="forecast")


def test_the_load_goes_over_after_twenty_good_seconds_in_a_row() -> None:
    assert after(WARM, *at(GOOD, 0, 19.9))[1] == ()
    assert after(WARM, *at(GOOD, 0, 20))[1] == ("load",)
    dip = replace(GOOD, now_s=10.0, volts=190.0)
    assert after(WARM, *at(GOOD, 0), dip, *at(GOOD, 11, 30))[1] == ()
    assert after(WARM, *at(GOOD, 0), dip, *at(GOOD, 11, 31))[1] == ("load",)


EDGES = [(207, 48, True), (253, 52, True), (206.9, 50, False), (253.1, 50, False), (230, 47.9, False), (230, 52.1, False)]


@pytest.mark.parametrize(("volts", "hz", "good"), EDGES)
def test_voltage_and_frequency_within_limits(volts: float, hz: float, good: bool) -> None:
    seen = replace(GOOD, volts=volts, hz=hz)
    assert (after(WARM, *at(seen, 0, 20))[1] == ("load",)) is good


def test_voltage_that_does_not_come_is_a_failure_after_a_minute() -> None:
    weak = replace(GOOD, volts=120.0)
    assert after(WARM, *at(weak, 0, 60))[0].state == "warm_up"
    plan, sent = after(WARM, *at(weak, 0, 60.1))
    assert (plan.state, plan.code, plan.failures, sent) == ("resting", "genset_no_voltage", 1, ("unload", "stop"))


def test_a_short_dip_under_load_is_borne_and_a_long_one_is_not() -> None:
    dip = replace(GOOD, volts=190.0)
    assert after(LOADED, *at(dip, 0, 5))[0].state == "on_load"
    assert after(LOADED, *at(dip, 0, 5.1))[0].code == "genset_unstable"


def test_home_after_minimum_run_and_two_minutes_of_mains() -> None:
    back = replace(GOOD, want=None)
    assert after(LOADED, replace(back, now_s=899.9, mains_steady_s=500.0))[1] == ()
    assert after(LOADED, replace(back, now_s=900.0, mains_steady_s=119.9))[1] == ()
    assert after(LOADED, replace(back, now_s=900.0, mains_steady_s=120.0))[1] == ("unload",)


def test_it_cools_down_for_two_minutes_unless_nothing_is_left() -> None:
    cooling, calm = Plan("cool_down", reason="forecast"), replace(GOOD, want=None)
    assert after(cooling, *at(calm, 119.9))[1] == ()
    assert after(cooling, *at(calm, 120))[1] == ("stop",)
    assert after(cooling, replace(calm, now_s=1.0, hurry=True))[1] == ("stop",)


def test_the_third_failure_locks_and_there_is_a_rest_between() -> None:
    plan, _ = after(Plan("starting", reason="forecast", failures=1), *at(STANDS, 80.1))
    assert plan.state == "resting"
    assert after(plan, *at(STANDS, 110))[1] == ()
    assert after(plan, *at(STANDS, 110.1))[1] == ("start",)
    assert after(Plan("starting", reason="forecast", failures=2), *at(STANDS, 80.1))[0].state == "locked"


def test_a_controller_that_remembers_its_failed_start_is_reset_before_the_next() -> None:
    assert after(Plan(), replace(STANDS, alarms=("fail_to_start",)))[1] == ("reset", "start")
    assert after(Plan(), STANDS)[1] == ("start",)


def test_the_seventh_start_within_an_hour_locks() -> None:
    five = Plan(starts_s=(100.0, 200.0, 300.0, 400.0, 500.0))
    assert after(five, *at(STANDS, 600))[1] == ("start",)
    six = replace(five, starts_s=(*five.starts_s, 600.0))
    assert after(six, *at(STANDS, 700))[0].code == "genset_too_many_starts"
    assert after(six, *at(STANDS, 3700))[1] == ("start",), "the first is an hour ago"


def test_a_load_command_is_repeated_and_then_a_failure() -> None:
    unfed, plan = replace(GOOD, unfed=True), LOADED
    for now_s, sent in ((29.9, ()), (30.0, ("load",)), (59.9, ()), (60.0, ("load",)), (89.9, ()), (90.0, ("unload", "stop"))):
        plan, acts = after(plan, replace(unfed, now_s=now_s))
        assert acts == sent, now_s
    assert plan.code == "genset_not_loaded"


def test_a_test_run_takes_its_ten_minutes() -> None:
    running, plan = replace(GOOD, want="test"), Plan("testing", reason="test")
    assert after(plan, *at(running, 599.9))[0].state == "testing"
    assert after(plan, *at(running, 600))[0].state == "cool_down"
    assert after(plan, replace(running, now_s=5.0, want="forecast"))[1] == ("load",), "an outage in the middle of it"


def test_an_engine_that_goes_on_is_told_again_after_a_minute_and_then_somebody_must_look_but_not_while_the_board_cools_it() -> None:
    plan, still = Plan("stopping"), replace(GOOD, want=None)
    assert after(plan, *at(still, 60))[1] == ()
    again, sent = after(plan, *at(still, 60.1, 120))
    assert (again.state, sent) == ("stopping", ("stop",)), "one answer lost on the wire is no lock-out"
    assert after(again, *at(still, 120.2))[0].code == "genset_will_not_stop"
    assert after(plan, *at(replace(still, cooling=True), 60.1, 100, 160))[0].state == "stopping"


def test_nobody_believes_that_an_engine_stands_because_its_controller_is_silent() -> None:
    plan, unknown = Plan("stopping"), Seen(0.0)
    silent, sent = after(plan, *at(unknown, 0, 60.1, 120.2))
    assert (silent.state, silent.code, sent) == ("locked", "genset_stop_unknown", ("stop", "stop"))
    assert after(silent, *at(unknown, 180, 3600, 86_400))[1] == (), "no command every ten minutes into a dead line"
    assert after(silent, *at(STANDS, 180))[0].state == "idle", "it stands: nobody needs to look any more"


def test_an_engine_that_runs_although_it_should_not_is_told_again_now_and_then() -> None:
    locked, runs = Plan("locked", code="genset_no_voltage", since_s=0.0), replace(GOOD, mode="auto", want=None)
    assert after(locked, *at(runs, 599))[1] == ()
    assert after(locked, *at(runs, 600, 700, 1200))[1] == ("stop", "stop")
    assert after(locked, *at(STANDS, 600, 1200))[1] == ()
    assert after(locked, replace(runs, acknowledged=True))[1] == ("reset", "stop")


@pytest.mark.parametrize("mode", ["manual", None])
def test_an_engine_that_somebody_may_have_started_at_its_own_panel_is_theirs(mode: str | None) -> None:
    locked, runs = Plan("locked", code="genset_did_not_start", since_s=0.0), replace(GOOD, mode=mode, want=None)
    assert after(locked, *at(runs, 600, 1200, 7200))[1] == ()
    assert after(locked, replace(runs, acknowledged=True))[1] == ("reset",)
