"""What the page and the JSON addresses show, asked from the tables. Reads only; runs in the store's thread."""

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any

import apsw

from district import tables
from district.keys import Problem
from protocols.record import ENTRY_BYTES_MAX, LedgerEvent, Manifest, decode_entry
from protocols.sealing import parse1

RECORDS_MAX = 500
ALARMS_MAX = 200
EVENTS_MAX = 200
POWER_DAYS_MAX = 400
EVENTS_READ = 5000
"""so many of the newest are looked through for those of a kind"""
DAY_S = 86_400
STATES = {
    "all": "1", "stored": "settled = 1 AND outcome = 'stored'", "waiting": "settled = 0",
    "held": "settled = 1 AND outcome IN ('quarantined', 'rejected')",
}


def summary(connection: apsw.Connection, now_s: int) -> dict[str, int]:
    """Counts for the first line of the page."""
    counts = dict(connection.execute("SELECT outcome, count(*) FROM entries WHERE record_id IS NOT NULL AND settled = 1 GROUP BY outcome"))
    today_s = now_s // DAY_S * DAY_S
    return {
        "stored": counts.get("stored", 0), "quarantined": counts.get("quarantined", 0), "rejected": counts.get("rejected", 0),
        "waiting": tables.value(connection, "SELECT count(*) FROM entries WHERE settled = 0"),
        "today": tables.value(connection, "SELECT count(*) FROM entries WHERE record_id IS NOT NULL AND settled = 1 AND received_s >= ?", (today_s,)),
        "alarms": tables.value(connection, "SELECT count(*) FROM alarms"),
        "receipts": tables.value(connection, "SELECT count(*) FROM receipts"),
    }


def records(connection: apsw.Connection, limit: int = 100, before: int | None = None, state: str = "all") -> list[dict[str, Any]]:
    """Newest first; `before` is the `number` of the last one already shown. Raises ValueError for a state that there is not."""
    if state not in STATES:
        raise ValueError(f"state is one of {', '.join(STATES)}")
    sql = """SELECT rowid, station, sequence, record_id, settled, outcome, reason, received_s, envelope, hash FROM entries
             WHERE record_id IS NOT NULL AND rowid < ? AND {} ORDER BY rowid DESC LIMIT ?"""
    rows = connection.execute(sql.format(STATES[state]), (before if before is not None else 2**62, max(1, min(limit, RECORDS_MAX))))
    return [_record(connection, row) for row in rows]


def _record(connection: apsw.Connection, row: tuple[Any, ...]) -> dict[str, Any]:
    number, station, sequence, record_id, settled, outcome, reason, received_s, envelope, digest = row
    manifest = decode_entry(parse1(envelope, ENTRY_BYTES_MAX).payload)
    assert isinstance(manifest, Manifest), "rows with a record id hold manifests"
    size = sum(part.size for part in manifest.parts)
    return {
        "number": number, "station": station, "sequence": sequence, "record_id": record_id.hex(), "register": manifest.register,
        "state": outcome if settled else "waiting", "reason": reason, "received_s": received_s, "parts": len(manifest.parts), "bytes": size,
        "bytes_here": size if settled else _bytes_here(connection, digest), "urgent": manifest.urgent, "recapture": manifest.recapture,
        "exceptions": [{"kind": one.kind, "position": one.position, "reason": one.reason} for one in manifest.exceptions],
        "duration_s": round(sum(step.duration_ms for step in manifest.steps) / 1000, 1), "power_source": manifest.power_source,
    }


def quarantine(connection: apsw.Connection) -> list[dict[str, Any]]:
    """What an officer may decide on or has decided: quarantined records, and those whose content does not come. Newest first."""
    sql = """SELECT rowid, station, sequence, record_id, settled, outcome, reason, received_s, envelope, hash FROM entries
             WHERE record_id IS NOT NULL AND (settled = 0 OR outcome = 'quarantined' OR reason IN ('released', 'discarded'))
             ORDER BY rowid DESC LIMIT ?"""
    decided = "SELECT officer FROM receipts WHERE hash = ? ORDER BY district_sequence DESC LIMIT 1"
    rows: list[tuple[Any, ...]] = connection.execute(sql, (RECORDS_MAX,)).fetchall()
    return [{**_record(connection, row), "entry": row[-1].hex(), "officer": tables.value(connection, decided, (row[-1],)) or ""} for row in rows]


def _bytes_here(connection: apsw.Connection, digest: bytes) -> int:
    return sum(tables.unpack_spans(spans).total() for (spans,) in connection.execute("SELECT spans FROM parts WHERE hash = ?", (digest,)))


def stations(connection: apsw.Connection, certified: list[str]) -> list[dict[str, Any]]:
    """Every station with a certificate or with entries, by name."""
    sql = """SELECT station, max(sequence) FILTER (WHERE main = 1), max(received_s),
                    count(*) FILTER (WHERE record_id IS NOT NULL AND settled = 1 AND outcome = 'stored'),
                    count(*) FILTER (WHERE settled = 0), count(*) FILTER (WHERE outcome = 'quarantined')
             FROM entries GROUP BY station"""
    found = {row[0]: row[1:] for row in connection.execute(sql)}
    return [_station(connection, name, name in certified, found.get(name, (0, None, 0, 0, 0))) for name in sorted({*found, *certified})]


def _station(connection: apsw.Connection, name: str, certified: bool, row: tuple[Any, ...]) -> dict[str, Any]:
    last, heard_s, stored, waiting, quarantined = row
    return {
        "station": name, "certified": certified, "last_sequence": last or 0, "last_entry_s": heard_s, "stored": stored, "waiting": waiting,
        "quarantined": quarantined, "missing": [[first, end - 1] for first, end in tables.missing(connection, name)],
    }


def events(connection: apsw.Connection, names: Collection[str] = (), limit: int = EVENTS_MAX) -> list[dict[str, Any]]:
    """What stations told about themselves in their ledgers (starts, log-ins, faults, ...), newest first; with `names` only those."""
    sql = "SELECT station, sequence, received_s, envelope FROM entries WHERE record_id IS NULL ORDER BY rowid DESC LIMIT ?"
    found = (_event(*row) for row in connection.execute(sql, (EVENTS_READ if names else limit,)))
    return list(islice((event for event in found if not names or event["event"] in names), limit))


def power_days(connection: apsw.Connection) -> list[dict[str, Any]]:
    """Daily totals of each station's supply as it told them, newest day first (edge/power/report.py names the fields)."""
    days: dict[tuple[Any, Any], dict[str, Any]] = {}
    for event in events(connection, ("power_day",), EVENTS_READ):
        days.setdefault((event["detail"].get("day"), event["station"]), {"station": event["station"], **event["detail"]})
    return [days[key] for key in sorted(days, key=str, reverse=True)][:POWER_DAYS_MAX]


def _event(station: str, sequence: int, received_s: int, envelope: bytes) -> dict[str, Any]:
    event = decode_entry(parse1(envelope, ENTRY_BYTES_MAX).payload)
    assert isinstance(event, LedgerEvent), "rows without a record id hold events"
    return {"station": station, "sequence": sequence, "received_s": received_s, "event": event.event, "detail": event.detail, "wall_s": event.header.wall_s}


def unheard(problems: Iterable[Problem], now_s: int) -> list[dict[str, Any]]:
    """As alarms: stations whose data nobody takes in at this moment."""
    return [{**problem._asdict(), "subject": "", "first_s": now_s, "last_s": now_s, "count": 1} for problem in problems]


def alarms(connection: apsw.Connection) -> list[dict[str, Any]]:
    """Newest first."""
    sql = "SELECT station, kind, subject, detail, first_s, last_s, count FROM alarms ORDER BY last_s DESC, id DESC LIMIT ?"
    names = ("station", "kind", "subject", "detail", "first_s", "last_s", "count")
    return [dict(zip(names, row, strict=True)) for row in connection.execute(sql, (ALARMS_MAX,))]
