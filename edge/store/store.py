"""The station's memory: journal of the open enrolment, sealed parts, signed ledger, receipts. Synchronous, used from one thread (worker.py).

A method that changes something returns after the change is durable. When it raises StoreError nothing was promised: the change may
or may not be there, and asking again (head, open_enrolment) tells which. Not responsible for what the bytes mean: sealing and signing
happen before they come here.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge.errors import StoreError, StoreFull
from edge.store.database import Database, failed
from edge.store.files import DiskFiles, Files
from edge.store.salvage import DAMAGE_SETTING
from edge.store.tables import (
    PARTS_MAX,
    append_entry,
    first,
    forget_content,
    free_epoch,
    keep_progress,
    one,
    open_number,
    part_refs,
    put_part,
    put_setting,
    record_number,
    rows,
    set_guard,
    unreadable,
)
from edge.store.values import Counts, Damage, Head, OpenEnrolment, OutboxItem, ReceiptFacts, SealedPart

RECORD_BYTES = 2 * 1024 * 1024
"""room that one more enrolment must find, until a larger one was seen here (FIELD: a record has 0.3 to 2 MB)"""
WAITING_AFTER = (
    "SELECT sequence, hash, envelope, size, record FROM ledger WHERE outcome IS NULL AND envelope IS NOT NULL AND sequence > ? ORDER BY sequence LIMIT 1"
)
NOTHING_READ: tuple[bytes, int, bytes] = (b"", 0, b"")
PURGE_BATCH = 16
"""records forgotten in one commit, so that a purge never holds up a capture for long"""


class Store:
    """See DESIGN section 5, decision 1; the tables are in schema_v1.sql."""

    def __init__(self, database: Database, folder: Path, files: Files, reserve_bytes: int, record_bytes: int) -> None:
        self._database, self._folder, self._files, self._reserve_bytes = database, folder, files, reserve_bytes
        self._unreadable: set[bytes] = set()
        self._last_read = NOTHING_READ
        self._record_bytes = max(record_bytes, self._largest() * 5 // 4)

    @classmethod
    def open(
        cls, folder: Path, reserve_bytes: int, *, record_bytes: int = RECORD_BYTES, vfs: str | None = None, files: Files | None = None,
    ) -> "Store":
        """`folder` is made if need be and belongs to the store alone. Raises StoreBusy, StoreError.

        A damaged store is set aside and what is readable carried over; `damage()` then says so.
        """
        files = files or DiskFiles()
        return cls(Database(Path(folder), files, vfs, record_bytes), Path(folder), files, reserve_bytes, record_bytes)

    def close(self) -> None:
        """Let go of the file; another program may open it then."""
        self._database.close()

    # --- the ledger's head, settings, news about the store itself ---

    def head(self) -> Head:
        """The last entry's number and hash."""
        with self._database.read() as connection:
            return Head(*one(connection, "SELECT sequence, hash FROM head"))

    def setting(self, name: str) -> bytes | None:
        """A value kept by `set_setting`."""
        with self._database.read() as connection:
            row = first(connection, "SELECT value FROM setting WHERE name = ?", name)
        return row[0] if row else None

    def set_setting(self, name: str, value: bytes) -> None:
        """Keep a small value that must survive a cut."""
        with self._database.write() as connection:
            put_setting(connection, name, value)

    def damage(self) -> Damage | None:
        """Set until `damage_reported`: a store was set aside and the district does not know yet."""
        text = self.setting(DAMAGE_SETTING)
        return Damage(*msgspec.json.decode(text)) if text else None

    def damage_reported(self) -> None:
        """The ledger has an entry about it."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM setting WHERE name = ?", (DAMAGE_SETTING,))

    # --- the open enrolment ---

    def begin(self, record_id: bytes, ticket: int, progress: bytes, wrapped: bytes) -> None:
        """Open an enrolment with the wrapped keys of epoch 0. Raises StoreFull when a whole record would not fit any more, StoreError."""
        if self.enrolments_left() < 1:
            raise StoreFull(
                "store_full", "there is no room for one more recording",
                "Let what waits be sent, export it to a stick, or free space; then go on",
            )
        with self._database.write() as connection:
            connection.execute("DELETE FROM enrolment WHERE committed IS NOT NULL")
            if first(connection, "SELECT 1 FROM enrolment"):
                raise StoreError("record_not_committed", "a recording is still open", "Finish it or abandon it with a reason")
            connection.execute("INSERT INTO record (record_id) VALUES (?)", (record_id,))
            number = connection.last_insert_rowid()
            # the column roster_row stays empty: the progress carries the roster row, which is known only when the letter is matched
            connection.execute("INSERT INTO enrolment VALUES (1, ?, ?, x'', ?, NULL, NULL)", (number, ticket, progress))
            connection.execute("INSERT INTO epoch VALUES (?1, 0, ?2, guard(?1, 0, ?2))", (number, wrapped))
            set_guard(connection, "record", number)
            set_guard(connection, "enrolment", number)

    def add_key_epoch(self, record_id: bytes, wrapped: bytes) -> int:
        """Keep the wrapped keys of a new power life; returns its number.

        It takes the first number that no part was sealed under, in place of a life that left nothing: however often the power fails, a
        record has no more key sets than parts and one. Numbers in use stay as they are, the seals bind them.
        """
        with self._database.write() as connection:
            number = open_number(connection, record_id)
            epoch = free_epoch(connection, number)
            connection.execute("INSERT OR REPLACE INTO epoch VALUES (?1, ?2, ?3, guard(?1, ?2, ?3))", (number, epoch, wrapped))
            return epoch

    def save_progress(self, record_id: bytes, progress: bytes) -> None:
        """Note how far the procedure has come."""
        with self._database.write() as connection:
            keep_progress(connection, record_id, progress)

    def commit_part(self, record_id: bytes, part: SealedPart, progress: bytes) -> None:
        """Keep a part and the journal in one commit; a part of the same kind and position is replaced in its place."""
        self._last_read = NOTHING_READ
        with self._database.write() as connection:
            put_part(connection, open_number(connection, record_id), part)
            keep_progress(connection, record_id, progress)

    def open_enrolment(self) -> OpenEnrolment | None:
        """The enrolment that `begin` opened and nothing has ended yet."""
        with self._database.read() as connection:
            row = first(connection, "SELECT number, record_id, ticket, progress, committed FROM enrolment JOIN record ON number = record")
            if row is None:
                return None
            number, record_id, ticket, progress, committed = row
            epochs = tuple(wrapped for (wrapped,) in rows(connection, "SELECT wrapped FROM epoch WHERE record = ? ORDER BY epoch", number))
            return OpenEnrolment(record_id, ticket, progress, epochs, part_refs(connection, number), committed)

    def commit_record(self, record_id: bytes, envelope: bytes, sequence: int, hash: bytes, urgent: bool, progress: bytes) -> None:
        """Add the signed manifest to the ledger. The enrolment stays open for slip and letter until `end_enrolment` or the next `begin`."""
        with self._database.write() as connection:
            number = open_number(connection, record_id)
            size = append_entry(connection, envelope, sequence, hash, number, urgent)
            connection.execute("UPDATE enrolment SET committed = ?, progress = ?", (sequence, progress))
            set_guard(connection, "enrolment", number)
        self._record_bytes = max(self._record_bytes, size * 5 // 4)
        self._database.checkpoint()

    def end_enrolment(self) -> None:
        """The letter is stamped: nothing is left to do for this person. Raises StoreError while the record is not committed."""
        with self._database.write() as connection:
            if connection.execute("SELECT 1 FROM enrolment WHERE committed IS NULL").fetchone():
                raise StoreError("record_not_committed", "this recording is not finished", "Finish it or abandon it with a reason")
            connection.execute("DELETE FROM enrolment")

    def abandon(self, record_id: bytes, envelope: bytes, sequence: int, hash: bytes) -> None:
        """End an enrolment without a record: its parts go, the signed event stays."""
        with self._database.write() as connection:
            number = open_number(connection, record_id)
            append_entry(connection, envelope, sequence, hash)
            connection.execute("DELETE FROM enrolment")
            forget_content(connection, number)
            connection.execute("DELETE FROM record WHERE number = ?", (number,))

    def commit_event(self, envelope: bytes, sequence: int, hash: bytes, settings: Mapping[str, bytes] | None = None) -> None:
        """Add a signed event to the ledger, and in the same commit the settings that it speaks of."""
        with self._database.write() as connection:
            append_entry(connection, envelope, sequence, hash)
            for name, value in (settings or {}).items():
                put_setting(connection, name, value)

    # --- what waits for the district ---

    def outbox(self, limit: int) -> list[OutboxItem]:
        """Entries without a receipt, urgent ones first, then by number."""
        query = (
            "SELECT sequence, record_id, size, urgent FROM ledger LEFT JOIN record ON record.number = ledger.record "
            "WHERE outcome IS NULL AND envelope IS NOT NULL ORDER BY urgent DESC, sequence LIMIT ?"
        )
        with self._database.read() as connection:
            found = rows(connection, query, limit)
        return [
            OutboxItem(sequence, "event" if record_id is None else "record", record_id, size, bool(urgent), record_id in self._unreadable)
            for sequence, record_id, size, urgent in found
        ]

    def envelope(self, sequence: int) -> bytes:
        """The signed entry. Raises StoreError when it is unknown, purged or damaged."""
        with self._database.read() as connection:
            row = first(connection, "SELECT hash, envelope FROM ledger WHERE sequence = ?", sequence)
        if row is None or row[1] is None or hashlib.sha256(row[1]).digest() != row[0]:
            raise unreadable(f"entry {sequence}")
        return bytes(row[1])

    def record_of(self, sequence: int) -> bytes | None:
        """The record that an entry is the manifest of; None for an event."""
        with self._database.read() as connection:
            row = first(connection, "SELECT record_id FROM ledger JOIN record ON record.number = ledger.record WHERE sequence = ?", sequence)
        return row[0] if row else None

    def parts(self, record_id: bytes) -> list[int]:
        """Sealed bytes of each part, in the order of the manifest; empty after the purge. Raises StoreError when one was lost."""
        with self._database.read() as connection:
            number = record_number(connection, record_id)
            sizes = [ref.size for ref in part_refs(connection, number)]
            kept = first(connection, "SELECT size FROM ledger WHERE record = ? AND envelope IS NOT NULL", number)
        if kept is not None and kept[0] != sum(sizes):
            self._unreadable.add(record_id)
            raise unreadable("a part of a record")
        return sizes

    def part(self, record_id: bytes, index: int, offset: int, length: int) -> bytes:
        """A piece of a sealed part whose hash was right. Raises StoreError; the record then counts as damaged until the next start."""
        if self._last_read[:2] != (record_id, index):
            self._last_read = (record_id, index, self._read_part(record_id, index))
        return self._last_read[2][offset : offset + length]

    def _read_part(self, record_id: bytes, index: int) -> bytes:
        self._unreadable.add(record_id)
        with self._database.read() as connection:
            number = record_number(connection, record_id) * PARTS_MAX + index
            row = first(connection, "SELECT sha256, sealed FROM part WHERE number = ?", number)
        if row is None or hashlib.sha256(row[1]).digest() != row[0]:
            raise unreadable(f"part {index} of a record")
        self._unreadable.discard(record_id)
        return bytes(row[1])

    def check_waiting(self, after: int) -> tuple[int, bool] | None:
        """The next entry after that number that waits for the district, and whether all of it can be read back; None after the last."""
        with self._database.read() as connection:
            row = first(connection, WAITING_AFTER, after)
            if row is None:
                return None
            sequence, digest, envelope, size, number = row
            query = "SELECT sha256, sealed FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255"
            parts = [(len(sealed), hashlib.sha256(sealed).digest() == sha256) for sha256, sealed in connection.execute(query, (number,))]
        intact = hashlib.sha256(envelope).digest() == digest and all(good for _, good in parts)
        return sequence, intact and sum(length for length, _ in parts) == size

    def unreadable_records(self) -> list[int]:
        """Numbers of the records that were told to be unreadable (ledger.py) and that the district has not answered yet."""
        query = (
            "SELECT sequence FROM ledger WHERE record IS NOT NULL AND outcome IS NULL "
            "AND EXISTS (SELECT 1 FROM setting WHERE name = 'unreadable.' || sequence) ORDER BY sequence"
        )
        with self._database.read() as connection:
            return [sequence for (sequence,) in rows(connection, query)]

    # --- receipts ---

    def mark_received(self, receipt: ReceiptFacts, signed: bytes) -> bool:
        """Keep a verified receipt; False when it changes nothing. `stored` is final, another outcome gives way to `stored`.

        Raises StoreError when the receipt is not about the entry that carries its number here.
        """
        with self._database.write() as connection:
            query = "SELECT hash, record_id, outcome FROM ledger LEFT JOIN record ON number = record WHERE sequence = ?"
            row = first(connection, query, receipt.sequence)
            if row is None or row[:2] != (receipt.manifest_sha256, receipt.record_id):
                raise StoreError(
                    "receipt_foreign", f"a receipt for entry {receipt.sequence} speaks of another record",
                    "Tell the district: two stations may share one identity",
                )
            if row[2] == "stored" or row[2] == receipt.outcome:
                return False
            connection.execute(
                "UPDATE ledger SET outcome = ?, received_s = ?, receipt = ? WHERE sequence = ?",
                (receipt.outcome, receipt.wall_s, signed, receipt.sequence),
            )
            set_guard(connection, "ledger", receipt.sequence)
        return True

    def receipt(self, sequence: int) -> bytes | None:
        """The signed receipt of an entry."""
        with self._database.read() as connection:
            row = first(connection, "SELECT receipt FROM ledger WHERE sequence = ?", sequence)
        return row[0] if row else None

    def purge(self, before_wall_s: int) -> int:
        """Forget the content of entries whose `stored` receipt is older; number, hash and receipt stay. Returns how many; call until 0.

        The record of a person who is still at the desk (slip, letter) stays whole.
        """
        self._last_read = NOTHING_READ
        with self._database.write() as connection:
            query = (
                "SELECT sequence, record FROM ledger WHERE outcome = 'stored' AND envelope IS NOT NULL AND received_s < ? "
                "AND coalesce(record, 0) != coalesce((SELECT record FROM enrolment), -1) LIMIT ?"
            )
            found = rows(connection, query, before_wall_s, PURGE_BATCH)
            for sequence, number in found:
                connection.execute("UPDATE ledger SET envelope = NULL WHERE sequence = ?", (sequence,))
                if number is not None:
                    forget_content(connection, number)
        return len(found)

    # --- figures ---

    def counts(self) -> Counts:
        """Records by state."""
        query = (
            "SELECT count(*), count(*) FILTER (WHERE outcome IS NULL), count(*) FILTER (WHERE outcome = 'stored'), "
            "count(*) FILTER (WHERE outcome IN ('rejected', 'quarantined')) FROM ledger WHERE record IS NOT NULL"
        )
        with self._database.read() as connection:
            return Counts(*one(connection, query))

    def refused(self, limit: int) -> list[bytes]:
        """Signed receipts of records that were not taken as they are, newest first."""
        query = "SELECT receipt FROM ledger WHERE record IS NOT NULL AND outcome IN ('rejected', 'quarantined') ORDER BY sequence DESC LIMIT ?"
        with self._database.read() as connection:
            return [receipt for (receipt,) in rows(connection, query, limit)]

    def enrolments_left(self) -> int:
        """Whole records that still fit above the reserve, the write-ahead log's share taken off. Raises StoreError."""
        try:
            free = self._files.free_bytes(self._folder)
        except OSError as error:
            raise failed(error) from error
        outside = free - self._reserve_bytes - self._record_bytes
        return (max(0, outside) + self._database.free_bytes()) // self._record_bytes

    def _largest(self) -> int:
        with self._database.read() as connection:
            (size,) = one(connection, "SELECT coalesce(max(size), 0) FROM ledger")
        return int(size)

