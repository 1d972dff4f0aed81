"""Why the genset runs when nobody asks: schedule, quiet hours, the weekly test, service; and the two-wire contact, which the board cools down."""

import random
from dataclasses import replace

import pytest

from edge.devices.interfaces import BoardStatus
from edge.power.genset_keeper import GensetKeeper, Needs
from edge.power.picture import Minutes
from edge.power.supply import Readings, Wall
from edge.power.watch import Act
from simulators.power import PowerWorld
from station_config.schema import GensetRules, Power
from tests.faults.site import sentence, site
from tools.virtual_site import VirtualSite

CALM = Needs(
    stopping=False, low=False, on_battery_s=None, on_mains=True, mains_steady_s=1e6, mains_there=True, charge_percent=100, minutes=None, people_left=None,
    waiting=None, idle=True,
)
DARK = replace(CALM, on_battery_s=600.0, on_mains=False, mains_steady_s=0.0, mains_there=False, charge_percent=20)
IDLE = BoardStatus(True, True, False, "idle", False, False, 5050, 41.0, 0)


def at(hours: float, trust: str = "rtc") -> Wall:
    return Wall(hours * 3600, trust, "2026-06-01", int(hours * 60))


def scheduled(wall: Wall) -> tuple[str, ...]:
    keeper = GensetKeeper(GensetRules(hours=("08:00-12:00",), test_every_days=0))
    return keeper.step(0.0, wall, Readings({}, board=IDLE), CALM)


def test_it_runs_by_schedule_where_the_clock_can_be_trusted() -> None:
    assert scheduled(at(9.5)) == ("start",)
    assert scheduled(at(7.9)) == ()
    assert scheduled(at(9.5, trust="none")) == (), "a wrong clock would wake the village"


def test_the_schedule_ends_and_it_comes_home() -> None:
    rules = GensetRules(hours=("09:00-09:30",), test_every_days=0, minimum_run_s=60, mains_return_s=10, cool_down_s=30)
    here = site(genset=True, rules=rules)
    assert here.run(600, until=lambda: here.watch.plan.state == "on_load")
    assert here.watch.plan.reason == "schedule"
    assert here.run(2400, step_s=2, until=lambda: here.watch.plan.state == "idle")
    assert here.did("genset") == ["start", "load", "unload", "stop"]


def test_quiet_hours_forbid_the_forecast_but_not_the_hand() -> None:
    keeper = GensetKeeper(GensetRules(quiet="21:00-06:00", test_every_days=0))
    assert keeper.step(0.0, at(23), Readings({}, board=IDLE), DARK) == ()
    keeper.by_hand("start")
    assert keeper.step(1.0, at(23), Readings({}, board=IDLE), DARK) == ("start",)
    assert GensetKeeper(GensetRules(quiet="21:00-06:00")).step(0.0, at(12), Readings({}, board=IDLE), DARK) == ("start",)


def test_service_is_due_in_hours_said_before_and_until_somebody_says_it_was_done() -> None:
    here = site(genset=True)
    here.world.genset.run_time_s, here.world.genset.fuel_l = 245 * 3600.0, 40.0
    here.run(5)
    assert sentence(here, "genset_service_due") == "Genset perlu servis dalam 5 jam."
    here.world.genset.run_time_s, here.world.genset.fuel_l = 263 * 3600.0, 39.0
    here.run(5)
    assert sentence(here, "genset_service_overdue").startswith("Servis genset sudah terlambat 13 jam.")
    here.watch.genset_by_hand("serviced")
    here.run(605)
    here.restart()
    here.run(5)
    assert not {"genset_service_due", "genset_service_overdue"} & set(here.reads())
    assert here.watch.picture.genset is not None
    assert here.watch.picture.genset.service_in_h == 250


def test_when_the_next_test_run_is_due_is_known() -> None:
    here = site(genset=True, rules=GensetRules(test_every_days=7))
    here.run(86_400, step_s=30)
    genset = here.watch.picture.genset
    assert genset is not None
    assert genset.test_in_days == pytest.approx(6, abs=0.1)
    assert here.watch.genset is not None
    years_back_s = here.wall().wall_s - 10 * 365 * 86_400
    assert here.watch.genset.test_in_days(years_back_s) == 0, "a clock that was set back by years does not put it off by years"


class Contact(VirtualSite):
    """No controller on a bus: the board's contact, its voltage relay, and its own cool-down after the station lets go."""

    wanted, let_go_s = False, -1e9

    def _genset_reading(self) -> None:
        return None

    def _board_status(self) -> BoardStatus:
        running = self.wanted or self.now_s - self.let_go_s < 120
        state = "running" if self.wanted else "cooldown" if running else "idle"
        return replace(IDLE, mains_ok=self.world.mains_ok, genset_running=running, genset_state=state)

    def _carry_out(self, act: Act) -> None:
        super()._carry_out(act)
        if act.kind == "genset" and act.what in ("start", "stop"):
            self.wanted = act.what == "start"
            self.let_go_s = self.now_s if act.what == "stop" else self.let_go_s


def test_the_boards_own_cool_down_is_no_engine_that_will_not_stop() -> None:
    rules = GensetRules(by_contact=True, test_every_days=0, stable_s=5, cool_down_s=10, stop_timeout_s=60)
    here = Contact(PowerWorld(random.Random(1)), Power(genset=rules), genset=True)
    here.run(60)
    here.watch.genset_by_hand("start")
    assert here.run(120, until=lambda: here.watch.plan.state == "on_load")
    here.watch.genset_by_hand("stop")
    assert here.run(400, until=lambda: here.watch.plan.state in ("idle", "locked"))
    assert here.watch.plan.state == "idle"


def test_serviced_with_unknown_hours_is_refused_and_erases_no_count() -> None:
    here = site(genset=True)
    keeper = here.watch.genset
    assert keeper is not None
    before_h = keeper.service_in_h
    here.silences.genset = True
    here.run(60)
    assert keeper.service_in_h == before_h, "the last count stands while the controller is silent"
    here.restart()
    here.run(5)
    silent = here.watch.genset
    assert silent is not None
    assert silent.refusal("serviced") == "genset_hours_unknown"
    silent.by_hand("serviced")
    here.silences.genset = False
    here.run(5)
    assert silent.service_in_h == before_h


RICH = replace(DARK, charge_percent=90, minutes=Minutes(30, 40, 50), people_left=6)
WANTS = [
    (replace(RICH, charge_percent=50), True), (replace(RICH, charge_percent=50.1), False),
    (replace(RICH, minutes=Minutes(10, 20, 30)), True), (replace(RICH, minutes=Minutes(10, 20.1, 30)), False),
    (replace(RICH, waiting=7), True), (replace(RICH, waiting=6), False),
    (replace(RICH, charge_percent=None, minutes=None), True), (replace(RICH, charge_percent=None), False),
    (replace(DARK, on_battery_s=10.0), True), (replace(DARK, on_battery_s=9.9), False), (replace(DARK, mains_there=True), False),
]


@pytest.mark.parametrize(("needs", "starts"), WANTS)
def test_the_forecast_at_its_edges(needs: Needs, starts: bool) -> None:
    keeper = GensetKeeper(GensetRules(test_every_days=0))
    assert keeper.step(0.0, at(9), Readings({}, board=IDLE), needs) == (("start",) if starts else ())


def test_by_hand_only_means_by_hand_only() -> None:
    keeper = GensetKeeper(GensetRules(automatic=False, test_every_days=0))
    assert keeper.step(0.0, at(9), Readings({}, board=IDLE), DARK) == ()
    keeper.by_hand("start")
    assert keeper.step(1.0, at(9), Readings({}, board=IDLE), DARK) == ("start",)


@pytest.mark.parametrize(
    ("hours", "needs", "starts"),
    [
        (7 * 24 + 8, CALM, True), (7 * 24 + 7.9, CALM, False), (7 * 24 + 15, CALM, False), (7 * 24 + 14.9, CALM, True), (6 * 24 + 12, CALM, False),
        (7 * 24 + 9, replace(CALM, idle=False), False), (7 * 24 + 9, replace(CALM, on_mains=False), False),
    ],
)
def test_the_weekly_test_waits_for_office_hours_mains_and_an_empty_desk(hours: float, needs: Needs, starts: bool) -> None:
    keeper = GensetKeeper(GensetRules(test_every_days=7))
    assert keeper.step(0.0, replace(at(8), wall_s=8 * 3600.0 - 3600), Readings({}, board=IDLE), CALM) == ()
    wall = replace(at(hours), minute=int(hours * 60) % 1440)
    assert keeper.step(1.0, wall, Readings({}, board=IDLE), needs) == (("start",) if starts else ())
