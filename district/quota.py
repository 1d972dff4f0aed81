"""How much of a day's work one station may deliver: a station that runs wild, or a stolen key, fills its own day, not
every day's. The disk must have room for it: records times `verify.RECORD_BYTES_MAX` at worst.
"""

from collections import Counter
from dataclasses import dataclass

import apsw

from district import tables
from district.verify import Refusal
from protocols.record import Entry, Manifest

DAY_S = 86_400
RECORDS = "SELECT count(*) FROM entries WHERE station = ? AND received_s >= ? AND received_s < ? AND record_id IS NOT NULL"
EVENTS = "SELECT count(*) FROM entries WHERE station = ? AND received_s >= ? AND received_s < ? AND record_id IS NULL"
"""of one day only: a clock that was ahead for a while fills its own day"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one station in a day (UTC)."""

    records_day: int = 1000
    events_day: int = 20_000


class Quota:
    """Counts what the open batch and the table hold of today. The table is asked once a station and day."""

    def __init__(self, connection: apsw.Connection, limits: Limits) -> None:
        self._connection, self._limits = connection, limits
        self._day_s = 0
        self._counts: Counter[tuple[str, bool]] = Counter()

    def check(self, station: str, entry: Entry, now_s: int) -> None:
        """(9) Count one more entry. Raises Refusal: not today; it stays in its station's custody."""
        record = isinstance(entry, Manifest)
        limit = self._limits.records_day if record else self._limits.events_day
        if self._count(station, record, now_s // DAY_S * DAY_S) >= limit:
            raise Refusal("quota" if record else "quota_events")
        self._counts[station, record] += 1

    def forget(self) -> None:
        """The batch is undone."""
        self._counts.clear()

    def _count(self, station: str, record: bool, day_s: int) -> int:
        if day_s != self._day_s:
            self._day_s = day_s
            self._counts.clear()
        if (station, record) not in self._counts:
            self._counts[station, record] = tables.value(self._connection, RECORDS if record else EVENTS, (station, day_s, day_s + DAY_S))
        return self._counts[station, record]
