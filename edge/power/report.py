"""The power report: outages, voltage quality, energy, genset hours; a row a day, on the page, as CSV and in the health document.

Days are local dates as the station believes them; a wrong clock files a day under a wrong name but loses none. Kept for two months.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from edge.power.picture import Source

DAYS_KEPT = 62


@dataclass
class Day:
    """Totals of one day; volts None until the mains were measured."""

    day: str
    outages: int = 0
    outage_s: float = 0.0
    longest_outage_s: float = 0.0
    battery_s: float = 0.0
    genset_s: float = 0.0
    mains_s: float = 0.0
    low_voltage_s: float = 0.0
    lowest_v: float | None = None
    highest_v: float | None = None
    energy_wh: float = 0.0
    people: int = 0
    unplanned_stops: int = 0
    """the station went dark without an orderly stop"""

    @property
    def wh_per_person(self) -> float | None:
        return self.energy_wh / self.people if self.people else None


@dataclass
class Report:
    """Rows by day, and the outage under way."""

    days: dict[str, Day] = field(default_factory=dict)
    outage_began_wall_s: float | None = None
    _outage_s: float = 0.0

    def day(self, name: str) -> Day:
        if name not in self.days:
            self.days[name] = Day(name)
            for old in sorted(self.days)[:-DAYS_KEPT]:
                del self.days[old]
        return self.days[name]

    def observe(self, name: str, wall_s: float, source: Source, dt_s: float, watts: float | None, mains_v: float | None, low_v: float) -> None:
        """One stretch of `dt_s`."""
        row = self.day(name)
        row.energy_wh += (watts or 0.0) * dt_s / 3600
        if source is Source.MAINS:
            row.mains_s += dt_s
            self.outage_began_wall_s, self._outage_s = None, 0.0
            self._voltage(row, mains_v, dt_s, low_v)
        elif source is not Source.UNKNOWN:
            self._outage(row, wall_s, source, dt_s)

    def _voltage(self, row: Day, mains_v: float | None, dt_s: float, low_v: float) -> None:
        if mains_v is None:
            return
        row.lowest_v = mains_v if row.lowest_v is None else min(row.lowest_v, mains_v)
        row.highest_v = mains_v if row.highest_v is None else max(row.highest_v, mains_v)
        row.low_voltage_s += dt_s if mains_v < low_v else 0.0

    def _outage(self, row: Day, wall_s: float, source: Source, dt_s: float) -> None:
        if self.outage_began_wall_s is None:
            self.outage_began_wall_s = wall_s
            row.outages += 1
        self._outage_s += dt_s
        row.outage_s += dt_s
        row.longest_outage_s = max(row.longest_outage_s, self._outage_s)
        if source is Source.GENSET:
            row.genset_s += dt_s
        else:
            row.battery_s += dt_s

    def months(self) -> dict[str, Day]:
        """The days summed by month (YYYY-MM)."""
        totals: dict[str, Day] = {}
        for row in self.days.values():
            _add(totals.setdefault(row.day[:7], Day(row.day[:7])), row)
        return totals

    def dump(self) -> dict[str, Any]:
        """For msgspec, which writes dataclasses as they are."""
        return {"days": list(self.days.values()), "outage_began": self.outage_began_wall_s}

    def restore(self, kept: dict[str, Any]) -> None:
        self.days = {row["day"]: Day(**row) for row in kept.get("days", [])}
        self.outage_began_wall_s = kept.get("outage_began")

    def for_health(self) -> dict[str, Any]:
        """Yesterday's and today's totals in few bytes (the whole health document stays under 1 KB)."""
        recent = [self.days[name] for name in sorted(self.days)[-2:]]
        return {row.day: [row.outages, round(row.outage_s), round(row.genset_s), round(row.energy_wh), row.people] for row in recent}


def _add(total: Day, row: Day) -> None:
    for name in ("outages", "outage_s", "battery_s", "genset_s", "mains_s", "low_voltage_s", "energy_wh", "people", "unplanned_stops"):
        setattr(total, name, getattr(total, name) + getattr(row, name))
    total.longest_outage_s = max(total.longest_outage_s, row.longest_outage_s)
    total.lowest_v = min((v for v in (total.lowest_v, row.lowest_v) if v is not None), default=None)
    total.highest_v = max((v for v in (total.highest_v, row.highest_v) if v is not None), default=None)


def to_csv(rows: Sequence[Day]) -> str:
    """One line a day, with energy per person at the end; unknown figures are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [each.name for each in fields(Day)]
    writer.writerow([*names, "wh_per_person"])
    for row in rows:
        cells = [getattr(row, name) for name in names]
        writer.writerow([_cell(cell) for cell in (*cells, row.wh_per_person)])
    return text.getvalue()


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)
