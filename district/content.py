"""Records whose content is still coming in: which bytes are here, and whether a part is what its station signed.

Pieces of a part come in any order and as often as the link likes. What is here is kept as spans of bytes, in memory while the record is
busy and in the table `parts`; a span in the table is durable in the file. Transactions and alarms are store.py's.
"""

from dataclasses import dataclass, field

import apsw

from district import tables
from district.payloads import Payloads
from protocols.custody.spans import Spans

SPANS_MAX = 1024
"""pieces of one part; a station sends 32 KiB chunks, 8 MiB have 256 of them"""
BUSY_MAX = 512
"""records whose spans stay in memory; those of the others are read again with their next chunk"""


@dataclass(slots=True)
class Waiting:
    """One record that is not whole yet."""

    record_id: bytes
    station: str
    digest: bytes
    """of its manifest"""
    place: bytes
    """names its folder: the record id, and for a second bearer of that id a piece of the digest behind it"""
    sizes: tuple[int, ...]
    hashes: tuple[bytes, ...]
    spans: list[Spans]
    dirty: set[int] = field(default_factory=set)
    """parts with more spans than the table knows"""

    def whole(self) -> bool:
        """Every byte is here."""
        return all(spans.total() == size for spans, size in zip(self.spans, self.sizes, strict=True))


class Content:
    """All of them. Raises OSError or apsw.Error; then `forget` and let the station send again."""

    def __init__(self, connection: apsw.Connection, payloads: Payloads) -> None:
        self._connection, self._payloads = connection, payloads
        self._busy: dict[bytes, Waiting] = {}
        self._shown: dict[tuple[str, bytes], bytes] = {}
        """station and record id -> the entry that bytes of that id are for"""

    def find(self, station: str, record_id: bytes) -> Waiting | None:
        """None: unknown, another station's, or complete. Of two that bear one id it is the one that the station showed last."""
        digest = self._shown.get((station, record_id))
        return self._busy.get(digest) or self._load(station, record_id) if digest else self._load(station, record_id)

    def shown(self, station: str, record_id: bytes) -> None:
        """The station showed an entry of that id again, or another one."""
        self._shown.pop((station, record_id), None)

    def write(self, waiting: Waiting, part: int, offset: int, data: bytes) -> bool:
        """Keep some bytes; durable with the next `sync` of the payloads. False: outside the part, or too many pieces."""
        if part >= len(waiting.sizes) or offset + len(data) > waiting.sizes[part]:
            return False
        spans = waiting.spans[part]
        if spans.covers(offset, offset + len(data)):
            return True
        if len(spans) >= SPANS_MAX:
            return False
        self._payloads.write(waiting.station, waiting.place, part, offset, data)
        spans.add(offset, offset + len(data))
        waiting.dirty.add(part)
        return True

    def changed(self) -> list[Waiting]:
        """Those that got bytes since they were last kept."""
        return [waiting for waiting in self._busy.values() if waiting.dirty]

    def drop_wrong(self, waiting: Waiting) -> list[int]:
        """Hash the parts of a whole record; forget those that are not what the station signed and name them."""
        wrong = [part for part, digest in enumerate(waiting.hashes) if self._payloads.digest(waiting.station, waiting.place, part) != digest]
        for part in wrong:
            self._payloads.drop(waiting.station, waiting.place, part)
            waiting.spans[part] = Spans()
            waiting.dirty.add(part)
        return wrong

    def keep(self, waiting: Waiting) -> None:
        """Write the spans into the open transaction."""
        rows = [(tables.pack_spans(waiting.spans[part]), waiting.digest, part) for part in waiting.dirty]
        self._connection.executemany("UPDATE parts SET spans = ? WHERE hash = ? AND part = ?", rows)
        waiting.dirty.clear()

    def done(self, waiting: Waiting) -> None:
        """The record is settled in the open transaction: its spans are no longer needed."""
        self._connection.execute("UPDATE parts SET spans = x'' WHERE hash = ?", (waiting.digest,))
        del self._busy[waiting.digest]
        self.shown(waiting.station, waiting.record_id)

    def discard(self, station: str, record_id: bytes, digest: bytes) -> None:
        """An officer gave the entry up: its bytes go, its manifest stays in the table."""
        self._busy.pop(digest, None)
        self.shown(station, record_id)
        place = self._place(record_id, digest)
        for part in range(tables.value(self._connection, "SELECT count(*) FROM parts WHERE hash = ?", (digest,))):
            self._payloads.drop(station, place, part)

    def forget(self) -> None:
        """Nothing since the last commit counts."""
        self._busy.clear()
        self._shown.clear()

    def trim(self) -> None:
        """After a commit: keep memory bounded."""
        for digest in list(self._busy)[: max(0, len(self._busy) - BUSY_MAX)]:
            old = self._busy.pop(digest)
            self.shown(old.station, old.record_id)

    def _load(self, station: str, record_id: bytes) -> Waiting | None:
        sql = "SELECT hash FROM entries WHERE record_id = ? AND +station = ? AND settled = 0 ORDER BY presented DESC LIMIT 1"
        entry = tables.one(self._connection, sql, (record_id, station))
        if entry is None:
            return None
        (digest,) = entry
        if digest not in self._busy:
            rows = list(self._connection.execute("SELECT size, sha256, spans FROM parts WHERE hash = ? ORDER BY part", (digest,)))
            sizes, hashes, packed = zip(*rows, strict=True)
            spans = [tables.unpack_spans(spans) for spans in packed]
            self._busy[digest] = Waiting(record_id, station, digest, self._place(record_id, digest), sizes, hashes, spans)
        self._shown[station, record_id] = digest
        return self._busy[digest]

    def _place(self, record_id: bytes, digest: bytes) -> bytes:
        """Names the folder of an entry's content: nothing is ever written over, or deleted with, the first bearer of a record id."""
        sql = "SELECT hash FROM entries WHERE record_id = ? ORDER BY rowid LIMIT 1"
        first = tables.value(self._connection, sql, (record_id,)) == digest
        return record_id if first else record_id + digest[:8]
