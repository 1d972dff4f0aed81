"""Who still waits decides on the genset: a battery that is full enough for the office's figures is not enough for forty people."""

from edge.power.waiting import Waiting
from station_config.schema import GensetRules
from tests.faults.site import site

RULES = GensetRules(test_every_days=0, start_below_percent=10, start_below_minutes=1)


def test_the_battery_will_not_last_for_who_waits_so_the_genset_starts() -> None:
    here = site(genset=True, rules=RULES)
    here.watch.waiting.tell(200, here.wall().day)
    here.world.outage()
    assert here.run(60, until=lambda: here.did("genset") == ["start"])
    assert here.watch.plan.reason == "forecast"


def test_for_two_people_the_battery_will_do() -> None:
    here = site(genset=True, rules=RULES)
    here.watch.waiting.tell(2, here.wall().day)
    here.world.outage()
    here.run(300)
    assert here.watch.picture.people_left is not None
    assert here.watch.picture.people_left > 2
    assert here.did("genset") == []


def test_when_nobody_knows_who_waits_charge_and_minutes_decide() -> None:
    here = site(genset=True, rules=RULES)
    here.world.outage()
    here.run(300)
    assert here.watch.picture.waiting is None
    assert here.did("genset") == []


def test_counted_down_at_each_call_and_planned_anew_each_day() -> None:
    queue = Waiting(planned=120)
    queue.today("2026-06-01")
    assert queue.people == 120
    queue.called("2026-06-01")
    assert queue.people == 119
    queue.tell(2, "2026-06-01")
    for _ in range(3):
        queue.called("2026-06-01")
    assert queue.people == 0
    queue.today("2026-06-02")
    assert queue.people == 120


def test_unknown_until_somebody_tells_and_again_the_next_day() -> None:
    queue = Waiting(planned=0)
    queue.called("2026-06-01")
    assert queue.people is None
    queue.tell(5, "2026-06-01")
    queue.today("2026-06-02")
    assert queue.people is None


def test_a_restart_remembers_the_queue() -> None:
    here = site(genset=True, queue_a_day=100)
    here.run(5)
    here.watch.waiting.called(here.wall().day)
    here.watch.person_done(200, here.wall().day)
    here.run(5)
    assert here.restart().waiting.people == 99
