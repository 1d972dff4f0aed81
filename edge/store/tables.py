"""Rows of the store's tables, read and written through a connection that the caller has a transaction on."""

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import msgspec

from edge.errors import StoreError
from edge.store.values import SealedPart
from protocols.record import PartRef

Row = tuple[Any, ...]
"""column types are fixed by the STRICT tables of the schema"""
GUARDED = {
    "head": ("id", "id, sequence, hash"),
    "record": ("number", "number, record_id"),
    "enrolment": ("record", "id, record, ticket, roster_row, progress, committed"),
    "epoch": ("record", "record, epoch, wrapped"),
    "part": ("number", "number, kind, position, media_type, key_epoch, quality, size, sha256"),
    "ledger": ("sequence", "sequence, hash, record, urgent, size, outcome, received_s, receipt"),
    "setting": ("name", "name, value"),
}
"""table -> key of a change, columns under the guard; the large ones carry their own SHA-256"""
PARTS_MAX = 256
"""part.number = record * PARTS_MAX + index in the manifest"""


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All of the block is durable when it has ended, nothing of it after an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def guard(*values: object) -> int:
    """CRC-32 over the values of a row: finds every single flipped bit."""
    return zlib.crc32(repr(values).encode())


def set_guard(connection: apsw.Connection, table: str, key: object) -> None:
    """After every change of a row, in the same transaction."""
    column, columns = GUARDED[table]
    connection.execute(f"UPDATE {table} SET guard = guard({columns}) WHERE {column} = ?", (key,))  # noqa: S608  # names from GUARDED


def add_guard(connection: apsw.Connection) -> None:
    """Make `guard` known to SQL."""
    connection.create_scalar_function("guard", guard, deterministic=True)


def rows(connection: apsw.Connection, query: str, *bindings: object) -> list[Row]:
    """All rows of a query."""
    return connection.execute(query, bindings).fetchall()


def first(connection: apsw.Connection, query: str, *bindings: object) -> Row | None:
    """The first row, or None."""
    found: Row | None = connection.execute(query, bindings).fetchone()
    return found


def one(connection: apsw.Connection, query: str, *bindings: object) -> Row:
    """The row of a query that always has one."""
    row = first(connection, query, *bindings)
    if row is None:
        raise apsw.CorruptError(f"no row for {query}")
    return row


def record_number(connection: apsw.Connection, record_id: bytes) -> int:
    """The record's local number. Raises StoreError."""
    row = first(connection, "SELECT number FROM record WHERE record_id = ?", record_id)
    if row is None:
        raise unreadable(f"record {record_id.hex()}")
    return int(row[0])


def open_number(connection: apsw.Connection, record_id: bytes) -> int:
    """The open enrolment's record, which takes no more changes once its manifest is in the ledger. Raises StoreError."""
    row = first(connection, "SELECT record FROM enrolment JOIN record ON number = record WHERE record_id = ? AND committed IS NULL", record_id)
    if row is None:
        raise _not_open()
    return int(row[0])


def keep_progress(connection: apsw.Connection, record_id: bytes, progress: bytes) -> None:
    """Write the journal's opaque part. Raises StoreError when another enrolment, or none, is open."""
    number = record_number(connection, record_id)
    connection.execute("UPDATE enrolment SET progress = ? WHERE record = ?", (progress, number))
    if connection.changes() != 1:
        raise _not_open()
    set_guard(connection, "enrolment", number)


def put_part(connection: apsw.Connection, number: int, part: SealedPart) -> None:
    """Add a part after the last, or replace the one of its kind and position in its place."""
    row = (
        _slot(connection, number, part), part.kind, part.position, part.media_type, part.key_epoch,
        msgspec.json.encode(part.quality), len(part.sealed), hashlib.sha256(part.sealed).digest(),
    )
    connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, guard(*row), part.sealed))


def put_setting(connection: apsw.Connection, name: str, value: bytes) -> None:
    """A small value under its name."""
    connection.execute("INSERT OR REPLACE INTO setting VALUES (?1, ?2, guard(?1, ?2))", (name, value))


def _slot(connection: apsw.Connection, number: int, part: SealedPart) -> int:
    query = "SELECT number, kind, position FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255 ORDER BY number"
    taken = rows(connection, query, number)
    for slot, kind, position in taken:
        if (kind, position) == (part.kind, part.position):
            return int(slot)
    return int(taken[-1][0]) + 1 if taken else number * PARTS_MAX


def free_epoch(connection: apsw.Connection, number: int) -> int:
    """The smallest key epoch that no part of this record was sealed under."""
    used = {ref.key_epoch for ref in part_refs(connection, number)}
    return next(epoch for epoch in range(len(used) + 1) if epoch not in used)


def part_refs(connection: apsw.Connection, number: int) -> tuple[PartRef, ...]:
    """What the manifest says of each part, in order. Raises StoreError."""
    columns = GUARDED["part"][1]
    query = f"SELECT guard, {columns} FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255 ORDER BY number"  # noqa: S608  # names from GUARDED
    return tuple(_part_ref(row) for row in rows(connection, query, number))


def _part_ref(row: Row) -> PartRef:
    if row[0] != guard(*row[1:]):
        raise unreadable(f"the description of part {row[1] % PARTS_MAX}")
    _, kind, position, media_type, epoch, quality, size, sha256 = row[1:]
    return PartRef(kind=kind, position=position, media_type=media_type, size=size, sha256=sha256, key_epoch=epoch, quality=msgspec.json.decode(quality))


def append_entry(connection: apsw.Connection, envelope: bytes, sequence: int, digest: bytes, record: int | None = None, urgent: bool = False) -> int:
    """Advance the head and add the entry in the same transaction; returns the bytes of its parts.

    ValueError when the entry does not follow the head: somebody signed without asking the store where the ledger stands.
    """
    if hashlib.sha256(envelope).digest() != digest:
        raise ValueError("hash is not that of the envelope")
    connection.execute("UPDATE head SET sequence = ?1, hash = ?2 WHERE sequence = ?1 - 1", (sequence, digest))
    if connection.changes() != 1:
        raise ValueError(f"entry {sequence} does not follow the head")
    set_guard(connection, "head", 1)
    query = "SELECT coalesce(sum(size), 0) FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255"
    size = int(one(connection, query, record)[0])
    connection.execute(
        "INSERT INTO ledger (sequence, hash, record, urgent, size, envelope) VALUES (?, ?, ?, ?, ?, ?)",
        (sequence, digest, record, urgent, size, envelope),
    )
    set_guard(connection, "ledger", sequence)
    return size


def forget_content(connection: apsw.Connection, number: int) -> None:
    """Delete a record's parts and wrapped keys."""
    connection.execute("DELETE FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255", (number,))
    connection.execute("DELETE FROM epoch WHERE record = ?", (number,))


def unreadable(what: str) -> StoreError:
    """Content that the disk does not give back as it was written."""
    return StoreError("content_unreadable", f"{what} cannot be read back from the disk", "The others go on; tell the district, and change the card")


def _not_open() -> StoreError:
    return StoreError("no_open_enrolment", "this recording is not open", "Start the next person")
