"""The battery reports 100 % and dies two minutes later. The first time its own low flag saves us; after that nobody believes it."""

from edge.power.picture import State
from simulators.power import UpsBattery
from tests.faults.site import sentence, site


def lying(capacity_wh: float = 60.0) -> UpsBattery:
    return UpsBattery(capacity_wh=capacity_wh, lies=True)


def test_the_low_flag_stops_in_good_order_whatever_the_charge_says() -> None:
    here = site()
    here.world.upses[0] = lying()
    here.world.outage()
    assert here.run(3600, until=lambda: here.stopped)
    assert here.world.ups_ok, "stopped before the lights went out"
    assert sentence(here, "power_stopping") == "Listrik hampir habis. Data aman. Stasiun dimatikan dengan tertib."
    assert here.world.upses[0].minutes_left > 0.5, "there is time for an orderly stop"


def test_after_one_such_discharge_the_minutes_are_near_the_truth() -> None:
    here = site()
    here.world.upses[0] = lying()
    for _ in range(2):
        here.world.outage()
        assert here.run(3600, until=lambda: here.stopped)
        here.world.restore()
        here.world.charge(100)
        here.restart()
        here.run(600)
    here.world.outage()
    here.run(60)
    minutes = here.watch.picture.minutes
    truth = here.world.upses[0].minutes_left
    assert minutes is not None
    assert minutes.likely < 1.3 * truth, "the name plate says six times as much"
    assert here.watch.picture.state in (State.ON_BATTERY, State.FINISH_ONLY, State.CONSERVE)


def test_a_worn_battery_is_named() -> None:
    here = site()
    here.world.upses[0].health = 0.3
    here.world.outage()
    here.run(7200, until=lambda: here.stopped)
    here.world.restore()
    here.world.charge(100)
    here.restart()
    here.run(10)
    assert "ups_replace_battery" in here.reads()
