"""Properties of the record format: what is encoded comes back, what came back was its only encoding, and no altered byte passes."""

import string
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.canonical import FormatError, canonical_dumps, strict_loads
from protocols.record import (
    FIRST,
    Header,
    LedgerEvent,
    Manifest,
    PartRef,
    Receipt,
    Step,
    StepException,
    WrappedKey,
    decode_entry,
    decode_receipt,
    encode_event,
    encode_manifest,
    encode_receipt,
)
from protocols.sealing import SealingError, open_entry
from tests.records import new_station

LIMIT = 100_000
STATION = new_station()
RECORD = STATION.record().envelope
EVENT = STATION.event()

keys = st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=30,
)
message_ids = st.text(string.ascii_lowercase + string.digits + "_.", min_size=1, max_size=64)
hashes, id16 = st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16)
sequences, milliseconds, wall = st.integers(1, 2**63 - 1), st.integers(0, 2**53), st.integers(-(2**40), 2**40)
stations = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)


def headers(kind: str) -> st.SearchStrategy[Header]:
    return st.builds(
        Header, version=st.just(1), kind=st.just(kind), station=stations, sequence=sequences, previous=hashes | st.just(FIRST), boot_id=id16,
        monotonic_ms=milliseconds, wall_s=wall, trust=st.sampled_from(["none", "rtc", "district", "network"]),
    )  # fmt: skip


wrapped = st.builds(WrappedKey, audience=st.sampled_from(["intake", "vault"]), kid=id16, wrapped=st.binary(min_size=64, max_size=80))
parts = st.builds(
    PartRef, kind=st.sampled_from(["population", "face", "finger", "iris"]), position=st.integers(0, 10), media_type=st.just("image/png"),
    size=st.integers(1, 2**23), sha256=hashes, key_epoch=st.just(0), quality=st.dictionaries(message_ids, st.integers(-(2**31), 2**31 - 1), max_size=3),
)
manifests = st.builds(
    Manifest, header=headers("record"), record_id=id16, register=st.from_regex(r"[A-Za-z0-9/.-]{1,40}", fullmatch=True),
    keys=st.lists(st.lists(wrapped, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(tuple),
    parts=st.lists(parts, min_size=1, max_size=6, unique_by=lambda part: (part.kind, part.position)).map(tuple),
    exceptions=st.lists(st.builds(StepException, kind=message_ids, position=st.integers(0, 10), reason=message_ids), max_size=3).map(tuple),
    steps=st.lists(st.builds(Step, step=message_ids, duration_ms=milliseconds, attempts=st.integers(0, 100_000)), max_size=3).map(tuple),
    power_source=message_ids, operator=st.binary(min_size=1, max_size=16), urgent=st.booleans(), recapture=st.booleans(),
    guards_not_done=st.lists(message_ids, max_size=3).map(tuple),
)
facts = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=200)
events = st.builds(LedgerEvent, header=headers("event"), event=message_ids, detail=st.dictionaries(message_ids, facts, max_size=5))
receipts = st.builds(
    Receipt, version=st.just(1), district=stations, station=stations, record_id=id16 | st.none(), sequence=sequences, manifest_sha256=hashes,
    outcome=st.sampled_from(["stored", "rejected", "quarantined"]), reason=message_ids | st.just(""), district_sequence=sequences, wall_s=wall, head=hashes,
)


@given(values)
def test_what_is_encoded_comes_back(value: Any) -> None:
    encoded = canonical_dumps(value)
    assert strict_loads(encoded, LIMIT) == cbor2.loads(encoded) == value


@given(st.binary(max_size=60))
@settings(max_examples=500)
def test_any_bytes_are_refused_or_the_only_encoding_of_their_value(data: bytes) -> None:
    try:
        value = strict_loads(data, LIMIT)
    except FormatError:
        return
    assert canonical_dumps(value) == data
    assert cbor2.loads(data) == value


@given(manifests)
def test_manifests_come_back(manifest: Manifest) -> None:
    assert decode_entry(encode_manifest(manifest)) == manifest


@given(events)
def test_events_come_back(event: LedgerEvent) -> None:
    assert decode_entry(encode_event(event)) == event


@given(receipts)
def test_receipts_come_back(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


@given(values)
def test_any_other_document_is_refused_in_order(value: Any) -> None:
    for decode in (decode_entry, decode_receipt):
        try:
            decode(canonical_dumps(value))
        except FormatError:
            continue
        raise AssertionError(f"accepted {value!r}")


def accepted(envelope: bytes) -> bool:
    try:
        open_entry(envelope, _any_key)
    except (SealingError, FormatError):
        return False
    return True


def _any_key(_kid: bytes) -> ec.EllipticCurvePublicKey:
    return STATION.key.public_key()


def test_every_single_flipped_bit_of_a_signed_entry_is_refused() -> None:
    assert accepted(EVENT)
    assert accepted(RECORD)
    for bit in range(len(EVENT) * 8):
        altered = bytearray(EVENT)
        altered[bit // 8] ^= 1 << bit % 8
        assert not accepted(bytes(altered)), f"bit {bit}"


@given(st.lists(st.tuples(st.integers(0, len(RECORD) - 1), st.integers(1, 255)), min_size=1, max_size=4, unique_by=lambda change: change[0]))
@settings(max_examples=300)
def test_altered_bytes_of_a_signed_record_are_refused(changes: list[tuple[int, int]]) -> None:
    altered = bytearray(RECORD)
    for place, mask in changes:
        altered[place] ^= mask
    assert not accepted(bytes(altered))


@given(st.integers(0, len(RECORD) - 1), st.binary(max_size=3))
def test_a_cut_or_lengthened_record_is_refused(length: int, tail: bytes) -> None:
    assert RECORD[:length] + tail == RECORD or not accepted(RECORD[:length] + tail)
    assert not accepted(RECORD + tail + b"\x00")
