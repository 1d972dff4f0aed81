"""The six custody messages: bytes <-> values. Big-endian, fixed layouts, every message under a CRC-32.

    frame    0  u8   version (1)
             1  u8   kind (1 entry, 2 chunk, 3 ask, 4 have, 5 receipt, 6 policy)
             2  u32  CRC-32 (ISO 3309, zlib) of bytes 0..1 and of the body
             6  body
    entry    body = one signed ledger entry (COSE_Sign1), 1 .. 65,536 bytes
    chunk    16s record id, u16 part, u32 offset in the part, then 1 .. 65,536 bytes of the sealed part
    ask      u32 round, u16 n, n x (u64 first, u32 count) sequences, u8 m, m x 16s record id
    have     u32 round (0: nobody asked), u16 n, n x (u64, u32) entries held, u16 k, k x (u64, u32) entries with a receipt,
             u8 m, m x (16s record id, u16 spans, spans x (u16 part, u32 start, u32 end))
    receipt  body = one signed receipt (COSE_Sign1), 1 .. 4,096 bytes
    policy   body = one signed policy (COSE_Sign1), 1 .. 4,096 bytes

The CRC finds damage, not malice: entries, receipts and policies are signed, and parts are hashed in the signed manifest. `have` is neither:
a forged one can delay a record and never lose it, because only a verified receipt ends the station's custody.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

from protocols.custody.spans import Span

VERSION = 1
MAX_ENTRY = 65_536
MAX_CHUNK = 65_536
MAX_RECEIPT = 4_096
MAX_POLICY = 4_096
MAX_SPANS = 512
"""spans of one list; what does not fit is told the next time"""
MAX_RECORDS = 32
"""records in one ask or have"""

_HEAD = struct.Struct(">BBI")
_CHUNK = struct.Struct(">16sHI")
_ROUND = struct.Struct(">I")
_COUNT = struct.Struct(">H")
_SEQUENCES = struct.Struct(">QI")
_RECORD = struct.Struct(">16sH")
_PART = struct.Struct(">HII")


class Kind(IntEnum):
    """Second byte of every message."""

    ENTRY = 1
    CHUNK = 2
    ASK = 3
    HAVE = 4
    RECEIPT = 5
    POLICY = 6


_MAX_BODY = {
    Kind.ENTRY: MAX_ENTRY,
    Kind.CHUNK: _CHUNK.size + MAX_CHUNK,
    Kind.ASK: 4 + 2 + MAX_SPANS * _SEQUENCES.size + 1 + MAX_RECORDS * 16,
    Kind.HAVE: 4 + 2 * (2 + MAX_SPANS * _SEQUENCES.size) + 1 + MAX_RECORDS * (_RECORD.size + MAX_SPANS * _PART.size),
    Kind.RECEIPT: MAX_RECEIPT,
    Kind.POLICY: MAX_POLICY,
}
MAX_FRAME = _HEAD.size + max(_MAX_BODY.values())


class WireError(ValueError):
    """These bytes are no custody message."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed manifest or ledger event."""

    envelope: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of one sealed part."""

    record_id: bytes
    part: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """What does the receiver have of these?"""

    round: int
    sequences: tuple[Span, ...] = ()
    """half-open spans of ledger sequence numbers"""
    records: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Have:
    """What the receiver has. A list says nothing about what is not in it, except in the answer to an ask."""

    round: int = 0
    held: tuple[Span, ...] = ()
    """sequences whose entry is kept"""
    done: tuple[Span, ...] = ()
    """sequences for which a receipt was signed"""
    records: tuple[tuple[bytes, tuple[tuple[int, int, int], ...]], ...] = ()
    """(record id, (part, start, end)...)"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed receipt."""

    envelope: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """A signed policy."""

    envelope: bytes


Message = Entry | Chunk | Ask | Have | Receipt | Policy


def encode(message: Message) -> bytes:
    """Frame one message. Lists longer than a message may hold are cut off at their end."""
    match message:
        case Entry(envelope):
            return _frame(Kind.ENTRY, envelope)
        case Chunk(record_id, part, offset, data):
            return _frame(Kind.CHUNK, _CHUNK.pack(record_id, part, offset) + data)
        case Ask():
            return _frame(Kind.ASK, _ask_body(message))
        case Have():
            return _frame(Kind.HAVE, _have_body(message))
        case Receipt(envelope):
            return _frame(Kind.RECEIPT, envelope)
        case Policy(envelope):
            return _frame(Kind.POLICY, envelope)


def decode(data: bytes) -> Message:
    """The message in `data`, checked in the order length, version, kind, CRC, content. Raises WireError."""
    if not _HEAD.size < len(data) <= MAX_FRAME:
        raise WireError("length")
    version, number, crc = _HEAD.unpack_from(data)
    if version != VERSION:
        raise WireError("version")
    if number not in _DECODERS or len(data) - _HEAD.size > _MAX_BODY[Kind(number)]:
        raise WireError("kind or length")
    if crc32(memoryview(data)[_HEAD.size :], crc32(data[:2])) != crc:
        raise WireError("CRC")
    return _DECODERS[number](data[_HEAD.size :])


def _frame(kind: Kind, body: bytes) -> bytes:
    if not 0 < len(body) <= _MAX_BODY[kind]:
        raise WireError(f"{kind.name.lower()} of {len(body)} bytes")
    return _HEAD.pack(VERSION, kind, crc32(body, crc32(bytes((VERSION, kind))))) + body


def _ask_body(ask: Ask) -> bytes:
    records = ask.records[:MAX_RECORDS]
    return _ROUND.pack(ask.round) + _pack_sequences(ask.sequences) + bytes([len(records)]) + b"".join(records)


def _have_body(have: Have) -> bytes:
    records = have.records[:MAX_RECORDS]
    packed = b"".join(_pack_record(record_id, spans[:MAX_SPANS]) for record_id, spans in records)
    return _ROUND.pack(have.round) + _pack_sequences(have.held) + _pack_sequences(have.done) + bytes([len(records)]) + packed


def _pack_sequences(spans: tuple[Span, ...]) -> bytes:
    spans = spans[:MAX_SPANS]
    return _COUNT.pack(len(spans)) + b"".join(_SEQUENCES.pack(start, min(end - start, 0xFFFFFFFF)) for start, end in spans)


def _pack_record(record_id: bytes, spans: tuple[tuple[int, int, int], ...]) -> bytes:
    return _RECORD.pack(record_id, len(spans)) + b"".join(_PART.pack(*span) for span in spans)


class _Reader:
    """Takes values off a body one after the other; anything missing or left over is an error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, layout: struct.Struct) -> tuple[int, ...]:
        if self._at + layout.size > len(self._data):
            raise WireError("cut short")
        values = layout.unpack_from(self._data, self._at)
        self._at += layout.size
        return values

    def raw(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._data):
            raise WireError("cut short")
        return self._data[self._at - count : self._at]

    def count(self, limit: int, layout: struct.Struct) -> int:
        (count,) = self.take(layout)
        if count > limit:
            raise WireError("too many")
        return count

    def sequences(self) -> tuple[Span, ...]:
        pairs = [self.take(_SEQUENCES) for _ in range(self.count(MAX_SPANS, _COUNT))]
        return tuple((first, first + count) for first, count in pairs)

    def end(self) -> None:
        if self._at != len(self._data):
            raise WireError("trailing bytes")


_BYTE = struct.Struct(">B")


def _decode_chunk(body: bytes) -> Chunk:
    if len(body) <= _CHUNK.size:
        raise WireError("cut short")
    record_id, part, offset = _CHUNK.unpack_from(body)
    return Chunk(record_id, part, offset, body[_CHUNK.size :])


def _decode_ask(body: bytes) -> Ask:
    reader = _Reader(body)
    (number,) = reader.take(_ROUND)
    sequences = reader.sequences()
    records = tuple(reader.raw(16) for _ in range(reader.count(MAX_RECORDS, _BYTE)))
    reader.end()
    return Ask(number, sequences, records)


def _decode_have(body: bytes) -> Have:
    reader = _Reader(body)
    (number,) = reader.take(_ROUND)
    held, done = reader.sequences(), reader.sequences()
    records = tuple(_decode_record(reader) for _ in range(reader.count(MAX_RECORDS, _BYTE)))
    reader.end()
    return Have(number, held, done, records)


def _decode_record(reader: _Reader) -> tuple[bytes, tuple[tuple[int, int, int], ...]]:
    record_id = reader.raw(16)
    spans = [reader.take(_PART) for _ in range(reader.count(MAX_SPANS, _COUNT))]
    return record_id, tuple((part, start, end) for part, start, end in spans)


_DECODERS: dict[int, Callable[[bytes], Message]] = {
    Kind.ENTRY: Entry,
    Kind.CHUNK: _decode_chunk,
    Kind.ASK: _decode_ask,
    Kind.HAVE: _decode_have,
    Kind.RECEIPT: Receipt,
    Kind.POLICY: Policy,
}
