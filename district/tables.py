"""Questions and changes to the district's tables, one function each; transactions are the caller's (store.py)."""

import struct
from collections.abc import Iterator
from typing import Any

import apsw

from district.verify import Neighbours, Verdict
from protocols.custody.spans import Span, Spans
from protocols.record import Entry, Manifest

_PAIR = struct.Struct("<II")


def one(connection: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
    """First row, or None."""
    return connection.execute(sql, values).fetchone()


def value(connection: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> Any:
    """First column of the first row, None without a row."""
    row = one(connection, sql, values)
    return row[0] if row else None


def neighbours(connection: apsw.Connection, entry: Entry) -> Neighbours:
    """What is kept around an entry that is not kept itself."""
    header = entry.header
    at = "SELECT {} FROM entries WHERE station = ? AND sequence = ? AND main = 1"
    branch = "SELECT 1 FROM entries WHERE hash = ? AND station = ? AND main = 0"
    return Neighbours(
        same_record=isinstance(entry, Manifest) and value(connection, "SELECT 1 FROM entries WHERE record_id = ?", (entry.record_id,)) is not None,
        same_sequence=value(connection, at.format("1"), (header.station, header.sequence)) is not None,
        before=value(connection, at.format("hash"), (header.station, header.sequence - 1)),
        after=value(connection, at.format("previous"), (header.station, header.sequence + 1)),
        branch=value(connection, branch, (header.previous, header.station)) is not None,
    )


def twins(connection: apsw.Connection, station: str, sequence: int, record_id: bytes | None) -> int:
    """How many entries of the station bear that number or that record id."""
    sql = """SELECT count(*) FROM (SELECT hash FROM entries WHERE station = ?1 AND sequence = ?2
             UNION SELECT hash FROM entries WHERE record_id = ?3 AND +station = ?1)"""
    return int(value(connection, sql, (station, sequence, record_id)))


def add_entry(connection: apsw.Connection, entry: Entry, digest: bytes, envelope: bytes, verdict: Verdict, now_s: int, presented: int) -> None:
    header = entry.header
    record_id = entry.record_id if isinstance(entry, Manifest) else None
    waits = isinstance(entry, Manifest) and verdict.content
    connection.execute(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (digest, header.station, header.sequence, header.previous, record_id, int(verdict.main), verdict.outcome, verdict.reason,
         int(not waits), now_s, presented, envelope),
    )
    if isinstance(entry, Manifest) and waits:
        rows = [(digest, index, part.size, part.sha256, b"") for index, part in enumerate(entry.parts)]
        connection.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", rows)


def pack_spans(spans: Spans) -> bytes:
    return b"".join(_PAIR.pack(start, end) for start, end in spans)


def unpack_spans(packed: bytes) -> Spans:
    return Spans(_PAIR.iter_unpack(packed))


def join_sequences(sequences: Iterator[tuple[Any, ...]]) -> list[Span]:
    """Ascending sequence numbers as half-open spans."""
    spans = Spans()
    for (sequence,) in sequences:
        spans.add(sequence, sequence + 1)
    return list(spans)


def missing(connection: apsw.Connection, station: str) -> list[Span]:
    """Numbers that the station must have used, because later ones are here, and that never arrived: half-open spans."""
    sql = """SELECT before + 1, sequence FROM (SELECT sequence, lag(sequence, 1, 0) OVER (ORDER BY sequence) AS before
             FROM entries WHERE station = ? AND main = 1) WHERE sequence > before + 1 ORDER BY sequence"""
    return [(int(first), int(end)) for first, end in connection.execute(sql, (station,))]


def raise_alarm(connection: apsw.Connection, station: str, kind: str, subject: str, detail: str, now_s: int) -> None:
    """Write an alarm down; the same again only counts."""
    connection.execute(
        """INSERT INTO alarms (station, kind, subject, detail, first_s, last_s, count) VALUES (?, ?, ?, ?, ?, ?, 1)
           ON CONFLICT (station, kind, subject) DO UPDATE SET last_s = excluded.last_s, count = count + 1""",
        (station, kind, subject, detail, now_s, now_s),
    )
