"""The district's policy: one form, one signature, limits on every field, and that record.cddl says the same."""

from pathlib import Path

import msgspec
import pycddl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import protocols
from protocols.canonical import FormatError, UnknownVersion, canonical_dumps, strict_loads
from protocols.policy import POLICY_BYTES_MAX, POLICY_TYPE, Policy, open_policy, read_policy, sign_policy
from protocols.record import plain
from protocols.sealing import ENTRY_TYPE, RECEIPT_TYPE, SealingError, open1, parse1, sign1
from tests.records import new_signer

DISTRICT = new_signer()
CDDL = (Path(protocols.__file__).parent / "record.cddl").read_text(encoding="utf-8")
POLICY = Policy(
    district="poso", station=None, sequence=7, wall_s=1_800_000_000, online_only=True, waiting_max=200, retention_days=14, urgent=("pupil", "exception"),
    urgent_letters=("SP-9",),
)
LARGEST = msgspec.structs.replace(
    POLICY, station="s" * 32, sequence=2**63 - 1, urgent=("exception", "recapture", "pupil"), urgent_letters=tuple("é" * 40 for _ in range(16)),
)


def key_of(kid: bytes) -> ec.EllipticCurvePublicKey | None:
    return DISTRICT.public_key if kid == DISTRICT.kid else None


def test_a_policy_comes_back_as_it_was_signed() -> None:
    for policy in (POLICY, LARGEST, msgspec.structs.replace(POLICY, station="s-1", retention_days=None, urgent=(), urgent_letters=())):
        signed = sign_policy(policy, DISTRICT)
        assert open_policy(signed, key_of) == read_policy(signed) == policy
        assert len(parse1(signed, POLICY_BYTES_MAX).payload) <= POLICY_BYTES_MAX


def test_every_flipped_bit_is_noticed() -> None:
    signed = bytearray(sign_policy(POLICY, DISTRICT))
    for bit in range(0, len(signed) * 8):
        signed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealingError):
            open_policy(bytes(signed), key_of)
        signed[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("other_type", [ENTRY_TYPE, RECEIPT_TYPE])
def test_a_policy_stands_for_nothing_else(other_type: str) -> None:
    payload = canonical_dumps(plain(POLICY))
    with pytest.raises(SealingError, match="signed as"):
        open_policy(sign1(payload, DISTRICT, other_type), key_of)
    with pytest.raises(SealingError, match="signed as"):
        open1(sign_policy(POLICY, DISTRICT), key_of, other_type, POLICY_BYTES_MAX)


def test_another_districts_policy_is_not_believed() -> None:
    with pytest.raises(SealingError) as refusal:
        open_policy(sign_policy(POLICY, new_signer()), key_of)
    assert refusal.value.reason == "unknown_key"


def test_an_unknown_version_and_unknown_fields_are_named() -> None:
    values = plain(POLICY)
    with pytest.raises(UnknownVersion, match="version 2"):
        open_policy(sign1(canonical_dumps([2, *values[1:], "more"]), DISTRICT, POLICY_TYPE), key_of)
    with pytest.raises(FormatError):
        open_policy(sign1(canonical_dumps([*values, 0]), DISTRICT, POLICY_TYPE), key_of)
    with pytest.raises(FormatError):
        open_policy(sign1(canonical_dumps(values[:-1]), DISTRICT, POLICY_TYPE), key_of)


@pytest.mark.parametrize("change", [
    {"sequence": 0}, {"waiting_max": -1}, {"waiting_max": 100_001}, {"retention_days": 3651}, {"urgent": ("rich",)}, {"station": "S 1"},
    {"urgent_letters": ("",)}, {"urgent_letters": ("x" * 41,)}, {"urgent_letters": ("x",) * 17}, {"online_only": 1}, {"wall_s": 2**41},
])
def test_a_field_beyond_its_limit_is_not_signed(change: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        sign_policy(msgspec.structs.replace(POLICY, **change), DISTRICT)


def test_the_cddl_agrees() -> None:
    schema = pycddl.Schema(CDDL.replace("document = manifest / ledger-event / receipt / policy", "document = policy"))
    for policy in (POLICY, LARGEST):
        schema.validate_cbor(canonical_dumps(plain(policy)))
    values = strict_loads(canonical_dumps(plain(POLICY)), 10_000)
    assert isinstance(values, list)
    for broken in (values[:-1], [*values, 0], [2, *values[1:]]):
        with pytest.raises(pycddl.ValidationError):
            schema.validate_cbor(canonical_dumps(broken))
