"""`./rekam bench power`: a month of a bad site in virtual time, with the station's real power code, against two simpler stations.

The same seeded mains, people and step times for each:

- policy: PowerWatch as it ships (policy, learnt battery, genset by forecast, orderly stop, resume);
- policy, no genset: the same where none is there or it stands locked;
- no policy: works on until the battery is empty and goes dark; the genset stands unused, as the field tells;
- stop on battery: shuts down as soon as the mains fail.

All keep what was saved (that is the store's work, measured elsewhere), so the difference is power alone. Needs the bench.
"""

import argparse
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from edge.power.policy import PERMISSIONS
from simulators.mains import Schedule, bad_site
from simulators.power import PowerWorld, UpsBattery
from station_config.schema import GensetRules, Power
from tools.amounts import whole
from tools.virtual_site import DAY_S, VirtualSite

EXAMPLE = "./rekam bench power --days 30 --seed 7 --json power.json"
OPEN_S, CLOSE_S = 8 * 3600.0, 15 * 3600.0
OVERTIME_S = 1800.0
"""whoever is at the desk at closing time is finished if it takes no longer"""
BOOT_S = 75.0
"""machine and station, ready for the operator"""
UNCLEAN_BOOT_S = 150.0
"""after the lights went out: file system check, operator finds out what happened"""
STEPS: tuple[tuple[str, float, str], ...] = (
    ("letter", 20, "idle"), ("data", 45, "idle"), ("face", 25, "preview"), ("signature", 25, "preview"), ("fingers", 75, "capture"),
    ("irises", 25, "capture"), ("check", 10, "capture"), ("review", 10, "idle"), ("slip", 5, "print"),
)  # fmt: skip
"""step, mean seconds, what it draws like; 240 s together"""
WATTS = {"idle": 130.0, "preview": 150.0, "capture": 165.0, "print": 200.0, "off": 12.0}
"""one set with screen, lamps, scanner, router"""
PREDICT_AFTER_S = 60.0
SHORTEST_DISCHARGE_S = 180.0
GENSET_WEAR = 0.2
"""chance that an engine refuses one to four starts"""
AGEING_A_DAY = 0.004


@dataclass
class Person:
    """Somebody at the desk."""

    left: list[tuple[float, str]]
    """(seconds, activity) of the steps to come"""
    doing_s: float | None = None
    """what is left of the step under way"""
    busy_s: float = 0.0


@dataclass
class Desk:
    """The procedure as a consumer of time."""

    rng: random.Random
    per_day: int
    waiting: int = 0
    person: Person | None = None
    begun: int = 0
    done: int = 0
    unfinished: int = 0
    """begun and not ended on that day, although everything was kept"""

    @property
    def lost(self) -> int:
        """Begun, and now neither done, at the desk nor sent home: must be none."""
        return self.begun - self.done - self.unfinished - (self.person is not None)

    def open(self) -> None:
        self.waiting = self.per_day

    def close(self) -> None:
        self.waiting = 0
        if self.person is not None:
            self.unfinished += 1
            self.person = None

    @property
    def activity(self) -> str:
        if self.person is None or not self.person.left:
            return "idle"
        return self.person.left[0][1] if self.person.doing_s is not None else "idle"

    @property
    def step_left_s(self) -> float:
        """Until the step under way, or the one to come, ends."""
        if self.person is None:
            return STEPS[0][1] if self.waiting else 60.0
        return self.person.left[0][0] if self.person.doing_s is None else self.person.doing_s

    def work(self, dt_s: float, next_person: bool, next_step: bool) -> float | None:
        """One stretch; returns the seconds of an enrolment that ended in it."""
        if self.person is None:
            if not (self.waiting and next_person):
                return None
            self.waiting -= 1
            self.begun += 1
            self.person = Person([(self.rng.gauss(mean, mean / 5), activity) for _, mean, activity in STEPS])
        person = self.person
        if person.doing_s is None:
            if not next_step:
                return None
            person.doing_s = max(1.0, person.left[0][0])
        person.busy_s += dt_s
        person.doing_s -= dt_s
        return self._step_ended(person) if person.doing_s <= 0 else None

    def _step_ended(self, person: Person) -> float | None:
        person.left.pop(0)
        person.doing_s = None
        if person.left:
            return None
        self.person = None
        self.done += 1
        return person.busy_s

    def cut(self) -> None:
        """Dark without warning: the step under way is done again, what was saved is kept."""
        if self.person is not None:
            self.person.doing_s = None


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

    def month(self, days: int) -> None:
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
        if self.rng.random() < GENSET_WEAR:
            self.world.genset.failures_left = self.rng.randrange(1, 5)
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
            self.desk.cut()
        if self.dark and self.world.ups_ok and self.supply_good:
            self.dark = False
            self.up_at_s = self.now_s + UNCLEAN_BOOT_S
        if open_desk and not self.dark and self.now_s >= self.up_at_s:
            closing = self.now_s % DAY_S >= CLOSE_S
            next_person, next_step = self.may()
            seconds = self.desk.work(dt_s, next_person and not closing, next_step)
            if seconds is not None:
                self.enrolled(seconds)


@dataclass
class WithPolicy(Station):
    """The station as it ships."""

    site: VirtualSite | None = None
    predictions: Predictions = field(default_factory=Predictions)
    orderly: int = 0
    _stopped: bool = False

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
        self._stop_and_start(site)

    def _stop_and_start(self, site: VirtualSite) -> None:
        if site.stopped and not self._stopped:
            self._stopped = True
            self.orderly += 1
            self.desk.cut()
        if self._stopped and self.supply_good and self.world.upses[0].soc >= 0.15:
            self._start(site, BOOT_S)
        elif self.dark and self.supply_good and self.world.ups_ok:
            self._start(site, UNCLEAN_BOOT_S)
        if site.watch.plan.state == "locked" and self.now_s % DAY_S < OPEN_S:
            site.watch.genset_by_hand("acknowledge")

    def _start(self, site: VirtualSite, boot_s: float) -> None:
        self._stopped = self.dark = False
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
class StopOnBattery(Station):
    """Shuts down as soon as the mains fail."""

    off: bool = False

    def tick(self, dt_s: float) -> None:
        super().tick(dt_s)
        if not self.world.mains_ok and not self.off:
            self.off = True
            self.desk.cut()
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
    made = kind(world, schedule, Desk(random.Random(f"{seed}/people"), people), random.Random(f"{seed}/noise"))
    if isinstance(made, WithPolicy):
        made.site = VirtualSite(world, Power(genset=GensetRules(automatic=genset, test_every_days=7 if genset else 0)), genset=genset, minute=0, look=False)
    return made


def compare(days: int, seed: int, people: int) -> dict[str, float]:
    """Run all four; the JSON of the command."""
    began_s = time.perf_counter()
    policy = station(WithPolicy, seed, days, people)
    alone = station(WithPolicy, seed, days, people, genset=False)
    none = station(NoPolicy, seed, days, people)
    stops = station(StopOnBattery, seed, days, people)
    for name, each in {"policy": policy, "policy, no genset": alone, "no policy": none, "stop on battery": stops}.items():
        each.month(days)
        print(f"  lived through: {name}", flush=True)
    assert isinstance(policy, WithPolicy)
    assert isinstance(alone, WithPolicy)
    errors = policy.predictions.errors + alone.predictions.errors
    return {
        "people_came": people * days,
        "people_recorded": policy.desk.done,
        "people_policy_without_genset": alone.desk.done,
        "people_without_policy": none.desk.done,
        "people_stop_on_battery": stops.desk.done,
        "ratio_to_no_policy": round(policy.desk.done / none.desk.done, 3),
        "ratio_to_stop_on_battery": round(policy.desk.done / stops.desk.done, 3),
        "lost": policy.desk.lost,
        "not_finishable_started": policy.desk.unfinished,
        "not_finishable_started_without_policy": none.desk.unfinished,
        "unplanned_dark": policy.unplanned + alone.unplanned,
        "unplanned_dark_without_policy": none.unplanned,
        "orderly_stops": policy.orderly,
        "orderly_stops_without_genset": alone.orderly,
        "predictions": len(errors),
        "predictions_within_15_percent": sum(abs(error) <= 0.15 for error in errors),
        "days": days,
        "seed": seed,
        "seconds": round(time.perf_counter() - began_s, 1),
    }


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
