"""Stale data are no good news: who fell silent says nothing of the mains, of volts, of energy, nor of the minutes that are left."""

import random

import pytest

from edge.power.picture import Source, State
from simulators.power import PowerWorld
from station_config.schema import Power
from tests.faults.site import sentence, site
from tools.virtual_site import VirtualSite


def alone(upses: int = 1) -> VirtualSite:
    """A site without a board, an hour on steady mains."""
    made = VirtualSite(PowerWorld(random.Random(1), upses), Power(), genset=False, board=False)
    made.run(3600, step_s=5)
    return made


def test_nobody_tells_of_the_mains_so_nothing_is_claimed_and_work_goes_on() -> None:
    here = alone()
    here.silences.stale = {"rekam"}
    here.run(5)
    assert here.watch.picture.source is Source.MAINS, "one missed answer is no silence"
    here.run(3600, step_s=5)
    picture = here.watch.picture
    assert (picture.source, picture.state, picture.minutes) == (Source.UNKNOWN, State.NORMAL, None)
    assert picture.permissions.next_person
    assert sentence(here, "power_silent") == "Keadaan listrik tidak diketahui. Perekaman boleh diteruskan. Periksa kabel data UPS."
    assert [notice.level for notice in picture.notices if notice.id == "ups_no_news"] == ["alarm"]


def test_a_ups_that_was_never_heard_is_no_mains_either() -> None:
    here = VirtualSite(PowerWorld(random.Random(1), 1), Power(), genset=False, board=False)
    here.silences.upsd = True
    here.run(60)
    assert here.watch.picture.source is Source.UNKNOWN
    assert here.reads()[0] == "power_silent"


def test_a_station_that_has_nothing_fitted_works_and_blames_no_cable() -> None:
    here = VirtualSite(PowerWorld(random.Random(1), 0), Power(), genset=False, board=False)
    here.world.ups_silent = False
    readings = here.readings()
    here.watch.step(0.0, here.wall(), readings)
    here.watch.step(3600.0, here.wall(), readings)
    picture = here.watch.picture
    assert (picture.state, picture.sentence.id, picture.notices) == (State.NORMAL, "power_unknown", ())
    assert picture.permissions.next_person


def test_old_volts_and_watts_are_not_counted() -> None:
    here = site()
    here.world.mains.volts = 190
    here.run(30)
    here.silences.stale = {"rekam"}
    here.world.mains.volts = 230
    here.run(15)
    day = here.watch.report.days[here.wall().day]
    low_s, wh = day.low_voltage_s, day.energy_wh
    here.run(3600, step_s=5)
    assert (day.low_voltage_s, day.energy_wh) == (low_s, wh)
    assert "mains_low" not in here.reads()
    assert not here.watch.picture.mains_v.known
    assert here.watch.picture.draw_w is None


@pytest.mark.parametrize("silent_first", [True, False], ids=["never told", "told on mains, then silent"])
def test_minutes_of_one_ups_are_not_shown_as_those_of_two(silent_first: bool) -> None:
    here = VirtualSite(PowerWorld(random.Random(1), 2), Power(), genset=False, board=False)
    here.silences.stale = {"rekam2"} if silent_first else set()
    here.run(600)
    here.silences.stale = {"rekam2"}
    here.run(60)
    here.world.outage()
    here.run(60)
    picture = here.watch.picture
    assert (picture.source, picture.minutes, picture.people_left, picture.draw_w) == (Source.BATTERY, None, None, None)
    assert here.reads()[0] == "power_battery_unknown"
    assert sentence(here, "ups_no_news").startswith("UPS rekam2 tidak memberi kabar")
    assert not picture.permissions.next_person, "an unknown battery is never enough for one more"
    assert here.run(4 * 3600, step_s=2, until=lambda: here.stopped), "the one that speaks still stops the station in time"
    assert here.world.ups_ok


def test_a_ups_silent_since_the_outage_does_not_stop_a_station_that_sees_mains_twice() -> None:
    here = site(upses=2)
    here.world.outage()
    here.run(15)
    here.silences.stale = {"rekam2"}
    here.run(3)
    here.world.restore()
    here.run(120)
    assert (here.watch.picture.source, here.watch.picture.state) == (Source.MAINS, State.NORMAL)
    assert "ups_no_news" in here.reads()
    assert "ups_disagree" not in here.reads()


def test_one_witness_is_not_enough_against_a_silent_battery() -> None:
    here = site(upses=2)
    here.world.outage()
    here.run(15)
    here.silences.stale, here.silences.board = {"rekam2"}, True
    here.world.restore()
    assert here.run(60, until=lambda: here.stopped)
