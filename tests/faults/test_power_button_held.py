"""The power button: held three seconds it means stop; brushed it means nothing; stuck since the start it is a broken button."""

from edge.power.picture import State
from tests.faults.site import sentence, site


def test_held_for_three_seconds_it_stops_in_good_order() -> None:
    here = site()
    here.world.button(True)
    assert here.run(5, until=lambda: here.stopped)
    assert here.did("stop") == ["stop_button"]


def test_a_brush_of_the_hand_is_no_wish() -> None:
    here = site()
    here.world.button(True)
    here.run(2)
    here.world.button(False)
    here.run(30)
    assert not here.stopped


def test_a_stuck_button_does_not_stop_the_station_again_after_its_restart() -> None:
    here = site()
    here.world.button(True)
    here.run(5, until=lambda: here.stopped)
    here.restart()
    here.run(600)
    assert not here.stopped
    assert here.watch.picture.state is State.NORMAL


def test_the_operator_is_not_told_of_an_empty_battery_that_is_full() -> None:
    here = site()
    here.world.button(True)
    assert here.run(5, until=lambda: here.stopped)
    assert sentence(here, "power_stopping_asked") == "Stasiun dimatikan dengan tertib. Data aman."
