"""The power report: outages, voltage quality, energy, genset hours; a row a day and a month, on the page, as CSV, in the health document.

Days are local dates as the station believes them; a wrong clock files a day under a wrong name but loses none. Kept for two months.
Mains that flicker are one outage: it ends when they have been steady. Kept over a cut by whoever keeps `dump`.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import msgspec

from edge.power.picture import Source

DAYS_KEPT = 62
OUTAGES_KEPT = 50
SUMS = (
    "outages", "outage_s", "dark_s", "battery_s", "genset_s", "mains_s", "low_voltage_s", "high_voltage_s", "flicker_s", "volt_s", "volts_known_s",
    "people", "unplanned_stops", "orderly_stops",
)
IN_EVENT = (
    "outages", "outage_s", "longest_outage_s", "dark_s", "genset_s", "low_voltage_s", "high_voltage_s", "flicker_s", "lowest_v", "highest_v", "mean_v",
    "energy_wh", "people", "unplanned_stops", "orderly_stops",
)
"""fifteen, and the day: as many as an event holds"""
INNER = ("volt_s", "volts_known_s", "told")
"""what nobody reads"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of time was like."""

    source: Source
    dt_s: float
    wall_s: float
    watts: float | None = None
    mains_v: float | None = None
    low: bool = False
    high: bool = False
    flickers: bool = False
    steady: bool = True
    """the mains have been there long enough to be believed"""


@dataclass
class Day:
    """Totals of one day; volts and energy None until they were measured."""

    day: str
    outages: int = 0
    outage_s: float = 0.0
    """without mains; the time in which the station itself was dark belongs to it"""
    longest_outage_s: float = 0.0
    dark_s: float = 0.0
    """the station itself had no power, as far as its clock can tell"""
    battery_s: float = 0.0
    genset_s: float = 0.0
    mains_s: float = 0.0
    low_voltage_s: float = 0.0
    high_voltage_s: float = 0.0
    flicker_s: float = 0.0
    lowest_v: float | None = None
    highest_v: float | None = None
    volt_s: float = 0.0
    volts_known_s: float = 0.0
    energy_wh: float | None = None
    """of the time in which the load was told; None until it was"""
    people: int = 0
    unplanned_stops: int = 0
    """the station went dark without an orderly stop"""
    orderly_stops: int = 0
    told: bool = False
    """the district has this day's totals"""

    @property
    def mean_v(self) -> float | None:
        return self.volt_s / self.volts_known_s if self.volts_known_s else None

    @property
    def wh_per_person(self) -> float | None:
        return self.energy_wh / self.people if self.people and self.energy_wh is not None else None

    def row(self) -> dict[str, Any]:
        """For page and CSV: seconds, volts and Wh with one decimal, None where unknown."""
        plain = {name: value for name, value in asdict(self).items() if name not in INNER}
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in (plain | self._derived()).items()}

    def _derived(self) -> dict[str, float | None]:
        return {"mean_v": self.mean_v, "wh_per_person": self.wh_per_person}


@dataclass
class Outage:
    """One time without mains."""

    began_s: float
    """wall time, as the station believed it"""
    s: float = 0.0
    dark_s: float = 0.0
    genset_s: float = 0.0
    ended_s: float | None = None


@dataclass
class Report:
    """Rows by day, and the last outages; the newest may go on."""

    days: dict[str, Day] = field(default_factory=dict)
    outages: list[Outage] = field(default_factory=list)
    today: str = ""
    """the day that was observed last; empty: none yet"""

    @property
    def outage(self) -> Outage | None:
        """The one that goes on."""
        return self.outages[-1] if self.outages and self.outages[-1].ended_s is None else None

    def day(self, name: str) -> Day:
        if name not in self.days:
            self.days[name] = Day(name)
            for old in sorted(self.days)[:-DAYS_KEPT]:
                del self.days[old]
        return self.days[name]

    def observe(self, name: str, stretch: Stretch) -> None:
        """One stretch of the day `name`."""
        row, self.today = self.day(name), name
        row.told = False  # a clock that was set back goes on with a day that was told
        if stretch.watts is not None:
            row.energy_wh = (row.energy_wh or 0.0) + stretch.watts * stretch.dt_s / 3600
        row.flicker_s += stretch.dt_s if stretch.flickers else 0.0
        if stretch.source is Source.MAINS:
            row.mains_s += stretch.dt_s
            if self.outage is not None and stretch.steady:
                self.outage.ended_s = stretch.wall_s
            _voltage(row, stretch)
        elif stretch.source is not Source.UNKNOWN:
            self._without_mains(row, stretch)

    def _without_mains(self, row: Day, stretch: Stretch) -> None:
        outage = self.outage or self._begin(row, stretch.wall_s)
        outage.s += stretch.dt_s
        row.outage_s += stretch.dt_s
        row.longest_outage_s = max(row.longest_outage_s, outage.s)
        if stretch.source is Source.GENSET:
            row.genset_s += stretch.dt_s
            outage.genset_s += stretch.dt_s
        else:
            row.battery_s += stretch.dt_s

    def _begin(self, row: Day, wall_s: float) -> Outage:
        row.outages += 1
        outage = Outage(wall_s)
        self.outages = [*self.outages[1 - OUTAGES_KEPT :], outage]
        return outage

    def was_dark(self, name: str, dark_s: float | None, *, orderly: bool) -> None:
        """The station is back, after `dark_s` seconds (None: its clock cannot tell) without power or after a stop."""
        row = self.day(name)
        row.orderly_stops += orderly
        row.unplanned_stops += not orderly
        outage = self.outage
        if dark_s is None or (orderly and outage is None):
            return
        row.dark_s += dark_s
        if outage is not None:
            outage.s += dark_s
            outage.dark_s += dark_s
            row.outage_s += dark_s
            row.longest_outage_s = max(row.longest_outage_s, outage.s)

    def untold(self, today: str) -> list[str]:
        """Days that are over, or that a wrong clock named, and of which the district has no totals yet: each is named once."""
        over = [name for name, row in self.days.items() if name != today and not row.told]
        for name in over:
            self.days[name].told = True
        return sorted(over)

    def months(self) -> list[Day]:
        """The days summed by month (YYYY-MM), oldest first."""
        totals: dict[str, Day] = {}
        for name in sorted(self.days):
            _add(totals.setdefault(name[:7], Day(name[:7])), self.days[name])
        return list(totals.values())

    def dump(self) -> dict[str, Any]:
        """For msgspec, which writes dataclasses as they are."""
        return {"days": list(self.days.values()), "outages": self.outages}

    def restore(self, kept: dict[str, Any]) -> None:
        """Raises msgspec.ValidationError; what is new since then begins at nothing."""
        self.days = {row.day: row for row in msgspec.convert(kept["days"], list[Day])}
        self.outages = msgspec.convert(kept.get("outages", []), list[Outage])

    def for_health(self) -> dict[str, Any]:
        """Yesterday's and today's totals in few bytes (the whole health document stays under 1 KB)."""
        names = [name for name in sorted(self.days) if not self.today or name <= self.today]
        return {name: totals(self.days[name]) for name in names[-2:]}


def day_event(row: Day) -> dict[str, bool | int | str]:
    """A day's totals as the detail of a ledger event: whole seconds, volts and Wh; what is unknown is left out."""
    named = {name: value for name, value in row.row().items() if name in IN_EVENT and value is not None}
    return {"day": row.day, **{name: round(value) for name, value in named.items()}}


def totals(row: Day) -> list[int | None]:
    """Outages, their seconds, seconds on the genset, Wh, people, lowest and highest volts, seconds of low voltage, unplanned stops."""
    wh, *volts = [None if value is None else round(value) for value in (row.energy_wh, row.lowest_v, row.highest_v)]
    return [row.outages, round(row.outage_s), round(row.genset_s), wh, row.people, *volts, round(row.low_voltage_s), row.unplanned_stops]


def _voltage(row: Day, stretch: Stretch) -> None:
    volts = stretch.mains_v
    if volts is None:
        return
    row.lowest_v = volts if row.lowest_v is None else min(row.lowest_v, volts)
    row.highest_v = volts if row.highest_v is None else max(row.highest_v, volts)
    row.volt_s += volts * stretch.dt_s
    row.volts_known_s += stretch.dt_s
    row.low_voltage_s += stretch.dt_s if stretch.low else 0.0
    row.high_voltage_s += stretch.dt_s if stretch.high else 0.0


def _add(total: Day, row: Day) -> None:
    for name in SUMS:
        setattr(total, name, getattr(total, name) + getattr(row, name))
    if row.energy_wh is not None:
        total.energy_wh = (total.energy_wh or 0.0) + row.energy_wh
    total.longest_outage_s = max(total.longest_outage_s, row.longest_outage_s)
    total.lowest_v = min((v for v in (total.lowest_v, row.lowest_v) if v is not None), default=None)
    total.highest_v = max((v for v in (total.highest_v, row.highest_v) if v is not None), default=None)


def to_csv(rows: Sequence[Day]) -> str:
    """One line a day or month, with mean voltage and energy per person at the end; unknown figures are empty."""
    text = io.StringIO()
    names = [each.name for each in fields(Day) if each.name not in INNER]
    writer = csv.DictWriter(text, [*names, "mean_v", "wh_per_person"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.row() for row in rows)
    return text.getvalue()
