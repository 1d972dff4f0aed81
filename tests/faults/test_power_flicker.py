"""The mains flicker every second for an hour: one change of state, not thousands, and nothing worn out by it."""

from edge.power.picture import State
from tests.faults.site import sentence, site


def test_an_hour_of_flicker_is_one_long_stay_on_battery_rules() -> None:
    here = site()
    here.world.flicker(1.0)
    here.run(3600)
    assert here.did("state") == ["on_battery"], "no flapping"
    assert here.watch.picture.state is State.ON_BATTERY
    assert sentence(here, "mains_flicker") == "Listrik PLN berkedip. Alat tetap memakai cara baterai sampai tenang."
    assert len(here.did("save")) < 200, "the card is not written at every blink"
    here.world.restore()
    here.run(90)
    assert here.watch.picture.state is State.NORMAL
    assert "mains_flicker" not in here.reads()


def test_the_genset_is_not_started_and_stopped_by_it() -> None:
    here = site(genset=True)
    here.world.flicker(1.0)
    here.run(3600)
    assert here.did("genset") == []
