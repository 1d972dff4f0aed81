"""Strict deterministic CBOR, against RFC 8949's own examples and cbor2."""

import cbor2
import pytest

from protocols.canonical import FormatError, Value, canonical_dumps, strict_loads

GOOD = {
    # RFC 8949 appendix A, the types that are allowed here
    "00": 0, "17": 23, "1818": 24, "1903e8": 1000, "1b000000e8d4a51000": 1_000_000_000_000, "1bffffffffffffffff": 2**64 - 1, "20": -1, "3903e7": -1000,
    "f4": False, "f5": True, "f6": None, "40": b"", "4401020304": b"\x01\x02\x03\x04", "60": "", "62c3bc": "ü", "64f0908591": "\U00010151",
    "80": [], "8301820203820405": [1, [2, 3], [4, 5]], "a0": {}, "a201020304": {1: 2, 3: 4}, "a26161016162820203": {"a": 1, "b": [2, 3]},
    "3b7fffffffffffffff": -(2**63),
}  # fmt: skip
BAD = {
    "empty": "", "cut short": "44010203", "bytes after the end": "0000", "long head": "1800", "long head 2": "190018", "long head 3": "1a0000ffff",
    "long head 4": "1b00000000ffffffff", "indefinite array": "9fff", "indefinite bytes": "5f4101ff", "half float": "f93c00", "double": "fb3ff199999999999a",
    "undefined": "f7", "simple 32": "f820", "tag": "c074323031332d30332d32315432303a30343a30305a", "bignum": "c249010000000000000000", "reserved head": "1c",
    "same key twice": "a2616101616102", "keys out of order": "a2616201616102", "key of bytes": "a1410100", "key of array": "a18000", "key bool": "a1f500",
    "not UTF-8": "61ff", "surrogate": "63eda080", "below 64 bits": "3bffffffffffffffff", "array bomb": "9bffffffffffffffff", "map bomb": "bb7fffffffffffffff",
    "string bomb": "5b7fffffffffffffff", "deep": "81" * 9 + "00", "break": "ff", "shared reference": "d81c80",
}  # fmt: skip


@pytest.mark.parametrize(("encoded", "value"), GOOD.items())
def test_allowed(encoded: str, value: Value) -> None:
    assert strict_loads(bytes.fromhex(encoded), 100) == value
    assert canonical_dumps(value).hex() == encoded


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str) -> None:
    with pytest.raises(FormatError):
        strict_loads(bytes.fromhex(BAD[name]), 100)


def test_size_and_items_are_capped() -> None:
    with pytest.raises(FormatError, match="at most 10"):
        strict_loads(canonical_dumps(bytes(11)), 10)
    with pytest.raises(FormatError, match="too many items"):
        strict_loads(canonical_dumps([0] * 10), 100, items_max=10)


@pytest.mark.parametrize("value", [1.5, 2**64, -(2**63) - 1, {1.5: 1}, {b"a": 1}, {True: 1}, {1, 2}, object(), "\ud800", bytearray(b"x"), [{"a": 2**64}]])
def test_nothing_else_is_encoded(value: Value) -> None:
    with pytest.raises(FormatError):
        canonical_dumps(value)


def test_keys_are_ordered_by_their_bytes_whatever_their_type() -> None:
    encoded = canonical_dumps({"aa": 1, 1000: 2, -1: 3, 24: 4, "b": 5})  # type: ignore[dict-item]
    assert list(cbor2.loads(encoded)) == [24, 1000, -1, "b", "aa"]
    assert strict_loads(encoded, 100) == {24: 4, 1000: 2, -1: 3, "b": 5, "aa": 1}
