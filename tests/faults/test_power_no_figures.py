"""A UPS that tells its status and nothing else: unknown stays unknown, and nobody new is started on it."""

from edge.power.picture import State
from tests.faults.site import sentence, site


def test_unknown_is_shown_as_unknown_never_as_zero() -> None:
    here = site()
    here.silences.figures = True
    here.world.outage()
    here.run(30)
    picture = here.watch.picture
    assert picture.minutes is None
    assert picture.people_left is None
    assert not picture.upses[0].charge_percent.known
    assert picture.for_page()["minutes"] is None
    assert picture.state is State.FINISH_ONLY
    assert not picture.permissions.next_person
    assert picture.permissions.next_step
    assert sentence(here, "power_battery_unknown") == "Pakai baterai. Sisa baterai tidak diketahui."


def test_its_low_flag_still_stops_the_station() -> None:
    here = site()
    here.silences.figures = True
    here.world.outage()
    here.run(30)
    here.world.charge(5)
    assert here.run(5, until=lambda: here.stopped)
