"""How fast the charger fills the battery is learnt from what one outage leaves and the next one finds; until then it is unknown."""

import random

import pytest

from edge.power.page import power_page
from tests.faults.site import site
from tools.virtual_site import VirtualSite

WORK_W = 150.0


def worn_site() -> VirtualSite:
    """A small battery, so that outages of some minutes are deep."""
    here = site()
    here.watch.batteries["rekam"].nominal_wh = here.world.upses[0].capacity_wh = 216.0
    here.world.load(WORK_W)
    return here


def outage(here: VirtualSite, minutes: float, pause_h: float) -> float:
    """One outage, then mains; returns the watts that the charger put in during the pause, as they come out at the socket."""
    ups = here.world.upses[0]
    here.world.outage()
    here.run(60 * minutes, step_s=2)
    here.world.restore()
    before_wh = ups.left_wh
    here.run(3600 * pause_h, step_s=5)
    return (ups.left_wh - before_wh) / pause_h * ups.efficiency


def test_unknown_until_two_outages_with_a_charge_between_them() -> None:
    here = worn_site()
    assert here.watch.batteries["rekam"].charging.watts is None
    assert power_page(here.watch, here.wall().day)["now"]["upses"][0]["charge_w"] is None
    outage(here, 25, 0.5)
    assert here.watch.batteries["rekam"].charging.watts is None


@pytest.mark.parametrize(("charger_w", "pause_h"), [(25.0, 1.5), (60.0, 0.7), (110.0, 0.5)])
def test_learnt_within_a_third_after_some_outages_and_kept_over_a_restart(charger_w: float, pause_h: float) -> None:
    here, rng = worn_site(), random.Random(3)
    here.world.upses[0].charger_w = charger_w
    true_w = [outage(here, rng.uniform(6, 12), pause_h * rng.uniform(0.8, 1.2)) for _ in range(12)]
    assert not here.stopped
    watts = here.watch.batteries["rekam"].charging.watts
    assert watts == pytest.approx(sum(true_w[-4:-1]) / 3, rel=0.33)
    here.run(605, step_s=5)
    assert here.restart().batteries["rekam"].charging.watts == watts
    here.run(5)
    assert power_page(here.watch, here.wall().day)["now"]["upses"][0]["charge_w"] == pytest.approx(watts, abs=0.1)


def test_how_long_the_charger_needs_before_a_start_follows_what_was_learnt() -> None:
    here = worn_site()
    here.world.outage()
    here.run(60)
    here.world.charge(6)
    here.run(2, until=lambda: here.stopped)
    battery = here.watch.batteries["rekam"]
    assumed_s = here.watch.charge_s()
    battery.charging.watts = 60.0
    quick_s = here.watch.charge_s()
    battery.charging.watts = 10.0
    slow_s = here.watch.charge_s()
    assert quick_s < assumed_s < slow_s
    assert 120 < quick_s < 1800
    missing_wh = quick_s / 3600 * 60.0
    assert slow_s == pytest.approx(missing_wh / 10.0 * 3600, abs=10)


def test_a_battery_that_does_not_charge_teaches_nothing() -> None:
    here = worn_site()
    outage(here, 25, 0.01)
    battery = here.watch.batteries["rekam"]
    assert battery.charging.left_wh is not None
    here.silences.upsd = True
    here.run(60)
    assert battery.charging.left_wh is None, "nobody knows what happened meanwhile"
    here.silences.upsd = False
    outage(here, 3, 0.01)
    assert battery.charging.watts is None
