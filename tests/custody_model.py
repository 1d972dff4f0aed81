"""A world around the custody cores, small enough for property tests: memory for disks, lists for the broker, a number for the time.

Entries are `struct(sequence, record id, sizes)` without signature, receipts are `b"R" + sequence`: cryptography has its own tests.
"""

import struct
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf

from protocols.custody import (
    Accepted,
    Ask,
    Chunk,
    Effect,
    Entry,
    Have,
    Item,
    Limits,
    Pace,
    Receipt,
    Receiver,
    Refused,
    SendChunk,
    SendEntry,
    Sender,
    decode,
    encode,
)
from protocols.custody.spans import Spans


@dataclass
class Saved:
    """One committed record or event of the station."""

    item: Item
    parts: tuple[bytes, ...]

    def envelope(self) -> bytes:
        sizes = struct.pack(f">{len(self.parts)}I", *map(len, self.parts))
        digests = b"".join(sha256(part).digest() for part in self.parts)
        return struct.pack(">Q16sB", self.item.sequence, self.item.record_id or bytes(16), len(self.parts)) + sizes + digests


def save(sequence: int, sizes: tuple[int, ...], *, urgent: bool = False) -> Saved:
    parts = tuple(bytes([(sequence * 7 + index) % 251]) * size for index, size in enumerate(sizes))
    record_id = sequence.to_bytes(16, "big") if sizes else None
    return Saved(Item(sequence, record_id, sizes, 100, urgent), parts)


@dataclass
class Kept:
    """What the district has."""

    entries: dict[int, bytes] = field(default_factory=dict)
    open: dict[bytes, tuple[int, tuple[int, ...], list[bytearray], list[Spans]]] = field(default_factory=dict)
    records: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    receipts: dict[int, bytes] = field(default_factory=dict)
    completions: list[bytes] = field(default_factory=list)


class MemoryShelf:
    """A shelf whose last flush survives `cut`."""

    def __init__(self) -> None:
        self.now = Kept()
        self._durable = Kept()

    def cut(self) -> None:
        self.now = deepcopy(self._durable)

    def known_station(self, station: str) -> bool:
        return station == "st-1"

    def accept_entry(self, station: str, envelope: bytes) -> Accepted | Refused:
        sequence, record_id, count = struct.unpack_from(">Q16sB", envelope)
        sizes = struct.unpack_from(f">{count}I", envelope, 25)
        if sequence not in self.now.entries:
            self.now.entries[sequence] = envelope
            if sizes:
                self.now.open[record_id] = (sequence, sizes, [bytearray(size) for size in sizes], [Spans() for _ in sizes])
            else:
                self.now.receipts[sequence] = b"R%d" % sequence
        return Accepted(sequence, record_id if sizes else None, sizes)

    def sizes(self, station: str, record_id: bytes) -> tuple[int, ...] | None:
        return self.now.open[record_id][1] if record_id in self.now.open else None

    def have(self, station: str, record_id: bytes) -> list[tuple[int, int, int]]:
        if record_id not in self.now.open:
            return []
        return [(part, start, end) for part, spans in enumerate(self.now.open[record_id][3]) for start, end in spans]

    def write_chunk(self, station: str, record_id: bytes, part: int, offset: int, data: bytes) -> bool:
        _, _, parts, spans = self.now.open[record_id]
        parts[part][offset : offset + len(data)] = data
        spans[part].add(offset, offset + len(data))
        return True

    def flush(self) -> None:
        self._durable = deepcopy(self.now)

    def complete(self, station: str, record_id: bytes) -> bytes | None:
        if record_id not in self.now.open:
            return None
        sequence, _, parts, _ = self.now.open[record_id]
        content = tuple(bytes(part) for part in parts)
        digests = b"".join(sha256(part).digest() for part in content)
        if not self.now.entries[sequence].endswith(digests):
            del self.now.open[record_id], self.now.entries[sequence]
            return None
        del self.now.open[record_id]
        self.now.records[record_id] = content
        self.now.completions.append(record_id)
        self.now.receipts[sequence] = b"R%d" % sequence
        self.flush()
        return self.now.receipts[sequence]

    def held(self, station: str, first: int, end: int) -> list[tuple[int, int]]:
        return [(sequence, sequence + 1) for sequence in self.now.entries if first <= sequence < end]

    def receipted(self, station: str, first: int, end: int) -> list[tuple[int, int]]:
        return [(sequence, sequence + 1) for sequence in self.now.receipts if first <= sequence < end]

    def receipt(self, station: str, sequence: int) -> bytes | None:
        return self.now.receipts.get(sequence)


class World:
    """Station, broker and district; the test decides what happens next."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.saved: dict[int, Saved] = {}
        self.receipts: set[int] = set()
        self.shelf = MemoryShelf()
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.sent_bytes = 0
        self.start_station()
        self.start_district()

    def start_station(self) -> None:
        limits = Limits(first_window=4096, min_window=512, first_life=4096)
        self.sender = Sender(Pace(limits), first_round=int(self.now_s * 1000) % 1_000_000)
        self.sender.offer([saved.item for saved in self.waiting()], fresh=False)
        self.sender.connected(self.now_s)

    def start_district(self) -> None:
        self.shelf.cut()
        self.receiver = Receiver(self.shelf)

    def waiting(self) -> list[Saved]:
        return [saved for sequence, saved in self.saved.items() if sequence not in self.receipts]

    def commit(self, sizes: tuple[int, ...], *, urgent: bool = False) -> None:
        saved = save(len(self.saved) + 1, sizes, urgent=urgent)
        self.saved[saved.item.sequence] = saved
        self.sender.offer([saved.item], fresh=True)

    def pump(self, limit: int = 1000) -> None:
        """The station sends what it may."""
        for _ in range(limit):
            effect = self.sender.next(self.now_s)
            if effect is None:
                return
            frame = self.frame(effect)
            self.sent_bytes += len(frame)
            self.up.append(frame)
        raise AssertionError("the sender never stops")

    def frame(self, effect: Effect) -> bytes:
        match effect:
            case SendEntry(sequence):
                return encode(Entry(self.saved[sequence].envelope()))
            case SendChunk(sequence, record_id, part, offset, length):
                data = self.saved[sequence].parts[part][offset : offset + length]
                assert len(data) == length > 0
                return encode(Chunk(record_id, part, offset, data))
            case Ask():
                return encode(effect)

    def at_district(self, frames: list[bytes]) -> None:
        for frame in frames:
            self.receiver.handle("st-1", type(decode(frame)).__name__.lower(), frame)
        self.down += [frame for _, frame in self.receiver.settle()]

    def at_station(self, frames: list[bytes]) -> None:
        for frame in frames:
            message = decode(frame)
            if isinstance(message, Have):
                self.sender.have(message, self.now_s)
            elif isinstance(message, Receipt):
                sequence = int(message.envelope[1:])
                self.receipts.add(sequence)
                self.sender.receipted(sequence, self.now_s)

    def turn(self) -> bool:
        """Everything travels once, nothing goes wrong; whether there was anything."""
        self.pump()
        busy = bool(self.up or self.down)
        up, self.up = self.up, []
        self.at_district(up)
        self.now_s += 0.3
        down, self.down = self.down, []
        self.at_station(down)
        return busy

    def drain(self, limit_s: float = 3600.0) -> None:
        """Let it run without faults until the station has all receipts."""
        end_s = self.now_s + limit_s
        while self.waiting():
            if not self.turn():
                wake_s = self.sender.wake_s()
                assert wake_s < inf, "the sender waits for ever"
                self.now_s = max(self.now_s, wake_s)
            assert self.now_s < end_s, f"not drained: {sorted(saved.item.sequence for saved in self.waiting())}"

    def check(self) -> None:
        """Every record once, byte for byte, and nothing else."""
        wanted = {saved.item.record_id: saved.parts for saved in self.saved.values() if saved.item.record_id}
        assert self.shelf.now.records == wanted
        assert len(self.shelf.now.completions) == len(wanted)
        assert set(self.shelf.now.receipts) == set(self.saved) == self.receipts
