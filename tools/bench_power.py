"""`./rekam bench power`: a month of a bad site in virtual time, with the station's real power code, against simpler stations.

The same seeded mains, people and step times for each:

- policy: PowerWatch as it ships (policy, learnt battery, genset by forecast, orderly stop, resume);
- policy, no genset: the same where none is there or it stands locked. Against `no policy` it shows the policy alone;
- no policy: works on until the battery is empty and goes dark; the genset stands unused, as the field tells;
- genset by hand: no policy, but somebody starts the engine ten minutes after the mains fail, and tries again when it does not start;
- stop on battery: shuts down as soon as the mains fail.

What is real and what is modelled at the desk stands in `bench_power_desk.py`. `lost` and `not_finishable_started` are counted over both
stations with the policy:

- lost: what the desk was told was saved (records at the end; the open enrolment and its steps after each stop) and the store does not have;
- not_finishable_started: enrolments in whose step it went dark unplanned. A step that an orderly stop ends, after it waited its seconds for
  it, is begun again and counted apart (`steps_begun_again`); so is who went home at closing with the enrolment open
  (`went_home_unfinished`): the store holds it to be resumed, and the person has to come again;
- begun_short_of_energy: begun on battery although its true charge did not hold that person and the reserve. The station cannot know it
  and works by its learnt estimate; whether it did harm shows in the figure before.

Needs the bench.
"""

import argparse
import json
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from edge.leaving import STEP_S
from edge.power.policy import PERMISSIONS
from simulators.mains import Schedule, bad_site
from simulators.power import PowerWorld, UpsBattery
from station_config.schema import GensetRules, Power
from tools.amounts import whole
from tools.bench_power_desk import WATTS, Desk, Journal, Person
from tools.virtual_site import DAY_S, VirtualSite

EXAMPLE = "./rekam bench power --days 30 --seed 7 --json power.json"
OPEN_S, CLOSE_S = 8 * 3600.0, 15 * 3600.0
OVERTIME_S = 1800.0
"""whoever is at the desk at closing time is finished if it takes no longer"""
BOOT_S = 75.0
"""machine and station, ready for the operator"""
UNCLEAN_BOOT_S = 150.0
"""after the lights went out: file system check, operator finds out what happened"""
BOARD_STEADY_S = 60.0
"""mains or genset, before the board restores the Pi (firmware/watchdog.py)"""
PREDICT_AFTER_S = 60.0
SHORTEST_DISCHARGE_S = 180.0
GENSET_WEAR = 0.2
"""chance that an engine refuses one to four starts"""
AGEING_A_DAY = 0.004
RESERVE_MINUTES = Power().stop_below_minutes
HAND_S = 600.0
"""until somebody goes out to start the engine, and before they try again"""
RAM = Path("/dev/shm")  # noqa: S108  # a folder of random name is made in it
"""the stores stand here where there is one: a month has 150,000 commits"""


@dataclass
class Discharge:
    """One discharge as the truth saw it, with what the station said after a minute."""

    began_s: float
    soc: float
    working: bool
    said: float | None = None
    last_s: float = 0.0
    last_soc: float = 0.0


@dataclass
class Predictions:
    """Minutes said by a station that calls its battery learnt, against minutes true."""

    errors: list[float] = field(default_factory=list)
    open: Discharge | None = None

    def follow(self, now_s: float, ups: UpsBattery, said: float | None, working: bool) -> None:
        """said: the station's likely minutes now, None when it says nothing. The measure ends with the discharge, or when the
        station opens, closes or stops in it: minutes are for one way of working."""
        if self.open is not None and working is not self.open.working:
            self._close(self.open, ups)
            self.open = None
        if ups.on_battery and not ups.dead:
            self.open = self.open or Discharge(now_s, ups.soc, working)
            if self.open.said is None and now_s - self.open.began_s >= PREDICT_AFTER_S:
                self.open.said = said
                self.open.began_s, self.open.soc = now_s, ups.soc
            self.open.last_s, self.open.last_soc = now_s, ups.soc
        elif self.open is not None:
            self._close(self.open, ups)
            self.open = None

    def _close(self, discharge: Discharge, ups: UpsBattery) -> None:
        lasted_s = discharge.last_s - discharge.began_s
        used = discharge.soc - discharge.last_soc
        if discharge.said is None or lasted_s < SHORTEST_DISCHARGE_S or used <= 0:
            return
        truth = (discharge.soc - low_soc(ups)) / used * lasted_s / 60
        if truth > 1:
            self.errors.append(discharge.said / truth - 1)


def low_soc(ups: UpsBattery) -> float:
    """State of charge at which this UPS raises its low-battery flag under its present load."""
    probe = UpsBattery(**{**ups.__dict__, "on_battery": True, "dead": False, "lies": False})
    for percent in range(100):
        probe.soc = percent / 100
        if not probe.low:
            return probe.soc
    return 1.0


@dataclass
class Station:
    """One month of one station; subclasses say when it may work."""

    world: PowerWorld
    schedule: Schedule
    desk: Desk
    rng: random.Random
    """noise of the load"""
    wear: random.Random
    """when the engine refuses: on the same days for every station"""
    now_s: float = 0.0
    up_at_s: float = 0.0
    """a booting station is up from here on"""
    dark: bool = False
    unplanned: int = 0

    def may(self) -> tuple[bool, bool]:
        """(next person, next step)."""
        raise NotImplementedError

    def tick(self, dt_s: float) -> None:
        """Move the world and whatever watches it."""
        self.world.process(dt_s)
        self.now_s += dt_s

    def enrolled(self, seconds: float) -> None:
        """An enrolment ended."""

    @property
    def asleep(self) -> bool:
        """Shut down in good order: it may go dark without harm."""
        return False

    @property
    def supply_good(self) -> bool:
        return self.world.mains_ok or self.world.genset.loaded

    def month(self, days: int, journal: type[Journal] = Journal) -> None:
        """journal: another one only to see that the check can fail."""
        with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
            self.desk.journal = journal(Path(folder) / "store")
            self._days(days)
            self.desk.end()

    def _days(self, days: int) -> None:
        for day in range(days):
            self._morning(day)
            self._until((day * DAY_S) + CLOSE_S, open_desk=True)
            self._until((day * DAY_S) + CLOSE_S + OVERTIME_S, open_desk=True)
            self.desk.close()
            self._until((day + 1) * DAY_S, open_desk=False)

    def _morning(self, day: int) -> None:
        self._until(day * DAY_S + OPEN_S, open_desk=False)
        self.desk.open()
        for ups in self.world.upses:
            ups.health = max(0.3, ups.health - AGEING_A_DAY)
        if self.wear.random() < GENSET_WEAR:
            self.world.genset.failures_left = self.wear.randrange(1, 5)
        if day % 3 == 0:
            self.world.refuel(60)

    def _until(self, end_s: float, *, open_desk: bool) -> None:
        while self.now_s < end_s - 1e-6:
            dt_s = min(self._stride(open_desk), end_s - self.now_s, max(0.5, self.schedule.seconds_to_next(self.now_s)))
            self.schedule.apply(self.world, self.now_s)
            self._draw(open_desk)
            self.tick(dt_s)
            self._work(dt_s, open_desk)

    def _stride(self, open_desk: bool) -> float:
        eventful = not self.world.mains_ok or bool(self.world.genset.demands)
        if open_desk:
            return 4.0 if eventful else max(1.0, min(15.0, self.desk.step_left_s))
        return 15.0 if eventful else 60.0

    def _draw(self, open_desk: bool) -> None:
        working = open_desk and self.now_s >= self.up_at_s and not self.dark
        self.world.load(WATTS[self.desk.activity] * self.rng.uniform(0.93, 1.07) if working else WATTS["off"])

    def _work(self, dt_s: float, open_desk: bool) -> None:
        if not self.world.ups_ok and not self.dark:
            self.dark = True
            self.unplanned += not self.asleep
            self.desk.cut(unplanned=not self.asleep)
        if self.dark and self.world.ups_ok and self.supply_good:
            self.dark = False
            self.up_at_s = self.now_s + UNCLEAN_BOOT_S
        if open_desk and not self.dark and self.now_s >= self.up_at_s:
            closing = self.now_s % DAY_S >= CLOSE_S
            next_person, next_step = self.may()
            begun = self.desk.next_person() if next_person and not closing else None
            if begun is not None and not self._enough_for(begun):
                self.desk.begun_short += 1
            seconds = self.desk.work(dt_s, next_step)
            if seconds is not None:
                self.enrolled(seconds)

    def _enough_for(self, person: Person) -> bool:
        """By the battery's true charge: this person's steps, then the reserve for an orderly stop."""
        ups = self.world.upses[0]
        if not ups.on_battery:
            return True
        needs = [*person.left, (60 * RESERVE_MINUTES, "idle")]
        return ups.left_wh >= sum((WATTS[activity] / ups.efficiency + ups.own_draw_w) * seconds for seconds, activity in needs) / 3600


@dataclass
class WithPolicy(Station):
    """The station as it ships."""

    site: VirtualSite | None = None
    predictions: Predictions = field(default_factory=Predictions)
    orderly: int = 0
    _stopped: bool = False
    _stop_s: float | None = None
    """when the orderly stop began"""
    _charge_s: float = 0.0
    """so much longer the board lets the charger work before it restores the Pi, as the station told it"""
    _steady_s: float = 0.0

    def _real(self) -> VirtualSite:
        assert self.site is not None
        return self.site

    def tick(self, dt_s: float) -> None:
        site = self._real()
        site.watch.activity = self.desk.activity
        site.watch.waiting.tell(self.desk.waiting, site.wall().day)
        site.tick(dt_s)
        self.now_s = site.now_s
        learnt = all(battery.learnt for battery in site.watch.batteries.values())
        minutes = site.watch.minutes if learnt and not site.stopped else None
        asked = None if minutes is None else minutes.likely
        working = bool(self.desk.waiting or self.desk.person) and not site.stopped
        self.predictions.follow(self.now_s, self.world.upses[0], asked, working)
        self._stop_and_start(site, dt_s)

    def _stop_and_start(self, site: VirtualSite, dt_s: float) -> None:
        self._stop_s = self.now_s if site.stopped and self._stop_s is None else self._stop_s
        if site.stopped and not self._stopped and not self._step_goes_on():
            self._stopped, self._charge_s = True, site.watch.charge_s()
            self.orderly += 1
            self.desk.cut(unplanned=False)
        self._steady_s = self._steady_s + dt_s if self.supply_good else 0.0
        self._charge_s -= dt_s if self.supply_good else 0.0
        if self._stopped and self._steady_s >= BOARD_STEADY_S and self._charge_s <= 0:
            self._start(site, BOOT_S)
        elif self.dark and self.supply_good and self.world.ups_ok:
            self._start(site, UNCLEAN_BOOT_S)
        if site.watch.plan.state == "locked" and self.now_s % DAY_S < OPEN_S:
            site.watch.genset_by_hand("acknowledge")

    def _step_goes_on(self) -> bool:
        """An orderly stop waits for the step under way, but not for ever."""
        person = self.desk.person
        return self._stop_s is not None and self.now_s - self._stop_s < STEP_S and person is not None and person.doing_s is not None

    def _start(self, site: VirtualSite, boot_s: float) -> None:
        self._stopped = self.dark = False
        self._stop_s = None
        self.up_at_s = self.now_s + boot_s
        site.restart()

    @property
    def asleep(self) -> bool:
        return self._stopped

    def may(self) -> tuple[bool, bool]:
        if self._stopped:
            return False, False
        permissions = PERMISSIONS[self._real().watch.state]
        return permissions.next_person, permissions.next_step

    def enrolled(self, seconds: float) -> None:
        self._real().watch.person_done(seconds, self._real().wall().day)

    def _draw(self, open_desk: bool) -> None:
        super()._draw(open_desk and not self._stopped)
        lamp_percent = PERMISSIONS[self._real().watch.state].lamp_percent
        self.world.load(self.world.upses[0].load_w * (0.9 + 0.001 * lamp_percent))


@dataclass
class NoPolicy(Station):
    """Works on until it is dark."""

    def may(self) -> tuple[bool, bool]:
        return True, True


@dataclass
class GensetByHand(NoPolicy):
    """Works on; during the outage somebody starts the engine."""

    asked_s: float | None = None
    """when the mains failed, or somebody last tried"""

    def tick(self, dt_s: float) -> None:
        super().tick(dt_s)
        needed = not self.world.mains_ok and OPEN_S <= self.now_s % DAY_S < CLOSE_S + OVERTIME_S
        if not needed:
            self.asked_s = None
            self.world.start_contact(False)
        elif self.asked_s is None:
            self.asked_s = self.now_s
        elif self.now_s - self.asked_s >= HAND_S and not self.world.genset.running:
            self.asked_s = self.now_s
            self.world.genset.reset_alarms()
            self.world.start_contact(True)


@dataclass
class StopOnBattery(Station):
    """Shuts down as soon as the mains fail."""

    off: bool = False

    def tick(self, dt_s: float) -> None:
        super().tick(dt_s)
        if not self.world.mains_ok and not self.off:
            self.off = True
            self.desk.cut(unplanned=False)
        elif self.world.mains_ok and self.off:
            self.off = False
            self.up_at_s = self.now_s + BOOT_S

    @property
    def asleep(self) -> bool:
        return self.off

    def may(self) -> tuple[bool, bool]:
        return not self.off, not self.off

    def _draw(self, open_desk: bool) -> None:
        super()._draw(open_desk and not self.off)


def site_world(seed: int) -> PowerWorld:
    """A used 1200 VA UPS (24 V, 9 Ah) and a genset with a will of its own."""
    world = PowerWorld(random.Random(f"{seed}/power"))
    world.upses[0].capacity_wh, world.upses[0].health = 216.0, 0.85
    return world


def station(kind: type[Station], seed: int, days: int, people: int, genset: bool = True) -> Station:
    """One kind of station at the seed's site."""
    world = site_world(seed)
    schedule = Schedule(bad_site(random.Random(f"{seed}/mains"), days))
    desk = Desk(random.Random(f"{seed}/people"), people)
    made = kind(world, schedule, desk, random.Random(f"{seed}/noise"), random.Random(f"{seed}/wear"))
    if isinstance(made, WithPolicy):
        made.site = VirtualSite(world, Power(genset=GensetRules(automatic=genset, test_every_days=7 if genset else 0)), genset=genset, minute=0, look=False)
    return made


def compare(days: int, seed: int, people: int) -> dict[str, float]:
    """Run all five; the JSON of the command."""
    began_s = time.perf_counter()
    policy = station(WithPolicy, seed, days, people)
    alone = station(WithPolicy, seed, days, people, genset=False)
    none, hand, stops = (station(kind, seed, days, people) for kind in (NoPolicy, GensetByHand, StopOnBattery))
    named = {"policy": policy, "policy, no genset": alone, "no policy": none, "genset by hand": hand, "stop on battery": stops}
    for name, each in named.items():
        each.month(days)
        print(f"  lived through: {name}", flush=True)
    assert isinstance(policy, WithPolicy)
    assert isinstance(alone, WithPolicy)
    found = {"people_came": people * days, **recorded(policy, alone, none, hand, stops), **promises(policy, alone, none), **predicted(policy, alone)}
    return {**found, "days": days, "seed": seed, "seconds": round(time.perf_counter() - began_s, 1)}


def recorded(policy: Station, alone: Station, none: Station, hand: Station, stops: Station) -> dict[str, float]:
    """People, and the ratios: with the genset, and the policy alone."""
    return {
        "people_recorded": policy.desk.done,
        "people_policy_without_genset": alone.desk.done,
        "people_without_policy": none.desk.done,
        "people_genset_by_hand": hand.desk.done,
        "people_stop_on_battery": stops.desk.done,
        "ratio_to_no_policy": _ratio(policy, none),
        "ratio_to_genset_by_hand": _ratio(policy, hand),
        "ratio_to_stop_on_battery": _ratio(policy, stops),
        "ratio_without_genset_to_no_policy": _ratio(alone, none),
        "ratio_without_genset_to_stop_on_battery": _ratio(alone, stops),
    }


def _ratio(one: Station, other: Station) -> float:
    return round(one.desk.done / max(1, other.desk.done), 3)


def promises(policy: WithPolicy, alone: WithPolicy, none: Station) -> dict[str, float]:
    """What must be none with the policy, with and without a genset; beside it the station without a policy."""
    both = (policy.desk, alone.desk)
    return {
        "lost": sum(desk.lost for desk in both),
        "lost_without_policy": none.desk.lost,
        "not_finishable_started": sum(desk.in_vain for desk in both),
        "not_finishable_started_without_policy": none.desk.in_vain,
        "went_home_unfinished": sum(desk.unfinished for desk in both),
        "begun_short_of_energy": sum(desk.begun_short for desk in both),
        "begun_short_of_energy_without_policy": none.desk.begun_short,
        "interrupted": sum(desk.interrupted for desk in both),
        "interrupted_without_policy": none.desk.interrupted,
        "steps_begun_again": sum(desk.steps_stopped for desk in both),
        "unplanned_dark": policy.unplanned + alone.unplanned,
        "unplanned_dark_without_policy": none.unplanned,
        "orderly_stops": policy.orderly,
        "orderly_stops_without_genset": alone.orderly,
    }


def predicted(policy: WithPolicy, alone: WithPolicy) -> dict[str, float]:
    errors = policy.predictions.errors + alone.predictions.errors
    return {"predictions": len(errors), "predictions_within_15_percent": sum(abs(error) <= 0.15 for error in errors)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=whole(1, 3_650), default=30, help="days to live through (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="seed of mains, people, engine (default 1)")
    parser.add_argument("--people", type=whole(1, 1_000), default=100, help="people who come each day (default 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")


def run(args: argparse.Namespace) -> int:
    """0 when nothing was lost, nothing unfinishable begun, and 9 of 10 predictions held."""
    print(f"{args.days} days of a bad site, seed {args.seed}, {args.people} people a day ...", flush=True)
    found = compare(args.days, args.seed, args.people)
    for name, value in found.items():
        print(f"  {name:40} {value}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    kept = found["lost"] == 0 and found["not_finishable_started"] == 0
    honest = found["predictions_within_15_percent"] >= 0.9 * found["predictions"]
    return 0 if kept and honest else 1
