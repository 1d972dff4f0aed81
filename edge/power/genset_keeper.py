"""Keeps the genset's plan: why it should run now, what is seen of it, what must survive a restart. Pure but for its own memory.

Reasons, strongest first: by hand, by schedule, by forecast (the battery will not last for who waits), the weekly test. The plan itself,
with its judgements of voltage and its lock-out, is genset_plan.py.
"""

from dataclasses import dataclass, replace
from typing import Any

from edge.power.genset_hand import Hand
from edge.power.genset_plan import Plan, Seen, step, turns
from edge.power.picture import Minutes
from edge.power.supply import Readings, Wall
from station_config.schema import GensetRules

DAY_S = 86_400.0
TEST_HOURS = (8 * 60, 15 * 60)
"""minutes of the day: a test at night would wake the village"""
BOARD_COOLS = frozenset({"running", "return_wait", "cooldown"})
"""the board keeps its contact closed in these, also after the station has let go"""
SERVICE_SOON_H = 10.0
"""so many hours before it is due the service is spoken of, and may be said to be done"""
TEST_STATES = ("starting", "warm_up", "testing", "resting")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the station wants of power at one instant."""

    stopping: bool
    low: bool
    """nothing is left for waiting"""
    on_battery_s: float | None
    """None: not on battery"""
    on_mains: bool
    mains_steady_s: float
    mains_there: bool
    charge_percent: float | None
    minutes: Minutes | None
    people_left: int | None
    waiting: int | None
    idle: bool
    unfed: bool = False
    """every UPS says that it is on battery"""
    spent: bool = False
    """one of them is at its end"""


class GensetKeeper:
    """One genset."""

    def __init__(self, rules: GensetRules) -> None:
        self.rules = rules
        self.plan = Plan()
        self.hand = Hand()
        self._acknowledged = self._refused = False
        self._told_s: float | None = None
        self._last_test_wall_s: float | None = None
        self._restored: Plan | None = None
        """until the engine was seen for the first time, or the plan went on"""
        self._started_ago_s: tuple[float, ...] | None = None
        """starts before a restart; None: they stand in the plan"""
        self._board_ran = False
        """the board has said in this run that the engine turns: its relay is wired"""
        self._now_s = 0.0
        self._run_hours: float | None = None
        self._serviced_h: float | None = None
        """run hours at the last service"""

    def by_hand(self, what: str) -> None:
        """start, stop, acknowledge (somebody has looked), or serviced (the mechanic has been here)."""
        if what == "acknowledge":
            self._acknowledged = True
        elif what != "serviced":
            self.hand.tell(what)
        elif self._run_hours is not None:
            self._serviced_h = self._run_hours

    def refused(self, what: str) -> None:
        """The controller said no to a command. A refused load is repeated, a refused stop is seen by the engine that goes on."""
        self._refused = what == "start"

    def refusal(self, what: str) -> str:
        """Message id of why that cannot be done by hand now; empty when it can."""
        locked = self.plan.state == "locked"
        if what == "acknowledge":
            return "" if locked else "genset_not_locked"
        if what == "serviced":
            return "genset_hours_unknown" if self.service_in_h is None else "" if self.service_due else "genset_service_not_due"
        if locked:
            return "genset_is_locked"
        return "genset_stands" if what == "stop" and self.plan.state == "idle" else ""

    @property
    def service_due(self) -> bool:
        """Soon, or already late."""
        return self.service_in_h is not None and self.service_in_h < SERVICE_SOON_H

    def age_s(self, now_s: float) -> float | None:
        """Of the controller's last answer."""
        return None if self._told_s is None else now_s - self._told_s

    def step(self, now_s: float, wall: Wall, readings: Readings, needs: Needs) -> tuple[str, ...]:
        """One poll; returns what is to be sent."""
        if readings.genset is not None:
            self._told_s = now_s
            self._count_hours(readings.genset.run_hours)
        self._wake(now_s)
        dark = needs.on_battery_s is not None and needs.on_battery_s >= self.rules.debounce_s
        self.hand.step(now_s, self.plan.state, needs.mains_steady_s, dark, self.rules)
        want = self._want(wall, needs)
        seen = replace(
            self._see(now_s, readings),
            want=want,
            look=self._look(now_s, readings, needs, want),
            mains_steady_s=needs.mains_steady_s,
            stop_by_hand=self.hand.wish == "stop" or needs.stopping,
            hurry=needs.low,
            acknowledged=self._acknowledged,
            refused=self._refused,
            unfed=needs.unfed,
            spent=needs.spent,
        )
        self._recognise(seen)
        before = self.plan.state
        self.plan, acts = step(self.plan, seen, self.rules)
        self._acknowledged = self._refused = False
        if before == "testing" and self.plan.state != "testing":
            self._last_test_wall_s = wall.wall_s
        return acts

    def _wake(self, now_s: float) -> None:
        """The first step after a restart: the clocks of the plan begin now, on this life's clock."""
        self._now_s = now_s
        if self._started_ago_s is not None:
            starts_s = tuple(now_s - ago_s for ago_s in self._started_ago_s)
            self.plan = replace(self.plan, since_s=now_s, load_since_s=now_s, load_told_s=now_s, starts_s=starts_s)
            self._started_ago_s = None

    def _recognise(self, seen: Seen) -> None:
        """An engine that stopped while the station was away is no failure of its own; its controller may need some polls to answer."""
        if self._restored is None or self.plan.state != self._restored.state:
            self._restored = None
        elif seen.running is not None:
            if not seen.running and self.plan.state != "locked":
                self.plan = Plan(starts_s=self.plan.starts_s)
            self._restored = None

    def _count_hours(self, run_hours: float | None) -> None:
        """An engine that comes with hours is taken to have had its services so far."""
        if run_hours is None:
            return  # the last count stands
        self._run_hours = run_hours
        if (self._serviced_h is None or run_hours < self._serviced_h):
            self._serviced_h = run_hours - run_hours % self.rules.service_every_h

    @property
    def service_in_h(self) -> float | None:
        """Until the next service; negative when it is overdue, None when the hours are unknown."""
        if self._run_hours is None or self._serviced_h is None:
            return None
        return round(self._serviced_h + self.rules.service_every_h - self._run_hours, 1)

    def _see(self, now_s: float, readings: Readings) -> Seen:
        reading, board = readings.genset, readings.board
        if reading is not None:
            return Seen(now_s, turns(reading.rpm, reading.l1_v), reading.l1_v, reading.frequency_hz, reading.alarms, mode=reading.mode)
        self._board_ran = board is not None and (board.genset_running or (self._board_ran and self.plan.state != "idle"))
        if board is not None and (self.rules.by_contact or self._board_ran):
            return replace(self._see_by_contact(now_s, board.genset_running), cooling=board.genset_state in BOARD_COOLS)
        return Seen(now_s)

    def _see_by_contact(self, now_s: float, running: bool) -> Seen:
        """No controller on Modbus, or a silent one: the board's voltage relay tells of running, and that its limits hold."""
        nominal = (self.rules.low_v + self.rules.high_v) / 2, (self.rules.low_hz + self.rules.high_hz) / 2
        return Seen(now_s, running, *(nominal if running else (0.0, 0.0)))

    def _want(self, wall: Wall, needs: Needs) -> str | None:
        """Why the genset should run now, or None."""
        if needs.stopping or self.hand.wish == "stop":
            return None
        if self.hand.wish == "start":
            return "hand"
        if wall.trust != "none" and any(within(hours, wall.minute) for hours in self.rules.hours):
            return "schedule"
        if self._forecast(wall, needs):
            return "forecast"
        return "test" if self._test_due(wall, needs) else None

    def _look(self, now_s: float, readings: Readings, needs: Needs, want: str | None) -> bool:
        """Nobody sees the mains behind the genset, so the load is taken off for a look, while the battery holds a person more."""
        rules, blind = self.rules, readings.board is None and readings.genset is not None
        if not (blind and rules.look_minutes and self.plan.state == "on_load" and needs.people_left) or needs.unfed or want == "schedule":
            return False
        due_minutes = max(rules.look_minutes, rules.hand_minutes if want == "hand" else 0)
        return now_s - self.plan.load_since_s >= max(60 * due_minutes, rules.minimum_run_s)

    def _forecast(self, wall: Wall, needs: Needs) -> bool:
        """The battery will not last for who waits; once asked for, until the mains are back."""
        if not self.rules.automatic or needs.mains_there:
            return False
        if self.plan.state != "idle" and self.plan.reason in ("forecast", "hand"):
            return True
        if needs.on_battery_s is None or needs.on_battery_s < self.rules.debounce_s:
            return False
        return self._battery_will_not_do(needs) and not (self.rules.quiet and within(self.rules.quiet, wall.minute))

    def _battery_will_not_do(self, needs: Needs) -> bool:
        charge, minutes, people = needs.charge_percent, needs.minutes, needs.people_left
        if charge is None and minutes is None:
            return True
        spent = charge is not None and charge <= self.rules.start_below_percent
        late = minutes is not None and minutes.likely <= self.rules.start_below_minutes
        return spent or late or (needs.waiting is not None and people is not None and people < needs.waiting)

    def _test_due(self, wall: Wall, needs: Needs) -> bool:
        """A weekly run without load, in office hours on steady mains, while nobody is being recorded."""
        if self.plan.reason == "test" and self.plan.state in TEST_STATES:
            return needs.on_mains
        if not self.rules.test_every_days or not needs.on_mains or not needs.idle:
            return False
        if self._last_test_wall_s is None:
            self._last_test_wall_s = wall.wall_s
        return self.test_in_days(wall.wall_s) == 0 and TEST_HOURS[0] <= wall.minute < TEST_HOURS[1]

    def dump(self) -> dict[str, Any]:
        """What a restart must not forget: a lock-out, and an engine that runs because the station asked for it."""
        plan = self.plan
        kept = {"state": plan.state, "reason": plan.reason, "code": plan.code, "failures": plan.failures}
        starts = [self._now_s - at_s for at_s in plan.starts_s]
        hand = {"hand": self.hand.wish, "hand_s": self.hand.age_s, "dark": self.hand.dark}
        return {**kept, **hand, "starts": starts, "last_test": self._last_test_wall_s, "serviced_h": self._serviced_h}

    def test_in_days(self, wall_s: float) -> float | None:
        """Until the next test run; None: none is planned, or the last one is unknown."""
        if not self.rules.test_every_days or self._last_test_wall_s is None:
            return None
        return max(0.0, self.rules.test_every_days - abs(wall_s - self._last_test_wall_s) / DAY_S)  # a clock may have been set back by years

    def restore(self, kept: dict[str, Any]) -> None:
        """The way back; clocks of the plan begin anew, so a minimum run or a cool-down may be a little longer. Whether a stop was sent nobody knows."""
        state = "cool_down" if kept["state"] == "stopping" else kept["state"]
        self.plan = Plan(state=state, reason=kept["reason"], code=kept["code"], failures=kept["failures"])
        self.hand = Hand(kept["hand"], age_s=kept.get("hand_s", 0.0), dark=kept.get("dark", False))
        self._last_test_wall_s = kept["last_test"]
        self._serviced_h = kept.get("serviced_h")
        self._started_ago_s = tuple(kept.get("starts", ()))
        self._restored = self.plan


def within(hours: str, minute: int) -> bool:
    """Is a minute of the day inside "HH:MM-HH:MM" (over midnight too)?"""
    begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in hours.split("-"))
    return begin <= minute < end if begin <= end else minute >= begin or minute < end
