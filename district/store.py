"""What the district keeps of its stations' entries and records, and the one place where a receipt comes to be.

Implements `protocols.custody.receiver.Shelf`: synchronous, idempotent, for one thread. Changes gather in one transaction until `flush`;
when a call raises, the transaction and everything remembered of it are gone and the station will send again. The numbers in comments
are those of verify.py.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import apsw
from cryptography.hazmat.primitives.asymmetric import ec

from district import tables
from district.clock import Clock
from district.content import Content, Waiting
from district.database import FILE_NAME, connect
from district.payloads import Disk, Payloads, RealDisk
from district.quota import Limits, Quota
from district.receipts import ReceiptBook
from district.verify import Refusal, Verdict, check_length, judge, read_entry
from protocols.custody.receiver import Accepted, Refused
from protocols.custody.spans import Span
from protocols.record import Entry, Manifest
from protocols.sealing import Signer

SPAN_ROWS_MAX = 100_000
USUAL = Limits()


class KnownStations(Protocol):
    """Whose signatures count (district/keys.py)."""

    def known(self, station: str) -> bool: ...

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None: ...


class Undecidable(Exception):
    """The text says why an officer cannot decide this."""


class DistrictStore:
    """See the module. Raises DistrictError when opened on a folder that another program uses, OSError or apsw.Error when the disk fails."""

    def __init__(
        self, connection: apsw.Connection, payloads: Payloads, stations: KnownStations, book: ReceiptBook, clock: Clock, limits: Limits
    ) -> None:
        self.connection = connection
        """read by the page (view.py), in the same thread"""
        self.payloads = payloads
        self._stations, self._book, self._clock = stations, book, clock
        self._quota = Quota(connection, limits)
        self._content = Content(connection, payloads)
        self._due: list[bytes] | None = None
        """settled entries without a receipt; None: the database knows"""
        self._presented = int(tables.value(connection, "SELECT ifnull(max(presented), 0) FROM entries"))
        self.flush()

    @classmethod
    def open(
        cls, folder: Path, stations: KnownStations, signer: Signer, district: str, clock: Clock, limits: Limits = USUAL,
        vfs: str | None = None, disk: Disk | None = None,
    ) -> "DistrictStore":
        """Open or create below `folder`; receipts that a cut left unsigned are signed now."""
        disk = disk or RealDisk()
        disk.make(folder)
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            disk.forget_cache(folder / name)
        connection = connect(folder, vfs)
        return cls(connection, Payloads(folder, disk), stations, ReceiptBook(connection, signer, district, clock), clock, limits)

    def close(self) -> None:
        """Leave; what was not flushed is forgotten."""
        self.payloads.forget()
        self.connection.close()

    # --- entries ----------------------------------------------------------------------------------------------------------------

    def known_station(self, station: str) -> bool:
        """(1)"""
        return self._stations.known(station)

    def accept_entry(self, station: str, envelope: bytes) -> Accepted | Refused:
        """(0) to (12): keep a manifest or ledger event, or say why not."""
        with self._change():
            try:
                return self._accept(station, envelope)
            except Refusal as refusal:
                self.alarm(station, f"refused_{refusal.reason}", "", "")
                return Refused(refusal.reason)

    def _accept(self, station: str, envelope: bytes) -> Accepted:
        check_length(envelope)  # (0)
        digest = hashlib.sha256(envelope).digest()
        seen = self._seen(station, digest)  # (2)
        if seen is not None:
            return seen
        entry = read_entry(station, envelope, self._stations.key)  # (3) to (7)
        self._quota.check(station, entry, self._now_s())  # (9)
        verdict = judge(entry, digest, tables.neighbours(self.connection, entry))  # (8), (10) to (12)
        self._presented += 1
        tables.add_entry(self.connection, entry, digest, envelope, verdict, self._now_s(), self._presented)
        if isinstance(entry, Manifest):
            self._content.shown(station, entry.record_id)
        self._raise_alarms(entry, verdict)
        if not isinstance(entry, Manifest) or not verdict.content:
            self._settled(digest)
        return _accepted(entry, verdict)

    def _seen(self, station: str, digest: bytes) -> Accepted | None:
        """(2); a station that shows an entry holds it, so of two under one number or record id this is now the one it speaks of."""
        row = tables.one(self.connection, "SELECT sequence, record_id FROM entries WHERE hash = ? AND station = ?", (digest, station))
        if row is None:
            return None
        sequence, record_id = row
        if tables.twins(self.connection, station, sequence, record_id) > 1:
            self._presented += 1
            self.connection.execute("UPDATE entries SET presented = ? WHERE hash = ?", (self._presented, digest))
            self._content.shown(station, record_id or b"")
        return Accepted(sequence, record_id, self.sizes(station, record_id) or () if record_id else ())

    def _raise_alarms(self, entry: Entry, verdict: Verdict) -> None:
        station, number = entry.header.station, str(entry.header.sequence)
        if verdict.outcome != "stored":
            self.alarm(station, verdict.reason, number if verdict.reason != "fork" else "", f"#{number}")
        elif tables.value(self.connection, "SELECT 1 FROM entries WHERE station = ? AND main = 0 LIMIT 1", (station,)):
            self.alarm(station, "clone", "", f"#{number}")

    # --- content ----------------------------------------------------------------------------------------------------------------

    def sizes(self, station: str, record_id: bytes) -> tuple[int, ...] | None:
        """Sealed part sizes of a record that waits for content; None: unknown, another station's, or complete."""
        waiting = self._content.find(station, record_id)
        return waiting.sizes if waiting else None

    def have(self, station: str, record_id: bytes) -> list[tuple[int, int, int]]:
        """(part, start, end) held of a record that waits for content."""
        waiting = self._content.find(station, record_id)
        return [(part, start, end) for part, spans in enumerate(waiting.spans) for start, end in spans] if waiting else []

    def write_chunk(self, station: str, record_id: bytes, part: int, offset: int, data: bytes) -> bool:
        """Keep some bytes of a part, in any order, as often as they come. False: refused (no space, too many pieces, nothing waits)."""
        waiting = self._content.find(station, record_id)
        try:
            return waiting is not None and self._content.write(waiting, part, offset, data)
        except OSError as error:
            with self._change():
                self.alarm(station, "disk", "", str(error.strerror))
            return False

    def flush(self) -> None:
        """Make everything since the last flush durable, then sign what became due. Raises OSError or apsw.Error; then nothing counts."""
        with self._all_or_nothing():
            changed = self._content.changed()
            self._settle([waiting for waiting in changed if self._check_content(waiting)])
            for waiting in self._content.changed():
                self._begin()
                self._content.keep(waiting)
            self._commit()
            self._sign_due()
            self._content.trim()

    def complete(self, station: str, record_id: bytes) -> bytes | None:
        """The receipt of a record whose content is all here. None: bytes are missing, or were wrong and `have` asks for them again."""
        if self._content.changed():
            self.flush()
        sql = """SELECT r.envelope FROM entries e JOIN receipts r ON r.hash = e.hash
                 WHERE +e.station = ? AND e.record_id = ? ORDER BY e.presented DESC, r.district_sequence DESC LIMIT 1"""
        envelope: bytes | None = tables.value(self.connection, sql, (station, record_id))
        return envelope

    def _check_content(self, waiting: Waiting) -> bool:
        """(13) True: the record is whole and every part is what its station signed."""
        if not waiting.whole():
            return False
        wrong = self._content.drop_wrong(waiting)
        for part in wrong:
            self.alarm(waiting.station, "content", waiting.record_id.hex(), f"{part:02d}.part")
        return not wrong

    def _settle(self, whole: list[Waiting]) -> None:
        """(14) Parts durable, then manifests durable, then the rows that make them count; receipts follow after the commit."""
        self.payloads.sync()
        for waiting in whole:
            envelope = tables.value(self.connection, "SELECT envelope FROM entries WHERE hash = ?", (waiting.digest,))
            self.payloads.finish(waiting.station, waiting.place, envelope)
        self.payloads.sync()
        for waiting in whole:
            self._begin()
            self.connection.execute("UPDATE entries SET settled = 1 WHERE hash = ?", (waiting.digest,))
            self._content.done(waiting)
            self._settled(waiting.digest)

    # --- answers ----------------------------------------------------------------------------------------------------------------

    def held(self, station: str, first: int, end: int) -> list[Span]:
        """Which sequences of [first, end) have their entry kept."""
        sql = "SELECT DISTINCT sequence FROM entries WHERE station = ? AND sequence >= ? AND sequence < ? ORDER BY sequence LIMIT ?"
        return tables.join_sequences(self.connection.execute(sql, (station, first, end, SPAN_ROWS_MAX)))

    def receipted(self, station: str, first: int, end: int) -> list[Span]:
        """Which sequences of [first, end) have a receipt for the entry that the station showed last."""
        sql = """SELECT DISTINCT e.sequence FROM entries e JOIN receipts r ON r.hash = e.hash WHERE e.station = ? AND e.sequence >= ? AND e.sequence < ?
                 AND e.presented = (SELECT max(presented) FROM entries o WHERE o.station = e.station AND o.sequence = e.sequence)
                 ORDER BY e.sequence LIMIT ?"""
        return tables.join_sequences(self.connection.execute(sql, (station, first, end, SPAN_ROWS_MAX)))

    def receipt(self, station: str, sequence: int) -> bytes | None:
        """The receipt of the entry that the station showed last under this number, in the bytes it was signed in."""
        sql = """SELECT r.envelope FROM entries e LEFT JOIN receipts r ON r.hash = e.hash
                 WHERE e.station = ? AND e.sequence = ? ORDER BY e.presented DESC, r.district_sequence DESC LIMIT 1"""
        envelope: bytes | None = tables.value(self.connection, sql, (station, sequence))
        return envelope

    def missing(self, station: str) -> list[Span]:
        """Sequence numbers that never arrived although later ones did."""
        return tables.missing(self.connection, station)

    def alarm(self, station: str, kind: str, subject: str, detail: str) -> None:
        """Tell the officers; kept with the next flush, the same again only counts."""
        self._begin()
        tables.raise_alarm(self.connection, station, kind, subject, detail, self._now_s())

    # --- an officer's word ---

    def decide(self, digest: bytes, release: bool, officer: str) -> tuple[str, bytes]:
        """One more receipt for an entry that was set aside: `stored`, or `rejected` with its content deleted. Durable; returns station and receipt.

        Done again it answers with the receipt that is there. Raises Undecidable.
        """
        self.flush()
        outcome, reason = ("stored", "released") if release else ("rejected", "discarded")
        sql = "SELECT station, record_id, outcome, reason, settled FROM entries WHERE hash = ? AND record_id IS NOT NULL"
        row = tables.one(self.connection, sql, (digest,))
        if row is None:
            raise Undecidable("there is no such record")
        station, record_id, was, why, settled = row
        signed = self._book.of(digest)
        if signed is None or (was, why) != (outcome, reason):
            if was != "quarantined" and (release or settled):
                raise Undecidable(f"it is {was} already")
            if release and not settled:
                raise Undecidable("its content is not all here yet")
            with self._change():
                self.connection.execute("UPDATE entries SET outcome = ?, reason = ?, settled = 1 WHERE hash = ?", (outcome, reason, digest))
                signed = self._book.sign(digest, officer)
                self._commit()
        if not release:
            self._content.discard(station, record_id, digest)
        return station, signed

    # --- transactions -----------------------------------------------------------------------------------------------------------

    def _sign_due(self) -> None:
        """Receipts only for what a finished commit holds (14)."""
        due = self._book.unanswered() if self._due is None else self._due
        if due:
            self._begin()
            for digest in due:
                self._book.issue(digest)
            self._commit()
        self._due = []

    def _settled(self, digest: bytes) -> None:
        if self._due is not None:
            self._due.append(digest)

    def _begin(self) -> None:
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")

    def _commit(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._all_or_nothing():
            self._begin()
            yield

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """On any failure forget the whole batch: what was acknowledged before is committed, the rest will be sent again."""
        done = False
        try:
            yield
            done = True
        finally:
            if not done:
                self._forget()

    def _forget(self) -> None:
        self._content.forget()
        self._quota.forget()
        self.payloads.forget()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self._due = None

    def _now_s(self) -> int:
        return int(self._clock.wall_s())


def _accepted(entry: Entry, verdict: Verdict) -> Accepted:
    if isinstance(entry, Manifest):
        return Accepted(entry.header.sequence, entry.record_id, tuple(part.size for part in entry.parts) if verdict.content else ())
    return Accepted(entry.header.sequence, None)
