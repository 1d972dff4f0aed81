"""Bad days at random, in virtual time: mains, UPSes, genset, board and people do what they like, the station is killed between any two acts, and
what it promises about power holds at every poll. A seed names a day; more of them: REKAM_POWER_DAYS=500."""

import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from edge.power.page import power_page
from edge.power.picture import Notice, Source, State
from edge.power.supply import Wall
from edge.power.watch import Act
from simulators.power import PowerWorld
from station_config.load import load_texts
from station_config.schema import GensetRules, Power
from tools.virtual_site import VirtualSite

SEEDS = range(int(os.environ.get("REKAM_POWER_DAYS", "8")))
BAD_HOURS, GOOD_HOURS = 2.0, 2.0
POLL_S = 2.0
LOOK_EVERY = 5
"""polls"""
TEXTS = load_texts()
UNDER_WAY = frozenset({"starting", "resting", "warm_up", "looking", "cool_down", "stopping"})
STOP_AGAIN_S = 620.0
"""a stop that a controller did not hear is said again within"""
ABSURD = 100_000
DEAD_LONG_S = 120.0


class Killed(Exception):
    """Between two acts."""


class Site(VirtualSite):
    """Whose clock is set at will, and whose station may be killed after some acts more."""

    jumped_s, trust = 0.0, "rtc"
    acts_left: int | None = None

    def wall(self) -> Wall:
        wall = super().wall()
        return Wall(wall.wall_s + self.jumped_s, self.trust, wall.day, wall.minute)

    def tick(self, dt_s: float) -> None:
        try:
            super().tick(dt_s)
        except Killed:
            self.restart()

    def _carry_out(self, act: Act) -> None:
        if self.acts_left == 0:
            self.acts_left = None
            raise Killed
        self.acts_left = None if self.acts_left is None else self.acts_left - 1
        super()._carry_out(act)


def rules(rng: random.Random) -> GensetRules:
    """As shipped, or with its settings at their ends."""
    if rng.random() < 0.3:
        return GensetRules()
    pick = rng.choice
    return GensetRules(
        automatic=rng.random() < 0.85, start_below_percent=pick([0, 50, 99]), start_below_minutes=pick([0, 20, 600]), debounce_s=pick([0, 10, 120]),
        start_timeout_s=pick([5, 80]), warm_up_timeout_s=pick([25, 60]), stable_s=pick([1, 20]), minimum_run_s=pick([0, 60, 900]),
        mains_return_s=pick([0, 20, 120]), cool_down_s=pick([0, 30, 120]), stop_timeout_s=pick([5, 60]), rest_s=pick([0, 30]), attempts=pick([1, 3]),
        load_timeout_s=pick([5, 30]), hand_minutes=pick([1, 60]), look_minutes=pick([5, 30]), hold_minutes=pick([0, 15]), starts_an_hour=pick([2, 6]),
    )


def thresholds(rng: random.Random, genset: GensetRules) -> Power:
    pick = rng.choice
    return Power(
        genset=genset, conserve_below_percent=pick([60, 90]), finish_only_below_percent=pick([20, 30, 50]), stop_below_percent=pick([10, 15]),
        stop_below_minutes=pick([0, 5, 20]), stale_on_battery_s=pick([10, 30]), mains_stable_s=pick([0, 10, 60]), queue_a_day=pick([0, 100]),
    )


def made(rng: random.Random) -> Site:
    world = PowerWorld(random.Random(rng.random()), rng.choice([1, 1, 2]))
    for ups in world.upses:
        ups.capacity_wh, ups.health = rng.choice([80.0, 216.0, 500.0]), rng.choice([0.4, 0.85, 1.0])
    power = thresholds(rng, rules(rng))
    return Site(world, power, genset=rng.random() < 0.9, board=rng.random() < 0.7, look=False, minute=60 * rng.choice([7, 12, 22]))


def happenings(rng: random.Random, site: Site) -> Mapping[str, Callable[[], object]]:
    """What may happen at a site."""
    world, engine, silences = site.world, site.world.genset, site.silences
    watch = site.watch

    def hand(what: str) -> None:
        if watch.genset is not None and not watch.genset.refusal(what):
            watch.genset_by_hand(what)

    return {
        "outage": world.outage, "restore": world.restore, "voltage": lambda: world.voltage(rng.choice([160, 185, 197, 240, 280])),
        "flicker": lambda: world.flicker(rng.choice([1, 3])), "load": lambda: world.load(rng.choice([20, 60, 130, 250])),
        "charge": lambda: world.charge(rng.choice([5, 15, 30, 60, 100]), rng.randrange(len(world.upses))),
        "UPS stale": lambda: silences.stale.add(rng.choice(site.fitted).name), "UPS fresh": silences.stale.clear,
        "upsd": lambda: setattr(silences, "upsd", not silences.upsd), "figures": lambda: setattr(silences, "figures", not silences.figures),
        "genset silent": lambda: setattr(silences, "genset", not silences.genset), "board": lambda: setattr(silences, "board", not silences.board),
        "commands": lambda: setattr(silences, "commands", not silences.commands), "fails": lambda: world.genset_fails(rng.randrange(4)),
        "no voltage": lambda: setattr(engine, "no_voltage", not engine.no_voltage), "low volts": lambda: setattr(engine, "low_v", not engine.low_v),
        "selector": lambda: setattr(engine, "mode", rng.choice(["auto", "manual", "stop"])), "no fuel": lambda: setattr(engine, "fuel_l", 0.05),
        "refuel": lambda: world.refuel(60), "alarm": lambda: engine.alarms.add("emergency_stop"), "no alarm": engine.alarms.clear,
        "start": lambda: hand("start"), "stop": lambda: hand("stop"), "looked": lambda: hand("acknowledge"), "serviced": lambda: hand("serviced"),
        "queue": lambda: watch.waiting.tell(rng.randrange(100), site.wall().day), "button": lambda: world.button(rng.random() < 0.2),
        "clock": lambda: setattr(site, "jumped_s", site.jumped_s + rng.choice([-1, 1]) * rng.choice([60, 86_400, 3650 * 86_400])),
        "trust": lambda: setattr(site, "trust", rng.choice(["none", "rtc", "network"])), "killed": site.restart,
        "killed soon": lambda: setattr(site, "acts_left", rng.randrange(4)),
    }


@dataclass
class Promises:
    """What must hold, poll by poll."""

    site: Site
    since: dict[str, float] = field(default_factory=dict)
    """condition -> the site's time since which it holds"""
    excused: bool = False
    """an engine whose controller refused commands, stood in manual, or never heard that a failed start was taken back: people have been told"""

    def lasts(self, name: str, holds: bool) -> float:
        if not holds:
            self.since.pop(name, None)
            return 0.0
        return self.site.now_s - self.since.setdefault(name, self.site.now_s)

    def look(self) -> None:
        site = self.site
        picture = site.watch.picture
        for said in (picture.for_page(), power_page(site.watch, site.wall().day)):
            json.dumps(said, allow_nan=False)
        shown = picture.for_page()
        for name in ("minutes", "minutes_low", "minutes_high", "people_left"):
            assert shown[name] is None or 0 <= shown[name] < ABSURD, (name, shown[name])
        if picture.genset is not None and picture.genset.test_in_days is not None:
            assert 0 <= picture.genset.test_in_days <= site.power.genset.test_every_days
        for notice in (picture.sentence, *picture.notices):
            readable(notice)

    def hold(self) -> None:
        site, watch = self.site, self.site.watch
        life, plan = f"{site.life} ", watch.plan.state
        assert self.lasts("NORMAL on battery", watch.state is State.NORMAL and watch.supply.source is Source.BATTERY) <= POLL_S
        for state in UNDER_WAY:
            assert self.lasts(life + state, plan == state) <= longest_s(site.power.genset), f"{state} for ever"
        self._engine()

    def _engine(self) -> None:
        """One that this station asked for runs for somebody, or it is told to stop."""
        site, engine = self.site, self.site.world.genset
        asked, at_rest = "telemetry" in engine.demands, site.watch.plan.state in ("idle", "locked")
        strange = site.silences.commands or engine.mode != "auto" or (at_rest and not engine.running)
        self.excused = asked and (self.excused or strange)
        nobody = asked and engine.running and at_rest and not (self.excused or site.silences.genset)
        assert self.lasts("runs for nobody", nobody) <= STOP_AGAIN_S, site.watch.plan


def longest_s(rules: GensetRules) -> float:
    """No state of the plan in which something is under way lasts longer."""
    starts = rules.start_timeout_s + rules.warm_up_timeout_s + rules.rest_s
    ends = rules.cool_down_s + 2 * rules.stop_timeout_s + rules.load_timeout_s + rules.mains_return_s
    return starts + ends + 10 * POLL_S


def readable(notice: Notice) -> None:
    """In each language, with every gap filled."""
    for language, texts in TEXTS.items():
        assert "None" not in texts[notice.id].format(**notice.values), (language, notice)


def bad_hours(rng: random.Random, site: Site, promises: Promises) -> list[str]:
    """Whatever happens; in short what did."""
    happened: list[str] = []
    next_s = dead_s = 60.0
    while site.now_s < BAD_HOURS * 3600:
        if site.now_s >= next_s:
            events = happenings(rng, site)
            happened.append(rng.choice(list(events)))
            events[happened[-1]]()
            next_s = site.now_s + rng.choice([2, 5, 30, 120, 400])
        one_poll(site, promises)
        dead_s = dead_s + POLL_S if site.stopped or not site.world.ups_ok else 0.0
        if dead_s >= DEAD_LONG_S:
            wake(site)
    return happened


def one_poll(site: Site, promises: Promises) -> None:
    site.tick(POLL_S)
    if site.stopped or not site.world.ups_ok:
        promises.since.clear()
        return
    promises.hold()
    if int(site.now_s / POLL_S) % LOOK_EVERY == 0:
        promises.look()


def wake(site: Site) -> None:
    """The mains are back and have charged a little: the board restores the machine."""
    site.world.restore()
    for number in range(len(site.world.upses)):
        site.world.charge(50, number)
    site.world.process(1.0)
    site.restart()


def all_is_well(site: Site) -> None:
    """Mains, wires and people behave again."""
    silences, engine = site.silences, site.world.genset
    silences.stale.clear()
    silences.upsd = silences.figures = silences.genset = silences.commands = silences.board = False
    engine.mode, engine.no_voltage, engine.low_v = "auto", False, False
    engine.alarms.discard("emergency_stop")
    site.world.button(False)
    site.acts_left = None
    site.world.restore()
    if site.stopped or site.did("stop"):
        site.run(600, step_s=POLL_S)
        wake(site)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bad_day_breaks_no_promise_and_ends_well(seed: int) -> None:
    rng = random.Random(seed)
    site = made(rng)
    promises = Promises(site)
    happened = bad_hours(rng, site, promises)
    all_is_well(site)
    while site.now_s < (BAD_HOURS + GOOD_HOURS) * 3600 + 700:
        one_poll(site, promises)
    assert site.watch.state is State.NORMAL, happened
    assert site.watch.plan.state in ("idle", "locked"), (site.watch.plan, happened)
    assert promises.excused or "telemetry" not in site.world.genset.demands or not site.world.genset.running, happened


@pytest.mark.parametrize("seed", SEEDS)
def test_an_honest_battery_is_never_empty_before_the_station_has_stopped(seed: int) -> None:
    rng = random.Random(seed)
    site = Site(made(rng).world, thresholds(rng, GensetRules()), genset=False, board=rng.random() < 0.7, look=False)
    for outage in range(3):
        site.run(rng.choice([600, 3600, 20_000]), step_s=30)
        site.world.outage()
        while not site.stopped:
            if rng.random() < 0.02:
                site.world.load(rng.choice([60, 130, 250]))
            site.run(60, step_s=POLL_S, until=lambda: site.stopped)
            assert site.world.ups_ok, f"outage {outage}: it went dark in {site.watch.state}"
        site.world.restore()
        site.restart()
