"""No board that sees the mains behind a running genset: the station takes the load off now and then and looks, so no engine runs for nobody."""

from edge.power.picture import Source, State
from station_config.schema import GensetRules
from tests.faults.site import sentence, site
from tools.virtual_site import VirtualSite

RULES = GensetRules(start_below_percent=99, test_every_days=0, minimum_run_s=300, mains_return_s=60, cool_down_s=120, look_minutes=30, hand_minutes=60)


def blind() -> VirtualSite:
    """On the genset, and nobody sees the mains."""
    here = site(genset=True, rules=RULES)
    here.silences.board = True
    here.world.outage()
    assert here.run(180, until=lambda: here.watch.picture.source is Source.GENSET)
    return here


def test_mains_that_came_back_unseen_are_found_and_the_engine_comes_home() -> None:
    here = blind()
    here.world.restore()
    assert here.run(31 * 60, until=lambda: here.watch.plan.state == "looking")
    assert sentence(here, "genset_looks") == "Dilihat sebentar apakah listrik PLN sudah kembali. Teruskan bekerja."
    assert here.run(240, until=lambda: here.watch.plan.state == "idle")
    assert here.did("genset") == ["start", "load", "unload", "stop"]
    here.run(20)
    assert here.watch.picture.state is State.NORMAL


def test_mains_that_are_still_away_cost_seconds_of_battery_and_nobody_stops() -> None:
    here = blind()
    assert here.run(31 * 60, until=lambda: here.watch.plan.state == "looking")
    began_s = here.now_s
    assert here.run(60, until=lambda: here.watch.picture.source is Source.GENSET)
    assert here.now_s - began_s <= RULES.load_timeout_s + 5
    here.run(3 * 3600)
    assert here.watch.picture.source is Source.GENSET
    looks = here.did("genset").count("unload")
    assert 5 <= looks <= 7
    assert not here.stopped
    assert all(state in ("on_battery", "on_genset", "conserve") for state in here.did("state"))


def test_a_battery_that_holds_nobody_more_is_not_asked() -> None:
    here = blind()
    here.watch.work.person_s = 4 * 3600.0
    here.run(3600)
    assert here.watch.picture.people_left == 0
    assert here.did("genset") == ["start", "load"]


def test_a_start_by_hand_ends_by_itself_where_nobody_sees_the_mains() -> None:
    here = site(genset=True, rules=RULES)
    here.silences.board = True
    here.watch.genset_by_hand("start")
    assert here.run(120, until=lambda: here.watch.plan.state == "on_load")
    here.run(58 * 60)
    assert here.did("genset") == ["start", "load"], "who started it has the hour"
    assert here.run(10 * 60, until=lambda: here.watch.plan.state == "idle")
    assert here.did("genset") == ["start", "load", "unload", "stop"]


def test_a_schedule_that_is_over_ends_without_a_board_too() -> None:
    here = site(genset=True, rules=GensetRules(hours=("09:00-10:00",), test_every_days=0, minimum_run_s=60, mains_return_s=30, cool_down_s=60, look_minutes=30))
    here.silences.board = True
    assert here.run(600, until=lambda: here.watch.plan.state == "on_load")
    here.run(45 * 60, until=lambda: here.watch.plan.state != "on_load")
    assert here.watch.plan.state == "on_load", "nobody looks while it is to run anyway"
    assert here.run(40 * 60, until=lambda: here.watch.plan.state == "idle")


def test_where_the_board_sees_the_mains_nobody_looks() -> None:
    here = site(genset=True, rules=RULES)
    here.world.outage()
    here.run(3 * 3600)
    assert here.did("genset") == ["start", "load"]


def test_a_stop_by_hand_while_it_looks_is_obeyed() -> None:
    here = blind()
    assert here.run(31 * 60, until=lambda: here.watch.plan.state == "looking")
    here.watch.genset_by_hand("stop")
    assert here.run(200, until=lambda: here.watch.plan.state == "idle")
    assert here.did("genset") == ["start", "load", "unload", "stop"]


def test_an_engine_that_dies_while_it_looks_is_a_failure() -> None:
    here = blind()
    assert here.run(31 * 60, until=lambda: here.watch.plan.state == "looking")
    here.world.genset.request(False)
    here.run(10)
    assert here.watch.plan.state in ("resting", "starting")
    assert here.watch.plan.failures == 1


def test_a_battery_that_is_at_its_end_in_the_middle_of_a_look_gets_the_genset_back_at_once_and_nobody_stops() -> None:
    here = blind()
    assert here.run(31 * 60, until=lambda: here.watch.plan.state == "looking")
    here.world.charge(4)
    began_s = here.now_s
    assert here.run(60, until=lambda: here.world.genset.loaded)
    assert here.now_s - began_s <= 3, "not after the whole look"
    here.run(3600)
    assert "stop" not in here.did("genset")
    assert here.watch.picture.state is State.ON_GENSET
    assert not here.stopped
