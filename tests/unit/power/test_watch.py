"""What the watch makes of two batteries, of a dark that it did not foresee, and of a charge that would take all day."""

import pytest

from edge.power.watch import LONGEST_CHARGE_S
from tests.faults.site import site
from tools.virtual_site import VirtualSite


def two(percent: float) -> VirtualSite:
    """Two UPSes without mains, the second with so much less in it."""
    here = site(upses=2)
    here.world.outage()
    here.world.charge(percent, ups=1)
    here.run(40)
    return here


def test_of_two_batteries_the_weaker_one_is_told_and_decides() -> None:
    here = two(35)
    watch = here.watch
    each = [watch.minutes_of(track) for track in watch.supply.tracks]
    assert each[0] is not None
    assert each[1] is not None
    assert each[1].low < each[0].low
    assert watch.minutes == each[1]
    here.world.charge(10, ups=1)
    here.run(10, until=lambda: here.stopped)
    assert here.did("stop") == ["stop_battery"], "what hangs on the weaker one must be parked too"


def test_the_charger_of_the_emptier_one_is_waited_for() -> None:
    here = two(35)
    here.world.charge(3, ups=1)
    here.run(2, until=lambda: here.stopped)
    assert here.watch.charge_s() > 0


def test_nobody_waits_longer_than_four_hours_for_a_charger() -> None:
    here = two(35)
    here.world.charge(3, ups=1)
    here.run(2, until=lambda: here.stopped)
    here.watch.batteries["rekam2"].charging.watts = 0.1
    assert here.watch.charge_s() == LONGEST_CHARGE_S == 4 * 3600


def test_after_a_dark_that_nobody_foresaw_less_is_believed() -> None:
    here = site()
    here.watch.batteries["rekam"].slices_wh = [40.0] * 10
    here.watch.batteries["rekam"].error = 0.05
    here.world.outage()
    here.run(120)
    assert here.watch.batteries["rekam"].band == 0.1
    here.world.restore()
    after = here.restart()
    assert after.batteries["rekam"].band == 0.4
    assert after.report.day(here.wall().day).unplanned_stops == 0, "counted with the first look at the clock"
    here.run(5)
    assert after.report.day(here.wall().day).unplanned_stops == 1


@pytest.mark.parametrize(("held_s", "stops"), [(2, False), (5, True)])
def test_a_button_counts_after_three_seconds(held_s: float, stops: bool) -> None:
    here = site()
    here.world.button(True)
    here.run(held_s)
    here.world.button(False)
    here.run(10, until=lambda: here.stopped)
    assert here.stopped is stops
