"""What the station knows of its power at one instant: immutable, and honest.

Unknown is None, never zero; every figure carries its age. Built by `watch.py`; the operator page, the uplink and the power report
read it. Not here: how the figures came (drivers) and what follows from them (policy).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Source(StrEnum):
    """Where the station's power comes from."""

    MAINS = "mains"
    BATTERY = "battery"
    GENSET = "genset"
    UNKNOWN = "unknown"


class State(StrEnum):
    """How the station works with what it has (policy.py)."""

    NORMAL = "normal"
    ON_BATTERY = "on_battery"
    CONSERVE = "conserve"
    FINISH_ONLY = "finish_only"
    STOPPING = "stopping"
    ON_GENSET = "on_genset"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value with its age; `value` None is unknown."""

    value: float | None = None
    age_s: float | None = None

    @property
    def known(self) -> bool:
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Minutes:
    """Time left on battery: likely value with its band."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class UpsView:
    """One UPS; all figures are of its last answer."""

    name: str
    status: frozenset[str]
    stale_s: float | None
    """seconds since it last told something; None: never"""
    charge_percent: Figure
    runtime_s: Figure
    load_w: Figure
    input_v: Figure
    input_hz: Figure
    battery_v: Figure

    on_battery: bool | None = None
    """None while it told neither"""
    calibrates: bool = False
    """empties its battery on purpose"""


@dataclass(frozen=True, slots=True)
class GensetView:
    """The genset and what the station wants of it."""

    plan: str
    """state of genset_plan.Plan"""
    code: str
    """message id: safe to use, or why not"""
    volts: Figure
    hz: Figure
    rpm: Figure
    fuel_percent: Figure
    fuel_hours: float | None
    fuel_people: int | None
    """how many enrolments the fuel is good for"""
    oil_kpa: Figure
    coolant_c: Figure
    run_hours: Figure
    service_in_h: float | None
    alarms: tuple[str, ...]
    failures: int = 0
    """starts that failed in a row"""
    test_in_days: float | None = None
    age_s: float | None = None
    """of the controller's last answer"""
    hand: str | None = None
    """message id about a start or a stop by hand that still counts"""
    hand_minutes: int = 0
    """for so long"""
    service_due: bool = False
    """soon, or already late"""


@dataclass(frozen=True, slots=True)
class HostView:
    """The Pi itself."""

    under_voltage: bool | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class Permissions:
    """What may be done now; the procedure asks before it starts anything."""

    next_person: bool
    next_step: bool
    lamp_percent: int
    screen_percent: int
    sending: Literal["all", "small", "none"]
    """small: manifests, events, receipts, and urgent records whole"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence for the operator."""

    id: str
    level: str
    """info, warn, alarm"""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PowerPicture:
    """The whole."""

    at_s: float
    """monotonic seconds"""
    state: State
    source: Source
    source_s: float
    """how long the source has been so"""
    upses: tuple[UpsView, ...]
    genset: GensetView | None
    host: HostView
    board_mv: Figure
    board_c: Figure
    mains_v: Figure
    mains_hz: Figure
    draw_w: float | None
    minutes: Minutes | None
    """None: unknown"""
    people_left: int | None
    permissions: Permissions
    sentence: Notice
    """the one line for every screen"""
    notices: tuple[Notice, ...]
    learnt: bool = False
    """minutes and their range come from discharges that were measured here"""
    person_s: float = 0.0
    """what one enrolment takes at this station"""
    person_measured: bool = False
    waiting: int | None = None
    """people who still wait"""
    clock: str = "none"
    """trust in the date"""

    def for_page(self) -> dict[str, Any]:
        """What the operator page gets (JSON)."""
        minutes = self.minutes
        return {
            "state": self.state.value,
            "source": self.source.value,
            "minutes": None if minutes is None else int(minutes.likely),
            "minutes_low": None if minutes is None else int(minutes.low),
            "minutes_high": None if minutes is None else int(minutes.high),
            "people_left": self.people_left,
            "learnt": self.learnt,
            "person_minutes": round(self.person_s / 60, 1),
            "person_measured": self.person_measured,
            "waiting": self.waiting,
            "clock": self.clock,
            "sentence": {"id": self.sentence.id, "values": dict(self.sentence.values)},
            "notices": [{"id": notice.id, "level": notice.level, "values": dict(notice.values)} for notice in self.notices],
            "screen_percent": self.permissions.screen_percent,
            "lamp_percent": self.permissions.lamp_percent,
            "genset": None if self.genset is None else self._genset_for_page(self.genset),
        }

    def _genset_for_page(self, genset: GensetView) -> dict[str, Any]:
        return {
            "plan": genset.plan,
            "code": genset.code,
            "volts": genset.volts.value,
            "hz": genset.hz.value,
            "fuel_percent": genset.fuel_percent.value,
            "fuel_hours": None if genset.fuel_hours is None else round(genset.fuel_hours, 1),
            "fuel_people": genset.fuel_people,
            "service_in_h": genset.service_in_h,
            "service_due": genset.service_due,
            "alarms": list(genset.alarms),
            "failures": genset.failures,
            "hand": genset.hand,
            "hand_minutes": genset.hand_minutes,
            "test_in_days": None if genset.test_in_days is None else round(genset.test_in_days, 1),
        }
