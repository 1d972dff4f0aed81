"""The mains flicker every second for an hour: one change of state, not thousands, and nothing worn out by it."""

from edge.power.picture import State
from station_config.schema import GensetRules
from tests.faults.site import sentence, site


def test_an_hour_of_flicker_is_one_long_stay_on_battery_rules() -> None:
    here = site()
    here.world.flicker(1.0)
    here.run(3600)
    assert here.did("state") == ["on_battery"], "no flapping"
    assert here.watch.picture.state is State.ON_BATTERY
    assert sentence(here, "mains_flicker") == "Listrik PLN berkedip. Stasiun tetap berhemat seperti dengan baterai sampai PLN stabil."
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


def test_the_stations_own_transfers_are_no_flicker() -> None:
    rules = GensetRules(start_below_percent=100, debounce_s=1, stable_s=2, minimum_run_s=3, mains_return_s=2, cool_down_s=2, test_every_days=0)
    here = site(genset=True, rules=rules, mains_stable_s=2)
    here.world.outage()
    assert here.run(40, until=lambda: here.watch.picture.state is State.ON_GENSET)
    here.world.restore()
    assert here.run(15, until=lambda: here.watch.picture.state is State.NORMAL)
    here.world.outage()
    here.run(3)
    assert len({at for at in here.watch.supply.transfers_s if here.watch.picture.at_s - at < 60}) == 2, "twice to battery, once back by the genset"
    assert "mains_flicker" not in here.reads()
