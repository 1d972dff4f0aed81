"""NUT's driver dies: upsd still answers, but with DATA-STALE. The last word of the UPS is kept with its age, never served as new."""

from edge.power.picture import Source, State
from tests.faults.site import sentence, site


def test_on_mains_work_goes_on_and_the_operator_is_told() -> None:
    here = site()
    here.silences.stale = {"rekam"}
    here.run(60)
    picture = here.watch.picture
    assert (picture.state, picture.source) == (State.NORMAL, Source.MAINS)
    assert picture.permissions.next_person
    assert picture.upses[0].charge_percent.age_s == 60
    assert sentence(here, "ups_no_news") == "UPS rekam tidak memberi kabar selama 60 detik. Periksa kabel datanya."


def test_on_battery_thirty_seconds_of_silence_count_as_low() -> None:
    here = site()
    here.world.outage()
    here.run(60)
    here.silences.stale = {"rekam"}
    here.run(29)
    assert not here.stopped
    assert here.run(3, until=lambda: here.stopped)
    assert here.did("stop") == ["stop_battery"]
    assert sentence(here, "power_stopping").startswith("Listrik hampir habis. Data aman.")


def test_the_board_tells_of_an_outage_that_the_silent_ups_hides() -> None:
    here = site()
    here.silences.stale = {"rekam"}
    here.run(60)
    here.world.outage()
    here.run(5)
    assert here.watch.picture.source is Source.BATTERY
    assert here.run(40, until=lambda: here.stopped), "silent and on battery: stopped while there is certainly something left"


def test_the_driver_comes_back_and_nothing_has_happened() -> None:
    here = site()
    here.world.outage()
    here.run(60)
    here.silences.stale = {"rekam"}
    here.run(20)
    here.silences.stale = set()
    here.run(60)
    assert not here.stopped
    assert "ups_no_news" not in here.reads()
