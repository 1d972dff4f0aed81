"""The genset: fails once, fails always, runs without voltage, gives bad voltage, has no fuel figure, dies under load, falls silent."""

import random
from dataclasses import replace

import msgspec
import pytest

from edge.devices.interfaces import BoardStatus
from edge.power.picture import Source, State
from edge.power.watch import Act
from simulators.power import PowerWorld
from station_config.schema import GensetRules, Power
from tests.faults.site import sentence, site
from tools.virtual_site import VirtualSite

QUICK = GensetRules(start_below_percent=99, test_every_days=0, minimum_run_s=60, mains_return_s=20, cool_down_s=30, rest_s=10)


def outage(rules: GensetRules = QUICK) -> VirtualSite:
    here = site(genset=True, rules=rules)
    here.world.outage()
    return here


def test_it_starts_by_forecast_is_judged_and_then_carries_the_load() -> None:
    here = outage()
    assert here.run(120, until=lambda: here.watch.plan.state == "warm_up")
    assert sentence(here, "genset_warming_up") == "Genset hidup, tegangan diperiksa dulu. Teruskan bekerja."
    assert not here.world.genset.loaded, "no load before voltage and frequency are stable"
    began_s = here.now_s
    assert here.run(60, until=lambda: here.watch.picture.source is Source.GENSET)
    assert here.now_s - began_s >= QUICK.stable_s
    assert here.watch.picture.state is State.ON_GENSET
    assert here.watch.picture.sentence.id == "power_genset"
    assert here.watch.picture.genset is not None
    assert here.watch.picture.genset.code == "genset_safe"


def test_mains_back_it_goes_home_cools_down_and_stops() -> None:
    here = outage()
    here.run(300)
    here.world.restore()
    assert here.run(60, until=lambda: not here.world.genset.loaded)
    assert here.world.genset.running, "cooling down without load"
    assert here.run(60, until=lambda: not here.world.genset.running)
    here.run(10)
    assert here.watch.picture.state is State.NORMAL
    assert here.did("genset") == ["start", "load", "unload", "stop"]


def test_one_failed_start_is_tried_again() -> None:
    here = site(genset=True, rules=QUICK)
    here.world.genset_fails(1)
    here.world.outage()
    assert here.run(120, until=lambda: here.watch.plan.state == "resting")
    assert sentence(here, "genset_did_not_start").startswith("Genset tidak mau hidup. Periksa solar")
    assert here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)


def test_three_failures_lock_it_out_until_somebody_has_looked() -> None:
    here = site(genset=True, rules=QUICK)
    here.world.genset_fails(5)
    here.world.outage()
    assert here.run(600, until=lambda: here.watch.plan.state == "locked")
    assert here.did("genset").count("start") == 3
    assert sentence(here, "genset_did_not_start") == "Genset tidak mau hidup. Periksa solar, aki genset, dan tombol darurat."
    here.run(300)
    assert here.did("genset").count("start") == 3, "it stays locked"
    here.world.genset_fails(0)
    here.watch.genset_by_hand("acknowledge")
    assert here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)


def test_a_lock_out_survives_a_restart() -> None:
    here = site(genset=True, rules=QUICK)
    here.world.genset_fails(5)
    here.world.outage()
    here.run(600, until=lambda: here.watch.plan.state == "locked")
    here.run(70)
    here.restart()
    here.run(60)
    assert here.watch.plan.state == "locked"


def test_a_restart_while_it_carries_the_load_takes_it_over() -> None:
    here = outage()
    here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.restart()
    here.run(60)
    assert here.watch.plan.state == "on_load"
    here.world.restore()
    assert here.run(300, until=lambda: not here.world.genset.running), "and brings it home when the mains are back"


@pytest.mark.parametrize("fault", ["no_voltage", "low_v"])
def test_an_engine_without_good_voltage_never_gets_the_load(fault: str) -> None:
    here = site(genset=True, rules=QUICK)
    setattr(here.world.genset, fault, True)
    here.world.outage()
    loaded = []
    here.run(900, until=lambda: bool(loaded.append(here.world.genset.loaded)) or here.watch.plan.state == "locked")
    assert not any(loaded)
    assert here.watch.picture.source is Source.BATTERY
    assert "genset_no_voltage" in here.reads()
    assert sentence(here, "genset_no_voltage").startswith("Genset hidup tetapi tegangannya tidak baik, jadi tidak dipakai.")


def test_a_broken_fuel_sensor_is_unknown_not_65532_percent() -> None:
    here = site(genset=True)
    here.world.genset.fuel_sensor_broken = True
    here.run(10)
    genset = here.watch.picture.genset
    assert genset is not None
    assert (genset.fuel_percent.value, genset.fuel_hours) == (None, None)
    assert sentence(here, "genset_fuel_unknown") == "Sisa solar tidak diketahui. Lihat tangkinya."


def test_low_fuel_is_told_in_hours_and_people() -> None:
    here = site(genset=True)
    here.world.genset.fuel_l = 6.0
    here.run(10)
    assert sentence(here, "genset_fuel_low") == "Solar genset tinggal 10 %, kira-kira 3.0 jam (45 orang). Isi solar."


def test_it_dies_under_load_and_the_battery_takes_over() -> None:
    here = outage()
    here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.world.genset.fuel_l = 0.0
    here.run(10)
    assert here.watch.picture.source is Source.BATTERY
    assert "genset_died" in here.reads()
    assert not here.stopped


def test_voltage_that_sags_under_load_takes_the_load_off() -> None:
    here = outage()
    here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.world.genset.low_v = True
    assert here.run(30, until=lambda: not here.world.genset.loaded)
    assert "genset_unstable" in here.reads()


def test_a_controller_that_falls_silent_does_not_cost_the_running_genset() -> None:
    here = outage()
    here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.silences.genset = True
    here.run(300)
    assert here.world.genset.loaded
    assert here.watch.picture.source is Source.GENSET
    assert here.watch.picture.genset is not None
    assert here.watch.picture.genset.volts.value is None, "old figures are not shown as new"


def test_an_alarm_of_the_engine_locks_it_out() -> None:
    here = outage()
    here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.world.genset.alarms.add("low_oil_pressure")
    here.run(2)
    assert here.watch.plan.state == "locked"
    assert sentence(here, "genset_alarm") == "Genset memberi tanda bahaya (low_oil_pressure). Jangan dihidupkan sebelum diperiksa."


def test_by_hand_with_a_plain_answer() -> None:
    here = site(genset=True, rules=QUICK)
    here.watch.genset_by_hand("start")
    assert here.run(120, until=lambda: here.watch.plan.state == "on_load")
    here.run(300)
    assert here.watch.plan.state == "on_load", "by hand it stays until told"
    here.watch.genset_by_hand("stop")
    assert here.run(120, until=lambda: here.watch.plan.state == "idle")
    here.run(60)
    assert here.did("genset").count("start") == 1


def test_the_weekly_test_runs_without_load_and_only_once() -> None:
    rules = GensetRules(test_every_days=7, test_minutes=10, cool_down_s=30)
    here = site(genset=True, rules=rules)
    loads = []
    here.run(8 * 86_400, step_s=20, until=lambda: bool(loads.append(here.world.genset.loaded)))
    assert here.did("genset") == ["start", "stop"]
    assert not any(loads)


def test_too_many_starts_in_an_hour_lock_it_out() -> None:
    rules = GensetRules(start_below_percent=100, test_every_days=0, minimum_run_s=0, mains_return_s=0, cool_down_s=0, debounce_s=0, starts_an_hour=3)
    here = site(genset=True, rules=rules)
    for _ in range(4):
        here.world.outage()
        here.run(60)
        here.world.restore()
        here.run(60)
    here.world.outage()
    here.run(20)
    assert "genset_too_many_starts" in here.reads()


class LosingLoad(VirtualSite):
    """The first `load` commands do not arrive."""

    lost = 0

    def _carry_out(self, act: Act) -> None:
        if act.what == "load" and self.lost > 0:
            self.lost -= 1
            self.acts.append((self.now_s, act))
        else:
            super()._carry_out(act)


def losing(lost: int) -> LosingLoad:
    here = LosingLoad(PowerWorld(random.Random(1)), Power(genset=QUICK), genset=True)
    here.lost = lost
    here.run(3600, step_s=5)
    here.world.outage()
    return here


def test_a_lost_load_command_is_repeated() -> None:
    here = losing(1)
    assert here.run(120, until=lambda: here.watch.plan.state == "on_load")
    assert here.run(QUICK.load_timeout_s + 5, until=lambda: here.watch.picture.source is Source.GENSET)
    here.run(60)
    assert here.did("genset") == ["start", "load", "load"]


def test_power_that_never_arrives_is_a_failure_with_its_own_sentence() -> None:
    here = losing(99)
    assert here.run(1200, until=lambda: here.watch.plan.state == "locked")
    assert here.did("genset").count("load") == QUICK.attempts**2
    assert sentence(here, "genset_not_loaded") == "Genset hidup, tetapi listriknya tidak sampai ke stasiun. Periksa sakelar (MCB) dan panel pindah genset."
    assert not here.world.genset.running


class Unwired(VirtualSite):
    """A board whose voltage relay is not connected: it always says that the engine stands."""

    def _board_status(self) -> BoardStatus | None:
        status = super()._board_status()
        return status and replace(status, genset_running=False, genset_state="idle")


def test_a_board_without_the_wire_does_not_stop_a_genset_whose_controller_misses_polls() -> None:
    here = Unwired(PowerWorld(random.Random(1)), Power(genset=QUICK), genset=True)
    here.run(60)
    here.world.outage()
    assert here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.silences.genset = True
    here.run(300)
    here.silences.genset = False
    here.run(10)
    assert here.did("genset") == ["start", "load"]
    assert here.watch.plan.state == "on_load"


@pytest.mark.parametrize("silence_s", [3, 40, 600])
def test_a_stop_that_was_lost_on_the_wire_leaves_no_engine_running(silence_s: int) -> None:
    here = outage()
    here.silences.board = True
    here.run(200, until=lambda: here.watch.plan.state == "on_load")
    here.world.restore()
    here.watch.genset_by_hand("stop")
    assert here.run(60, until=lambda: here.watch.plan.state == "cool_down")
    here.run(QUICK.cool_down_s - 2)
    here.silences.genset = True
    here.run(silence_s)
    here.silences.genset = False
    assert here.run(700, until=lambda: not here.world.genset.running)
    here.run(5)
    assert here.watch.plan.state == "idle"


def test_what_is_commanded_was_remembered_before() -> None:
    here = outage()
    here.run(300)
    here.world.restore()
    here.run(300)
    for what in ("start", "load", "unload", "stop"):
        at_s = next(at_s for at_s, act in here.acts if (act.kind, act.what) == ("genset", what))
        kinds = [act.kind for each_s, act in here.acts if each_s == at_s]
        assert kinds.index("save") < kinds.index("genset"), f"killed after {what}, nobody would know of the engine"


def test_killed_before_the_stop_was_sent_it_is_sent_by_the_next_life() -> None:
    here = outage()
    here.run(300)
    here.world.restore()
    here.silences.genset = True
    assert here.run(300, until=lambda: here.watch.plan.state == "stopping")
    here.restart()
    here.silences.genset = False
    assert here.run(120, until=lambda: not here.world.genset.running)
    here.run(5)
    assert here.watch.plan.state == "idle"


def test_a_board_that_has_seen_it_run_is_believed_when_it_dies_unseen_by_the_controller() -> None:
    here = outage()
    here.run(120, until=lambda: here.watch.picture.source is Source.GENSET)
    here.silences.genset = True
    here.run(10)
    here.world.genset.fuel_l = 0.0
    here.run(5)
    assert here.watch.plan.code == "genset_died"


def stopped_by_hand() -> VirtualSite:
    here = outage()
    here.run(120, until=lambda: here.watch.plan.state == "on_load")
    here.watch.genset_by_hand("stop")
    assert here.run(120, until=lambda: here.watch.plan.state == "idle")
    return here


def test_a_stop_by_hand_in_an_outage_holds_off_the_forecast_for_a_stated_time() -> None:
    here = stopped_by_hand()
    stood_s = here.now_s
    here.run(1)
    assert sentence(here, "genset_held") == "Genset dimatikan dengan tangan. Tidak hidup sendiri selama 15 menit, atau sampai listrik PLN kembali."
    assert here.run(1200, until=lambda: here.did("genset").count("start") == 2)
    assert here.now_s - stood_s == pytest.approx(15 * 60, abs=3)


def test_a_start_by_hand_or_the_mains_end_the_hold() -> None:
    here = stopped_by_hand()
    here.run(60)
    here.watch.genset_by_hand("start")
    assert here.run(5, until=lambda: here.did("genset").count("start") == 2)
    here = stopped_by_hand()
    here.run(60)
    here.world.restore()
    here.run(QUICK.mains_return_s + 60)
    assert "genset_held" not in here.reads()
    here.world.outage()
    assert here.run(60, until=lambda: here.did("genset").count("start") == 2)


def test_the_hold_survives_a_restart() -> None:
    here = stopped_by_hand()
    here.run(120)
    here.restart()
    here.run(300)
    assert here.did("genset").count("start") == 1
    assert "genset_held" in here.reads()


@pytest.mark.parametrize("state", ["starting", "warm_up", "on_load", "cool_down"])
def test_a_restart_makes_no_failure(state: str) -> None:
    here = outage()
    if state == "cool_down":
        here.run(300)
        here.world.restore()
    assert here.run(200, until=lambda: here.watch.plan.state == state)
    here.run(3)
    sent, begun_s = len(here.acts), here.now_s
    here.memory = here.watch.dump(here.wall().wall_s, "rtc")
    here.restart()
    here.silences.genset = True  # the port is opened anew
    here.run(3)
    here.silences.genset = False
    assert not here.run(25, until=lambda: here.watch.plan.failures > 0)
    acts = [act.what for _, act in here.acts[sent:] if act.kind == "genset"]
    assert "stop" not in acts, f"{state}: {acts} after {here.now_s - begun_s} s"


def test_the_minimum_run_is_kept_also_over_a_restart() -> None:
    rules = msgspec.structs.replace(QUICK, minimum_run_s=900)
    here = outage(rules)
    here.run(120, until=lambda: here.watch.plan.state == "on_load")
    begun_s = here.now_s
    here.world.restore()
    assert here.run(1200, until=lambda: not here.world.genset.loaded)
    assert here.now_s - begun_s == pytest.approx(900, abs=3)
    here = outage(rules)
    here.run(120, until=lambda: here.watch.plan.state == "on_load")
    begun_s = here.now_s
    here.run(5)
    here.memory = here.watch.dump(here.wall().wall_s, "rtc")
    here.restart()
    here.world.restore()
    assert here.run(1200, until=lambda: not here.world.genset.loaded)
    assert here.now_s - begun_s >= 900


def test_a_start_by_hand_survives_a_restart_and_starts_are_counted_over_it() -> None:
    here = site(genset=True, rules=QUICK)
    here.watch.genset_by_hand("start")
    here.run(120, until=lambda: here.watch.plan.state == "on_load")
    here.memory = here.watch.dump(here.wall().wall_s, "rtc")
    here.restart()
    here.run(300)
    assert here.watch.plan.state == "on_load"
    assert len(here.watch.plan.starts_s) == 1
    assert "genset_by_hand" in here.reads()


def test_a_start_by_hand_ends_after_an_hour_of_good_mains_with_a_cool_down() -> None:
    here = site(genset=True, rules=QUICK)
    here.watch.genset_by_hand("start")
    assert here.run(120, until=lambda: here.watch.plan.state == "on_load")
    assert sentence(here, "genset_by_hand") == "Genset dihidupkan dengan tangan. Mati sendiri bila listrik PLN baik selama 60 menit lagi."
    assert here.run(2 * 3600, until=lambda: here.watch.plan.state == "cool_down")
    assert here.now_s == pytest.approx(7200, abs=60)
    assert here.run(60, until=lambda: here.watch.plan.state == "idle")
    here.run(600)
    assert here.did("genset") == ["start", "load", "unload", "stop"]


def test_a_start_by_hand_goes_on_while_the_mains_are_away() -> None:
    here = site(genset=True, rules=QUICK)
    here.watch.genset_by_hand("start")
    here.run(60)
    here.world.outage()
    here.run(3 * 3600, step_s=2)
    assert here.world.genset.loaded
    assert here.did("genset") == ["start", "load"]


def test_a_selector_that_is_not_on_auto_is_said() -> None:
    here = site(genset=True, rules=QUICK)
    here.world.genset.mode = "manual"
    here.world.outage()
    assert here.run(600, until=lambda: here.watch.plan.state == "locked")
    assert sentence(here, "genset_not_auto") == "Genset tidak mau hidup: kendalinya tidak di AUTO. Putar ke AUTO, lalu coba lagi."


def test_a_start_that_the_controller_refuses_is_said_at_once() -> None:
    here = site(genset=True, rules=QUICK)
    here.silences.commands = True
    here.world.outage()
    assert here.run(120, until=lambda: here.did("genset") == ["start"])
    here.run(3)
    assert sentence(here, "genset_refused") == "Genset menolak perintah. Putar kendalinya ke AUTO."
    here.silences.commands = False
    assert here.run(120, until=lambda: here.watch.picture.source is Source.GENSET), "and tried again by itself"
