"""The station is stopped while the genset runs: no engine is left running for nobody, and none is stopped hot while there is time."""

from edge.power.picture import Source
from station_config.schema import GensetRules
from tests.faults.site import site
from tools.virtual_site import VirtualSite

RULES = GensetRules(start_below_percent=99, test_every_days=0, minimum_run_s=900, cool_down_s=60, rest_s=10)


def on_genset() -> VirtualSite:
    here = site(genset=True, rules=RULES)
    here.world.outage()
    assert here.run(180, until=lambda: here.watch.picture.source is Source.GENSET)
    return here


def test_the_engine_cools_down_and_stands_before_the_station_goes_dark() -> None:
    here = on_genset()
    here.world.button(True)
    assert here.run(10, until=lambda: here.did("stop") == ["stop_button"])
    here.run(3)
    assert not here.world.genset.loaded, "the battery carries the station meanwhile"
    assert here.world.genset.running
    began_s = here.now_s
    assert here.run(200, until=lambda: here.stopped)
    assert here.now_s - began_s >= 55
    assert not here.world.genset.running
    assert here.did("genset") == ["start", "load", "unload", "stop"]


def test_with_a_battery_at_its_end_it_is_told_to_stop_and_nobody_waits() -> None:
    here = on_genset()
    here.world.charge(16)
    here.world.button(True)
    assert here.run(10, until=lambda: here.did("stop") == ["stop_button"])
    here.world.charge(5)
    assert here.run(20, until=lambda: here.stopped)
    assert here.did("genset")[-1] == "stop"


def test_stopped_while_it_was_asked_to_start_the_wish_is_taken_back() -> None:
    here = site(genset=True, rules=RULES)
    here.world.genset_fails(5)
    here.world.outage()
    assert here.run(60, until=lambda: here.did("genset") == ["start"])
    here.watch.ask_stop("stop_button")
    assert here.run(120, until=lambda: here.stopped)
    assert here.did("genset")[-1] == "stop"
    assert here.watch.plan.state == "idle"


def test_the_next_life_finds_a_standing_engine_and_no_fault() -> None:
    here = on_genset()
    here.watch.ask_stop("stop_button")
    assert here.run(200, until=lambda: here.stopped)
    here.world.restore()
    here.now_s += 3600
    here.restart()
    here.run(30)
    assert here.watch.plan.state == "idle"
    assert here.watch.plan.code == "genset_ready"


def test_how_long_the_charger_needs_before_another_start() -> None:
    here = site()
    here.world.outage()
    here.run(60)
    assert here.watch.charge_s() == 0, "a full battery carries a start and a stop"
    here.world.charge(10)
    here.run(2, until=lambda: here.stopped)
    assert 300 < here.watch.charge_s() < 4 * 3600
