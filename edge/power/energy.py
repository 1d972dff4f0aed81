"""What the station draws, what its batteries hold, and so how long and for how many people it will last. Pure arithmetic, no clock.

Three learners, each corrected by what really happens:

- `Draw`: watts by activity (idle, preview, capture, print, send), from the UPS's load figure.
- `Battery`: a discharge seen as ten slices of reported charge (100-90 %, 90-80 % ...). Each slice learns how many watt-hours at the
  UPS's output it really gives. Charge by voltage is not linear and a battery ages: the slices hold both at once.
- `Work`: watt-hours and seconds that one enrolment takes here.

A battery's lowest slice is never counted: the UPS's own low-battery flag comes there.
"""

from dataclasses import dataclass, field
from typing import Any

from edge.power.charging import Charging
from edge.power.picture import Minutes

FIRST_GUESS_W = {"idle": 70.0, "preview": 85.0, "capture": 95.0, "print": 110.0, "send": 75.0}
"""measured nowhere yet: a Pi 5 with screen, two cameras and scanner at rest draws about 25 W, the office's lamp and router the rest"""
SLICES = 10
RESERVE_SLICES = 1
UNLEARNT_SHARE = 0.7
"""trust in the name plate before the first discharge: lead batteries in the field are rarely new"""
UNLEARNT_BAND = 0.4
LEAST_BAND = 0.1
SETTLE_S = 30.0
"""a lead battery's voltage falls at once under load and then steadies"""
TOP_SLACK = 1.0
"""percent: charge is told in whole ones"""
FALL = 0.85
"""a lead battery's voltage falls faster towards the end, so each lower slice of reported charge holds less"""
LEARNT_SLICES = 5
LIGHT_W = 40.0
"""below, voltage hardly falls and the UPS's own draw weighs more than the load: nothing is learnt from such a discharge"""
OWN_DRAW_W = 8.0
"""what a small line-interactive UPS takes for itself from its battery (no-load figures of data sheets: 5 to 15 W)"""
LEARN = 0.4
"""weight of the newest discharge: follows ageing within a few, forgives one odd reading"""
DRAW_TAU_S = 240.0
RECENT_TAU_S = 600.0
"""long enough to hold the mix of one or two enrolments"""
PRESENT_TAU_S = 60.0
CHANGED = 1.45
"""ratio of present to recent draw that no mix of activities explains: lamps switched, a heater plugged in"""
SUDDEN, SUDDEN_S = 2.5, 10.0
"""opening or closing: such a ratio for so long needs no averaging"""


def blend(old: float | None, new: float, weight: float) -> float:
    """Exponential mean that starts at its first value."""
    return new if old is None else old + weight * (new - old)


@dataclass
class Draw:
    """Watts by what the station is doing."""

    by_activity: dict[str, float] = field(default_factory=dict)
    recent_w: float | None = None
    present_w: float | None = None
    sudden_s: float = 0.0

    def observe(self, activity: str, watts: float, dt_s: float) -> None:
        self.by_activity[activity] = blend(self.by_activity.get(activity), watts, min(1.0, dt_s / DRAW_TAU_S))
        self.recent_w = blend(self.recent_w, watts, min(1.0, dt_s / RECENT_TAU_S))
        self.present_w = blend(self.present_w, watts, min(1.0, dt_s / PRESENT_TAU_S))
        self.sudden_s = self.sudden_s + dt_s if _ratio(watts, self.recent_w) > SUDDEN else 0.0
        if self.sudden_s >= SUDDEN_S:
            self.present_w = watts
        if _ratio(self.present_w, self.recent_w) > CHANGED:
            self.recent_w = self.present_w

    def watts(self, activity: str) -> float:
        """Learnt, else a first guess."""
        return self.by_activity.get(activity, FIRST_GUESS_W.get(activity, FIRST_GUESS_W["capture"]))

    def expected_w(self, activity: str) -> float:
        """What the next minutes will draw: the recent mean, which holds the mix of activities."""
        return self.recent_w if self.recent_w is not None else self.watts(activity)


def _ratio(one_w: float, other_w: float) -> float:
    """Of the larger to the smaller."""
    low_w, high_w = sorted((max(1.0, one_w), max(1.0, other_w)))
    return high_w / low_w


@dataclass
class Discharge:
    """One discharge under way."""

    seconds: float = 0.0
    slice: int | None = None
    """index of the slice it is in, 9 on top; None while the voltage settles"""
    slice_wh: float = 0.0
    """drawn from that slice"""
    whole: bool = False
    """the slice was entered at its upper end, so what it gives can be learnt"""
    wh: float = 0.0
    """drawn since it began"""
    percent: float | None = None
    """last reported, once the voltage had settled"""


@dataclass
class Battery:
    """One UPS's battery."""

    nominal_wh: float
    slices_wh: list[float | None] = field(default_factory=lambda: [None] * SLICES)
    error: float | None = None
    """mean relative surprise of the slices"""
    top_percent: float = 100.0
    """what it reports when full and loaded: less than 100, because the voltage falls under load"""
    discharge: Discharge | None = None
    charging: Charging = field(default_factory=Charging)

    @property
    def learnt(self) -> bool:
        return sum(wh is not None for wh in self.slices_wh) >= LEARNT_SLICES

    @property
    def health_percent(self) -> float | None:
        """Of the name plate, by the slices that are learnt; None before a deep discharge."""
        known = [wh for wh in self.slices_wh if wh is not None]
        return 100 * sum(known) / len(known) / self.share_wh if self.learnt else None

    @property
    def band(self) -> float:
        """Relative half-width of the estimate."""
        if not self.learnt or self.error is None:
            return UNLEARNT_BAND
        return min(UNLEARNT_BAND, max(LEAST_BAND, 1.5 * self.error))

    def slice_of(self, index: int) -> float:
        """Watt-hours of one slice: learnt, else guessed from the nearest learnt one above it, and never more than the name plate."""
        known = self.slices_wh[index]
        if known is not None:
            return known
        for above in range(index + 1, SLICES - 1):  # the topmost is never whole: loaded, the charge begins below 100
            wh = self.slices_wh[above]
            if wh is not None:
                return float(min(wh, self.share_wh) * FALL ** (above - index))
        return self.share_wh * UNLEARNT_SHARE

    @property
    def share_wh(self) -> float:
        """One slice by the name plate."""
        return self.nominal_wh / SLICES

    @property
    def whole_wh(self) -> float:
        """Of a full battery, above the reserve."""
        return sum(self.slice_of(at) for at in range(RESERVE_SLICES, SLICES))

    def on_battery(self, percent: float | None, watts: float, dt_s: float) -> None:
        """One stretch of discharge; percent None: the charge is unknown, only the energy is counted."""
        if self.discharge is None:
            self.discharge = Discharge()
        discharge = self.discharge
        discharge.seconds += dt_s
        wh = (watts + OWN_DRAW_W) * dt_s / 3600
        discharge.slice_wh += wh
        discharge.wh += wh
        if percent is not None and discharge.seconds >= SETTLE_S:
            self._follow(discharge, percent, watts)

    def _follow(self, discharge: Discharge, percent: float, watts: float) -> None:
        if watts < LIGHT_W:
            discharge.slice, discharge.whole = None, False
            return
        index = min(SLICES - 1, int(percent / (100 / SLICES)))
        discharge.percent = percent
        if discharge.slice is None:
            discharge.slice = index
            discharge.whole = self._settled_at_top(percent)
            if not discharge.whole:
                discharge.slice_wh = 0.0
            self.charging.found(self._and(discharge.wh, percent), full=discharge.whole, whole_wh=self.whole_wh)
        elif index < discharge.slice:
            self._leave(discharge, index, percent)

    def _settled_at_top(self, percent: float) -> bool:
        """Was it full? Learns what full looks like under load."""
        first = self.top_percent == 100.0 and percent >= 100.0 - 100.0 / SLICES
        if first or percent > self.top_percent:
            self.top_percent = percent
        return percent >= self.top_percent - TOP_SLACK

    def _leave(self, discharge: Discharge, index: int, percent: float) -> None:
        assert discharge.slice is not None
        if discharge.whole:
            self._learn(discharge.slice, discharge.slice_wh)
            for skipped in range(index + 1, discharge.slice):
                self._learn(skipped, 0.0)
        discharge.slice, discharge.whole, discharge.slice_wh = index, True, 0.0

    def _learn(self, index: int, wh: float) -> None:
        if self.slices_wh[index] is not None:
            expected = max(1.0, self.slice_of(index))
            self.error = blend(self.error, min(1.0, abs(wh - expected) / expected), 0.3)
        elif self.error is None:
            self.error = 0.15
        self.slices_wh[index] = blend(self.slices_wh[index], wh, LEARN)

    def died(self) -> None:
        """It went low or dark here: nothing was left below, whatever it reported."""
        discharge = self.discharge
        if discharge is not None and discharge.slice is not None and discharge.slice >= RESERVE_SLICES:
            if discharge.whole:
                self._learn(discharge.slice, discharge.slice_wh)
            for below in range(discharge.slice):
                self._learn(below, 0.0)
        self.end()

    def end(self) -> None:
        discharge = self.discharge
        if discharge is not None and discharge.percent is not None:
            self.charging.begins(self.left_wh(discharge.percent))
        elif discharge is not None:
            self.charging.drawn(discharge.wh)
        self.discharge = None

    def on_mains(self, dt_s: float, *, charges: bool) -> None:
        """One stretch without discharge; charges: the UPS freshly says that mains feed it, and nothing that speaks against a charge."""
        self.end()
        if charges:
            self.charging.seconds += dt_s
        else:
            self.charging.forget()

    def _and(self, wh: float, percent: float) -> float | None:
        left_wh = self.left_wh(percent)
        return None if left_wh is None else left_wh + wh

    def left_wh(self, percent: float | None) -> float | None:
        """Usable watt-hours above the reserve; None when the charge is unknown."""
        if percent is None:
            return None
        index = min(SLICES - 1, int(percent / (100 / SLICES)))
        discharge = self.discharge
        if discharge is not None and discharge.slice is not None:
            index = min(index, discharge.slice)
        below = sum(self.slice_of(at) for at in range(RESERVE_SLICES, index))
        return below + (self._left_of_slice(index, percent) if index >= RESERVE_SLICES else 0.0)

    def to_reserve_wh(self, percent: float | None) -> float:
        """What must be charged before anything counts: the rest of the lowest slice."""
        share = 1.0 if percent is None else max(0.0, 1 - percent / (100 / SLICES))
        return self.slice_of(0) * share

    def _left_of_slice(self, index: int, percent: float) -> float:
        """By the reported charge, and never more than what was not yet drawn from it."""
        whole, floor = self.slice_of(index), index * 100 / SLICES
        top = min(self.top_percent, (index + 1) * 100 / SLICES)
        by_charge = whole * max(0.0, min(1.0, (percent - floor) / max(1.0, top - floor)))
        discharge = self.discharge
        if discharge is None or discharge.slice != index or not discharge.whole:
            return by_charge
        return min(by_charge, max(0.0, whole - discharge.slice_wh))

    def minutes(self, percent: float | None, watts: float) -> Minutes | None:
        """Time left at a draw of `watts`; None when unknown."""
        left_wh = self.left_wh(percent)
        if left_wh is None or watts <= 0:
            return None
        likely = 60 * left_wh / (watts + OWN_DRAW_W)
        return Minutes(low=likely * (1 - self.band), likely=likely, high=likely * (1 + self.band))


@dataclass
class Work:
    """What one enrolment takes at this station."""

    person_s: float = 240.0
    """3 to 5 minutes are normal (field figures)"""
    person_wh: float | None = None
    people: int = 0

    def done(self, seconds: float, wh: float | None) -> None:
        self.people += 1
        self.person_s = blend(self.person_s, seconds, 0.2)
        if wh is not None and wh > 0:
            self.person_wh = blend(self.person_wh, wh, 0.2)

    def people_left(self, minutes: Minutes | None, reserve_minutes: float) -> int | None:
        """How many whole enrolments fit before the reserve for an orderly stop, by the careful end of the estimate."""
        if minutes is None:
            return None
        return max(0, int((minutes.low - reserve_minutes) * 60 / self.person_s))


def dump(batteries: dict[str, Battery], draw: Draw, work: Work) -> dict[str, Any]:
    """What is worth keeping over a restart."""
    kept = {
        name: {"slices_wh": battery.slices_wh, "error": battery.error, "top": battery.top_percent, "charge_w": battery.charging.watts}
        for name, battery in batteries.items()
    }
    return {"batteries": kept, "draw": draw.by_activity, "recent_w": draw.recent_w, "work": [work.person_s, work.person_wh, work.people]}


def restore(kept: dict[str, Any], batteries: dict[str, Battery], draw: Draw, work: Work) -> None:
    """The way back; batteries that are no longer fitted are forgotten."""
    for name, battery in batteries.items():
        found = kept.get("batteries", {}).get(name)
        if found and len(found["slices_wh"]) == SLICES:
            battery.slices_wh, battery.error, battery.top_percent = list(found["slices_wh"]), found["error"], found["top"]
            battery.charging.watts = found.get("charge_w")
    draw.by_activity.update(kept.get("draw", {}))
    draw.recent_w = kept.get("recent_w", draw.recent_w)
    work.person_s, work.person_wh, work.people = kept.get("work", [work.person_s, work.person_wh, work.people])
