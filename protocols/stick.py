"""Entries of a station and receipts of a district as files on a USB stick.

    rekam/STATION/0000000042.entry      one ledger entry with its sealed parts (the layout below)
    rekam/STATION/0000000042.receipt    the district's signed receipt, as it came
    rekam/STATION/roster                a sealed roster for the station, as the district signed it
    rekam/STATION/policy                the policy that it shall keep to, as the district signed it

    bytes      field
    0..7       magic "REKAM1\\r\\n": a copy in text mode shows at once
    8..11      length of the signed entry, big endian
    12..15     number of parts
    16..       length of each part, 4 bytes each
    then       the signed entry, the parts in the order of the manifest
    last 32    SHA-256 over everything before: an interrupted or spoilt copy shows

Nothing here is readable without the district's keys, and nothing is believed because of this file: the receiver checks the signature and every
part's hash as if it had come over MQTT. Pure: no files are touched here.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from protocols.canonical import FormatError
from protocols.record import ENTRY_BYTES_MAX, PART_BYTES_MAX
from protocols.sealing import ENVELOPE_BYTES

FOLDER = "rekam"
ENTRY_SUFFIX, RECEIPT_SUFFIX = ".entry", ".receipt"
ROSTER_NAME = "roster"
POLICY_NAME = "policy"
MAGIC = b"REKAM1\r\n"
PARTS_MAX = 32
DIGEST_BYTES = 32
_COUNTS = struct.Struct(">II")
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Bundle:
    """One entry as it lies on the stick."""

    envelope: bytes
    parts: tuple[bytes, ...]


def entry_name(sequence: int) -> str:
    """File name of an entry; names sort in the order of the ledger."""
    return f"{sequence:010d}{ENTRY_SUFFIX}"


def receipt_name(sequence: int) -> str:
    """File name of its receipt."""
    return f"{sequence:010d}{RECEIPT_SUFFIX}"


def bundle_bytes(entry_bytes: int, part_sizes: Sequence[int]) -> int:
    """Size of the whole file."""
    return len(MAGIC) + _COUNTS.size + _LENGTH.size * len(part_sizes) + entry_bytes + sum(part_sizes) + DIGEST_BYTES


def pack_bundle(envelope: bytes, part_sizes: Sequence[int], parts: Iterable[bytes]) -> Iterator[bytes]:
    """The file in pieces, one part in memory at a time. Raises FormatError when a part has another size than announced."""
    digest = hashlib.sha256()
    for piece in _pieces(envelope, part_sizes, parts):
        digest.update(piece)
        yield piece
    yield digest.digest()


def _pieces(envelope: bytes, part_sizes: Sequence[int], parts: Iterable[bytes]) -> Iterator[bytes]:
    yield MAGIC + _COUNTS.pack(len(envelope), len(part_sizes))
    yield b"".join(_LENGTH.pack(size) for size in part_sizes)
    yield envelope
    for size, part in zip(part_sizes, parts, strict=True):
        if len(part) != size:
            raise FormatError("part", f"{len(part)} bytes instead of {size}")
        yield part


def read_bundle(data: bytes) -> Bundle:
    """Raises FormatError when the copy is not whole; lengths are checked before anything is believed."""
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise FormatError("file", "the copy is not whole")
    entry_bytes, count = _COUNTS.unpack_from(body, len(MAGIC)) if len(body) >= len(MAGIC) + _COUNTS.size else (0, 0)
    start = len(MAGIC) + _COUNTS.size + _LENGTH.size * count
    if count > PARTS_MAX or entry_bytes > ENTRY_BYTES_MAX + ENVELOPE_BYTES or start > len(body):
        raise FormatError("header", "counts that no record has")
    sizes = [_LENGTH.unpack_from(body, len(MAGIC) + _COUNTS.size + _LENGTH.size * index)[0] for index in range(count)]
    if start + entry_bytes + sum(sizes) != len(body) or any(size > PART_BYTES_MAX for size in sizes):
        raise FormatError("header", "lengths that do not fit the file")
    return Bundle(body[start : start + entry_bytes], tuple(_split(body, start + entry_bytes, sizes)))


def _split(body: bytes, at: int, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        yield body[at : at + size]
        at += size
