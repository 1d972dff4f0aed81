"""The power manager's mind: one `step` a poll, no I/O and no clock, so that a month of a bad site runs in virtual time.

    readings -> supply (source, steadiness) -> energy (minutes, people) -> policy (state) -> genset plan -> picture, acts

What it decides comes back as `Act`s; `manager.py` (or the bench) carries them out. It remembers, as bytes, what a restart must not
forget: learnt batteries, the outage under way, the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from edge.power import energy, wording
from edge.power.genset_keeper import GensetKeeper, Needs
from edge.power.genset_plan import Plan
from edge.power.picture import Figure, GensetView, HostView, Minutes, PowerPicture, Source, State
from edge.power.policy import PERMISSIONS, Inputs, empty, next_state
from edge.power.report import Report, Stretch
from edge.power.resume import Away
from edge.power.supply import Readings, Supply, UpsTrack, Wall
from edge.power.waiting import Waiting
from station_config.schema import Power

STOP_BATTERY, STOP_FORCED = "stop_battery", "stop_forced"
"""why a station stops whom nobody asked: nothing left, or its UPS is being switched off"""
BUTTON_S = 3.0
"""held so long, the power button means stop; a brush of the hand does not"""
SAVE_EVERY_S = 60.0
"""on battery; on mains ten times as long: a flash card is not written for nothing"""
SEEN_EVERY_S = 30.0
"""a few bytes: how exactly a later life knows when this one ended"""
START_S, STOP_S = 90.0, 90.0
"""the machine's start and the station's; an orderly stop with all its parts late"""
CHARGE_A_HOUR = 0.1
"""of the name plate, until the charger was seen at work: small UPSes charge a lead battery in about ten hours"""
LONGEST_CHARGE_S = 4 * 3600
"""people wait; what was saved is safe through a cut as well"""
LONGEST_STEP_S = 60.0
"""a longer gap between two polls is not evidence about a battery"""
NO_PLAN = Plan()


@dataclass(frozen=True, slots=True)
class FittedUps:
    """One UPS of the configuration."""

    name: str
    capacity_wh: float = 500.0
    nominal_w: float = 600.0


@dataclass(frozen=True, slots=True)
class Act:
    """Something for the manager to carry out: `genset` (what: start, stop, load, unload, reset), `state`, `stop`, `save`, `seen`, `day` (what: its name)."""

    kind: str
    what: str = ""
    why: str = ""


class PowerWatch:
    """All that is known and decided about power."""

    def __init__(
        self, fitted: Sequence[FittedUps], power: Power, *, genset: bool, board: bool, boot: str = "", memory: bytes | None = None, seen_s: float | None = None,
    ) -> None:
        """genset: one is fitted (Modbus or contact); board: one is fitted; boot: names this power life; memory: what `dump` gave last; seen_s: wall time of
        the last `seen`."""
        self.power = power
        self.supply = Supply(power, [UpsTrack(each.name, each.nominal_w) for each in fitted])
        self.batteries = {each.name: energy.Battery(each.capacity_wh) for each in fitted}
        self.draw = energy.Draw()
        self.work = energy.Work()
        self.report = Report()
        self.state = State.NORMAL
        self.genset = GensetKeeper(power.genset) if genset else None
        self.activity = "idle"
        self.waiting = Waiting(power.queue_a_day)
        self.away: Away | None = None
        """how the last life of the station ended; None when nothing is known of one"""
        self._fitted_board = board
        self._boot = boot
        self._stop_why: str | None = None
        self._last_s: float | None = None
        self._saved_s = 0.0
        self._button_since_s: float | None = None
        self._button_seen_free = False
        self._person_wh: float | None = None
        """since somebody was called; None: nobody was, or a stretch was not measured"""
        self._minutes: Minutes | None = None
        self._people_left: int | None = None
        self._readings = Readings(upses={})
        self._picture: PowerPicture | None = None
        self._shown: frozenset[str] = frozenset()
        """notices of the last picture"""
        self._was_stopped: bool | None = None
        """the last life ended orderly (True) or not (False) and the report does not know yet"""
        self._seen_at_s: float | None = None
        self._began_s: float | None = None
        self._board_told_s: float | None = None
        self._worth_saving = False
        self._wall: Wall | None = None
        if memory:
            self._restore(memory, seen_s)

    # what the rest of the station tells

    def person_called(self, day: str) -> None:
        """Somebody has come to the desk."""
        self._person_wh = 0.0
        self.waiting.called(day)

    def person_done(self, seconds: float | None, day: str) -> None:
        """One record was made after `seconds` at the desk; None: a cut lay between, so they say nothing of the work."""
        if seconds is not None:
            self.work.done(seconds, self._person_wh)
        self._person_wh = None
        self.report.day(day).people += 1
        self._worth_saving = True

    def genset_by_hand(self, what: str) -> None:
        """start, stop, or acknowledge (after a lock-out, when somebody has looked)."""
        if self.genset is not None:
            self.genset.by_hand(what)

    def genset_refused(self, what: str) -> None:
        """The controller answered a command with no."""
        if self.genset is not None:
            self.genset.refused(what)

    @property
    def plan(self) -> Plan:
        """Of the genset; idle where none is fitted."""
        return self.genset.plan if self.genset is not None else NO_PLAN

    def ask_stop(self, why: str) -> None:
        """An orderly stop for a reason outside this module (message id)."""
        self._stop_why = self._stop_why or why

    # one poll

    def step(self, now_s: float, wall: Wall, readings: Readings) -> list[Act]:
        """Take one round of readings; returns what is to be done."""
        dt_s = 0.0 if self._last_s is None else min(LONGEST_STEP_S, now_s - self._last_s)
        self._last_s, self._wall = now_s, wall
        self._began_s = now_s if self._began_s is None else self._began_s
        self._board_told_s = now_s if readings.board is not None else self._board_told_s
        self._button(now_s, readings.button)
        self.waiting.today(wall.day)
        self.supply.take(now_s, readings, self.plan.state == "on_load")
        self._readings = readings
        self._learn(now_s, dt_s)
        self._minutes = self._weakest_minutes()
        self._people_left = self.work.people_left(self._told_minutes(), self.power.stop_below_minutes)
        self._note(now_s, wall, dt_s)
        acts = self._policy(now_s)
        commands = self._genset(now_s, wall, readings)
        acts += [Act("day", name) for name in self.report.untold(wall.day)]
        acts += self._save(now_s, bool(acts or commands))
        self._picture = None
        return acts + commands  # what is commanded was remembered before: killed in between, the next life brings the engine home

    def _note(self, now_s: float, wall: Wall, dt_s: float) -> None:
        """For the report."""
        if self._was_stopped is not None and self.away is not None:
            self.report.was_dark(wall.day, self.away.dark_s(wall.wall_s, wall.trust), orderly=self._was_stopped)
            self._was_stopped = None
        volts = self.supply.mains_figure(now_s, "input_v").value
        stretch = Stretch(
            self.supply.source, dt_s, wall.wall_s, self.supply.watts(now_s), volts, volts is not None and volts < self.power.low_v,
            volts is not None and volts > self.power.high_v, self.supply.flickers(now_s), self.supply.mains_steady_s(now_s) >= self.power.mains_stable_s,
        )
        self.report.observe(wall.day, stretch)

    @property
    def picture(self) -> PowerPicture:
        """As of the last step; painted when somebody looks."""
        if self._picture is None:
            self._picture = wording.nothing_known() if self._last_s is None else self._paint(self._last_s, self._readings)
        return self._picture

    @property
    def minutes(self) -> Minutes | None:
        """Left on the weakest battery."""
        return self._minutes

    def _button(self, now_s: float, pressed: bool) -> None:
        """A button that hangs since before the start is a broken button, not a wish."""
        if not pressed:
            self._button_seen_free, self._button_since_s = True, None
        elif self._button_seen_free:
            self._button_since_s = now_s if self._button_since_s is None else self._button_since_s
            if now_s - self._button_since_s >= BUTTON_S:
                self.ask_stop("stop_button")

    def _learn(self, now_s: float, dt_s: float) -> None:
        if dt_s <= 0:
            return
        watts = self.supply.watts(now_s)
        if watts is not None:
            self.draw.observe(self._doing(), watts, dt_s)
        if self._person_wh is not None:
            self._person_wh = None if watts is None else self._person_wh + watts * dt_s / 3600
        for track in self.supply.tracks:
            self._learn_battery(track, self.batteries[track.name], dt_s)

    def _doing(self) -> str:
        """Whose draw this is; beside a person's cameras the line weighs little."""
        return "send" if self.activity == "idle" and self._readings.sending else self.activity

    def _learn_battery(self, track: UpsTrack, battery: energy.Battery, dt_s: float) -> None:
        if not track.on_battery or self.supply.source is not Source.BATTERY:
            battery.on_mains(dt_s, charges=self.supply.charges(track, self._last_s or 0.0))
            return
        fresh = track.told_s == self._last_s
        battery.on_battery(track.charge_percent if fresh else None, self._share_w(track), dt_s)
        if track.says_low:
            battery.died()

    def _share_w(self, track: UpsTrack) -> float:
        """One UPS's draw: its own figure, else an even share of what is expected."""
        if track.watts is not None:
            return track.watts
        return self.draw.expected_w(self._doing()) / max(1, len(self.supply.tracks))

    # the figures of the policy

    def _weakest_minutes(self) -> Minutes | None:
        each = [self.minutes_of(track) for track in self.supply.tracks]
        known = [minutes for minutes in each if minutes is not None]
        return min(known, key=lambda minutes: minutes.low) if known else None

    def _told_minutes(self) -> Minutes | None:
        """What may be said of the whole station: nothing while one of its UPSes is silent."""
        return self._minutes if self.supply.whole(self._last_s or 0.0) else None

    def _told_people(self) -> int | None:
        """Nobody, below the charge at which the policy would begin with nobody, however long the battery lasts."""
        charge_percent = self._charge()
        spent = charge_percent is not None and charge_percent < self.power.finish_only_below_percent
        return 0 if spent and self._people_left is not None else self._people_left

    def minutes_of(self, track: UpsTrack) -> Minutes | None:
        """By the learnt battery; where a UPS tells no charge, by its own runtime figure with a wide band; none where no battery stands behind."""
        if track.nothing_behind:
            return Minutes(0.0, 0.0, 0.0)
        share = 1 / max(1, len(self.supply.tracks))
        expected_w = self.draw.expected_w(self._doing()) * share if self.draw.recent_w is not None else self._share_w(track)
        own = self.batteries[track.name].minutes(track.charge_percent, expected_w)
        if own is not None or track.last is None or track.last.runtime_s is None:
            return own
        told = track.last.runtime_s / 60
        return Minutes(low=0.5 * told, likely=told, high=1.2 * told)

    def _charge(self) -> float | None:
        known = [track.charge_percent for track in self.supply.tracks if track.charge_percent is not None]
        return min(known) if known else None

    def _policy(self, now_s: float) -> list[Act]:
        inputs = self._inputs(now_s)
        if self.plan.state == "looking" and inputs.source is Source.BATTERY:
            inputs = replace(inputs, source=Source.GENSET)  # the engine idles beside it: what is too little for a station is enough to take it back
        state, why = next_state(self.state, inputs, self.power)
        if state is self.state:
            return []
        self.state = state
        acts = [Act("state", state.value, why)]
        if state is State.STOPPING:
            self._stop_why = self._stop_why or (STOP_FORCED if inputs.forced else STOP_BATTERY)
            acts.append(Act("stop", self._stop_why))
        return acts

    def _inputs(self, now_s: float) -> Inputs:
        minutes = self._minutes
        return Inputs(
            source=self.supply.source,
            mains_steady_s=self.supply.mains_steady_s(now_s),
            charge_percent=self._charge(),
            minutes_low=None if minutes is None else minutes.low,
            people_left=self._people_left,
            low=self.supply.low,
            whole=self.supply.whole(now_s),
            overloaded=self.supply.overloaded(now_s),
            stop_asked=self._stop_why is not None,
            forced=self.supply.forced,
        )

    def nothing_left(self) -> bool:
        """The battery carries the station and holds no more than an orderly stop needs, or the UPS goes off in seconds."""
        return self._last_s is not None and (self.supply.forced or empty(self._inputs(self._last_s), self.power))

    def may_go_dark(self) -> bool:
        """No engine is left running for nobody; with a battery at its end it was told to stop, and its controller sees to the rest."""
        return self.plan.state in ("idle", "locked") or (self.plan.state == "stopping" and self.nothing_left())

    def charge_s(self) -> int:
        """How long the charger needs before the battery carries another start and another orderly stop."""
        return max((self._charge_s(track) for track in self.supply.tracks), default=0)

    def _charge_s(self, track: UpsTrack) -> int:
        battery, percent = self.batteries[track.name], track.charge_percent
        needed_wh = (self._share_w(track) + energy.OWN_DRAW_W) * (START_S + STOP_S) / 3600 + battery.to_reserve_wh(percent)
        missing_wh = needed_wh - (battery.left_wh(percent) or 0.0)
        charge_w = battery.charging.watts or CHARGE_A_HOUR * battery.nominal_wh
        return min(LONGEST_CHARGE_S, max(0, round(3600 * missing_wh / charge_w)))

    def _genset(self, now_s: float, wall: Wall, readings: Readings) -> list[Act]:
        if self.genset is None:
            return []
        needs = Needs(
            stopping=self.state is State.STOPPING,
            low=self.state is State.STOPPING and self.nothing_left(),
            on_battery_s=now_s - self.supply.source_since_s if self.supply.source is Source.BATTERY else None,
            on_mains=self.supply.source is Source.MAINS,
            mains_steady_s=self.supply.mains_steady_s(now_s),
            mains_there=self.supply.mains_since_s is not None,
            charge_percent=self._charge(),
            minutes=self._minutes,
            people_left=self._people_left,
            waiting=self.waiting.people,
            idle=self.activity == "idle",
            unfed=self.supply.unfed(now_s),
            spent=self.nothing_left(),
        )
        return [Act("genset", what, self.genset.plan.reason) for what in self.genset.step(now_s, wall, readings, needs)]

    # memory

    def _save(self, now_s: float, changed: bool) -> list[Act]:
        every_s = SAVE_EVERY_S if self.supply.source is Source.BATTERY else 10 * SAVE_EVERY_S
        seen = self._seen_at_s is None or now_s - self._seen_at_s >= SEEN_EVERY_S
        if not (changed or self._worth_saving) and now_s - self._saved_s < every_s:
            self._seen_at_s = now_s if seen else self._seen_at_s
            return [Act("seen")] if seen else []
        self._saved_s = self._seen_at_s = now_s
        self._worth_saving = False
        return [Act("save")]

    def dump(self, wall_s: float, trust: str) -> bytes:
        """What a restart must not forget; no personal data."""
        on_battery = [name for name, battery in self.batteries.items() if battery.discharge is not None]
        return msgspec.json.encode(
            {
                "boot": self._boot,
                "wall_s": wall_s,
                "trust": trust,
                "state": self.state.value,
                "on_battery": on_battery,
                "energy": energy.dump(self.batteries, self.draw, self.work),
                "report": self.report.dump(),
                "waiting": self.waiting.dump(),
                "genset": self.genset.dump() if self.genset is not None else None,
            }
        )

    def _restore(self, memory: bytes, seen_s: float | None) -> None:
        try:
            kept = msgspec.json.decode(memory)
            energy.restore(kept["energy"], self.batteries, self.draw, self.work)
            self.report.restore(kept["report"])
            self.waiting.restore(kept.get("waiting"))
            if self.genset is not None and kept["genset"]:
                self.genset.restore(kept["genset"])
            self._remember_end(kept, max(kept["wall_s"], seen_s or 0.0))
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            self.away = None  # learnt anew: the memory is a help, never a condition

    def _remember_end(self, kept: dict[str, Any], seen_s: float) -> None:
        """Another boot: the machine was dark or off. The same boot: this program alone ended."""
        orderly, other_boot, outage = kept["state"] == State.STOPPING.value, kept["boot"] != self._boot, self.report.outage
        if other_boot and not orderly:
            for name in kept["on_battery"]:
                if name in self.batteries:
                    self.batteries[name].error = 0.3  # it went dark where we thought that something was left
        kind = "power_was_out" if (other_boot and not orderly) or (orderly and outage) else "station_was_off" if orderly else "program_restarted"
        began_s = outage.began_s if outage is not None and kind == "power_was_out" else seen_s
        self.away = Away(kind, began_s, seen_s, kept.get("trust", "none") != "none")
        self._was_stopped = orderly if orderly or other_boot else None

    # the picture

    def _paint(self, now_s: float, readings: Readings) -> PowerPicture:
        board = readings.board
        picture = PowerPicture(
            at_s=now_s,
            state=self.state,
            source=self.supply.source,
            source_s=now_s - self.supply.source_since_s,
            upses=tuple(track.view(now_s) for track in self.supply.tracks),
            genset=self._genset_view(now_s, readings),
            host=readings.host if readings.host else HostView(),
            board_mv=Figure(board.supply_mv, 0.0) if board and board.supply_mv is not None else Figure(),
            board_c=Figure(board.temperature_c, 0.0) if board and board.temperature_c is not None else Figure(),
            mains_v=self.supply.mains_figure(now_s, "input_v"),
            mains_hz=self.supply.mains_figure(now_s, "input_hz"),
            draw_w=self.supply.watts(now_s),
            minutes=self._told_minutes(),
            people_left=self._told_people(),
            permissions=PERMISSIONS[self.state],
            sentence=wording.NO_SENTENCE,
            notices=(),
            learnt=all(battery.learnt for battery in self.batteries.values()),
            person_s=self.work.person_s,
            person_measured=self.work.people > 0,
            waiting=self.waiting.people,
            clock=self._wall.trust if self._wall else "none",
        )
        up_s = now_s - (self._began_s or 0.0)
        board_s = up_s if self._board_told_s is None else now_s - self._board_told_s
        notices = wording.notices(picture, self.supply, self.batteries, self.power, up_s, board_s if self._fitted_board else 0.0, self._shown)
        self._shown = frozenset(notice.id for notice in notices)
        return replace(picture, sentence=wording.sentence(picture, up_s, self._stop_why), notices=notices)

    def _genset_view(self, now_s: float, readings: Readings) -> GensetView | None:
        keeper = self.genset
        if keeper is None:
            return None
        test_in_days = keeper.test_in_days(self._wall.wall_s) if self._wall else None
        return wording.genset_view(keeper, readings.genset, now_s, self.work.person_s, test_in_days)
