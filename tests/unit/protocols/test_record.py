"""Manifests, events and receipts: what passes, what is refused, and that record.cddl says the same."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pycddl
import pytest

import protocols
from protocols.canonical import FormatError, UnknownVersion, canonical_dumps, strict_loads
from protocols.record import (
    FIRST,
    LedgerEvent,
    Manifest,
    Receipt,
    decode_entry,
    decode_keys,
    decode_manifest,
    decode_receipt,
    encode_event,
    encode_keys,
    encode_manifest,
    encode_receipt,
)
from tests.records import new_station

CDDL = (Path(protocols.__file__).parent / "record.cddl").read_text(encoding="utf-8")
RECEIPT = Receipt(
    district="poso", station="s-1", record_id=bytes(16), sequence=1, manifest_sha256=bytes(32), outcome="stored", reason="", district_sequence=1,
    wall_s=1_800_000_000, head=FIRST,
)
replace = msgspec.structs.replace


@pytest.fixture
def manifest() -> Manifest:
    return new_station().record().manifest


@pytest.fixture
def event() -> LedgerEvent:
    return LedgerEvent(header=new_station().header("event"), event="fault", detail={"device": "fingerprint", "times": 3, "repaired": False})


def schema(rule: str) -> pycddl.Schema:
    return pycddl.Schema(CDDL.replace("document = manifest / ledger-event / receipt / policy", f"document = {rule}"))


def test_round_trips(manifest: Manifest, event: LedgerEvent) -> None:
    assert decode_manifest(encode_manifest(manifest)) == decode_entry(encode_manifest(manifest)) == manifest
    assert decode_entry(encode_event(event)) == event
    assert decode_receipt(encode_receipt(RECEIPT)) == RECEIPT
    assert decode_keys(encode_keys(manifest.keys[0])) == manifest.keys[0]


def test_the_cddl_agrees(manifest: Manifest, event: LedgerEvent) -> None:
    for rule, encoded in (("manifest", encode_manifest(manifest)), ("ledger-event", encode_event(event)), ("receipt", encode_receipt(RECEIPT))):
        schema(rule).validate_cbor(encoded)
        values = strict_loads(encoded, 100_000)
        assert isinstance(values, list)
        for broken in (values[:-1], [*values, 0], [2, *values[1:]], {"a": 1}):
            with pytest.raises(pycddl.ValidationError):
                schema(rule).validate_cbor(canonical_dumps(broken))


def test_a_record_is_not_an_event(manifest: Manifest, event: LedgerEvent) -> None:
    assert decode_entry(encode_manifest(manifest)) == manifest
    with pytest.raises(FormatError, match="an event, not a record"):
        decode_manifest(encode_event(event))


Change = Callable[[Manifest], Manifest]
LIMITS: dict[str, Change] = {
    "station name": lambda m: replace(m, header=replace(m.header, station="Stasiun 1")),
    "station with a line end": lambda m: replace(m, header=replace(m.header, station="s-1\n")),
    "sequence 0": lambda m: replace(m, header=replace(m.header, sequence=0)),
    "previous too short": lambda m: replace(m, header=replace(m.header, previous=bytes(31))),
    "boot id": lambda m: replace(m, header=replace(m.header, boot_id=b"")),
    "negative monotonic": lambda m: replace(m, header=replace(m.header, monotonic_ms=-1)),
    "wall beyond all years": lambda m: replace(m, header=replace(m.header, wall_s=2**41)),
    "trust": lambda m: replace(m, header=replace(m.header, trust="certain")),
    "event header": lambda m: replace(m, header=replace(m.header, kind="event")),
    "record id": lambda m: replace(m, record_id=bytes(15)),
    "register with a name": lambda m: replace(m, register="Siti Rahmawati"),
    "no keys": lambda m: replace(m, keys=()),
    "no parts": lambda m: replace(m, parts=()),
    "same part twice": lambda m: replace(m, parts=(m.parts[0], m.parts[0])),
    "too many parts": lambda m: replace(m, parts=m.parts * 9),
    "key that is not there": lambda m: replace(m, parts=(replace(m.parts[0], key_epoch=1),)),
    "finger 11": lambda m: replace(m, parts=(replace(m.parts[0], kind="finger", position=11),)),
    "unknown kind": lambda m: replace(m, parts=(replace(m.parts[0], kind="palm"),)),
    "empty part": lambda m: replace(m, parts=(replace(m.parts[0], size=0),)),
    "huge part": lambda m: replace(m, parts=(replace(m.parts[0], size=8 * 1024 * 1024 + 1),)),
    "text as quality": lambda m: replace(m, parts=(replace(m.parts[0], quality={"sharpness": "good"}),)),
    "operator's name": lambda m: replace(m, operator=b"Ani Wulandari Kusuma"),
    "wide flag": lambda m: replace(m, urgent=1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_hold_in_both_directions(manifest: Manifest, name: str) -> None:
    broken = LIMITS[name](manifest)
    with pytest.raises(FormatError):
        encode_manifest(broken)
    with pytest.raises(FormatError):
        decode_entry(canonical_dumps(msgspec.to_builtins(broken, builtin_types=(bytes,))))


def test_a_missing_or_added_field_is_refused(manifest: Manifest) -> None:
    values = strict_loads(encode_manifest(manifest), 100_000)
    assert isinstance(values, list)
    for changed in (values[:-1], [*values, 0], [[*values[0], 0], *values[1:]], {"header": 1}, [], [[]], [[1]], None):
        with pytest.raises(FormatError):
            decode_entry(canonical_dumps(changed))


def test_an_unknown_version_says_so_before_anything_else(manifest: Manifest) -> None:
    for document in ([[2, "record", "whatever comes"]], [[7]]):
        with pytest.raises(UnknownVersion, match="keep the bytes"):
            decode_entry(canonical_dumps(document))
    with pytest.raises(UnknownVersion):
        decode_receipt(canonical_dumps([2, "x"]))
    with pytest.raises(FormatError, match="missing"):
        decode_receipt(canonical_dumps([True, "x"]))


def test_free_text_has_no_place_in_an_event(event: LedgerEvent) -> None:
    for detail in ({"note": "x" * 201}, {"Device": 1}, {"a": [1]}, {str(n): n for n in range(17)}):
        with pytest.raises(FormatError):
            encode_event(replace(event, detail=detail))
