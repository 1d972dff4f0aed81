"""Signatures as other programs make and check them, and seals that open only where they belong."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cwt import COSE, COSEHeaders, COSEKey

from edge.clock import random_bytes
from protocols.sealing import (
    ENTRY_TYPE,
    RECEIPT_TYPE,
    SEAL_BYTES,
    RecordSealer,
    SealingError,
    SoftwareSigner,
    audience_public,
    generate_audience,
    open1,
    open_part,
    parse1,
    sign1,
    to_be_signed,
)
from tests.records import INTAKE, VAULT, new_signer, new_station

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "cose" / "sign1.json").read_text(encoding="utf-8"))
KEY = ec.derive_private_key(int(VECTORS["key"]["d"], 16), ec.SECP256R1())
CONTENT = b"This is the content."
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def key_of(kid: bytes) -> ec.EllipticCurvePublicKey | None:
    return KEY.public_key() if kid == SoftwareSigner(KEY).kid else None


def published(name: str) -> dict[str, Any]:
    return next(vector for vector in VECTORS["published"] if vector["name"] == name)


@pytest.mark.parametrize("name", [vector["name"] for vector in VECTORS["published"]])
def test_published_examples(name: str) -> None:
    """What we sign over is what RFC 9052 says; the examples themselves are outside our narrower profile and refused."""
    vector = published(name)
    encoded = bytes.fromhex(vector["cbor"])
    decoded = cbor2.loads(encoded)
    protected, _, payload, signature = getattr(decoded, "value", decoded)
    if "to_be_signed" in vector:
        assert to_be_signed(protected, payload).hex() == vector["to_be_signed"]
    if encoded[0] != 0xD9 and b"\x01\x26" in protected:
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        assert _holds(der, to_be_signed(protected, payload)) is vector["verifies"]
    with pytest.raises(SealingError):
        open1(encoded, lambda _kid: KEY.public_key(), ENTRY_TYPE, 1000)


def _holds(der: bytes, signed: bytes) -> bool:
    try:
        KEY.public_key().verify(der, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_another_programs_signature_in_our_profile_is_accepted() -> None:
    assert open1(bytes.fromhex(VECTORS["auth0"]), key_of, ENTRY_TYPE, 100) == CONTENT


def test_our_signature_is_the_one_that_other_programs_verified() -> None:
    assert sign1(CONTENT, SoftwareSigner(KEY), ENTRY_TYPE).hex() == VECTORS["ours"]


def test_cwt_verifies_a_record_of_ours_and_refuses_an_altered_one() -> None:
    made = new_station("s-1", KEY).record()
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    key = COSEKey.from_pem(pem, kid=SoftwareSigner(KEY).kid)
    assert COSE.new().decode(made.envelope, key) == parse1(made.envelope, 100_000).payload
    with pytest.raises(Exception, match=r"verify|signature"):
        COSE.new().decode(made.envelope[:-1] + bytes([made.envelope[-1] ^ 1]), key)


def test_we_verify_what_cwt_signs() -> None:
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    kid = SoftwareSigner(KEY).kid
    headers = {COSEHeaders.ALG: -7, COSEHeaders.CTY: ENTRY_TYPE, COSEHeaders.KID: kid}
    for _ in range(20):
        envelope = COSE.new().encode_and_sign(CONTENT, COSEKey.from_pem(pem, kid=kid), protected=headers)
        if int.from_bytes(envelope[-32:], "big") <= ORDER // 2:
            assert open1(envelope, key_of, ENTRY_TYPE, 100) == CONTENT
            return
    pytest.fail("twenty signatures with high s")


def _envelope(protected: object, unprotected: object = None, payload: object = CONTENT, signature: bytes = bytes(64)) -> bytes:
    packed = protected if isinstance(protected, bytes) else cbor2.dumps(protected)
    return b"\xd2" + cbor2.dumps([packed, unprotected or {}, payload, signature])


KID = SoftwareSigner(KEY).kid
GOOD = {1: -7, 3: ENTRY_TYPE, 4: KID}
MALFORMED = {
    "untagged": (bytes.fromhex(VECTORS["ours"])[1:], "malformed"),
    "wrong tag": (b"\xd1" + bytes.fromhex(VECTORS["ours"])[1:], "malformed"),
    "ES384": (_envelope({**GOOD, 1: -35}), "algorithm"),
    "EdDSA": (_envelope({**GOOD, 1: -8}), "algorithm"),
    "no algorithm": (_envelope({3: ENTRY_TYPE, 4: KID}), "malformed"),
    "algorithm unprotected": (_envelope({3: ENTRY_TYPE, 4: KID}, {1: -7}), "malformed"),
    "something unprotected": (_envelope(GOOD, {99: 1}), "malformed"),
    "unknown critical header": (_envelope({**GOOD, 2: [99]}), "malformed"),
    "detached payload": (_envelope(GOOD, payload=None), "malformed"),
    "short kid": (_envelope({**GOOD, 4: b"11"}), "malformed"),
    "foreign kid": (_envelope({**GOOD, 4: bytes(16)}), "unknown_key"),
    "other content type": (_envelope({**GOOD, 3: RECEIPT_TYPE}), "content_type"),
    "empty signature": (_envelope(GOOD, signature=b""), "malformed"),
    "DER signature": (_envelope(GOOD, signature=bytes(70)), "malformed"),
    "zero signature": (_envelope(GOOD), "signature"),
    "order as signature": (_envelope(GOOD, signature=ORDER.to_bytes(32, "big") * 2), "signature"),
    "protected not minimal": (_envelope(bytes.fromhex("a1182018")), "malformed"),
    "two signatures": (b"\xd2" + cbor2.dumps([cbor2.dumps(GOOD), {}, CONTENT, bytes(64), bytes(64)]), "malformed"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refused(name: str) -> None:
    envelope, reason = MALFORMED[name]
    with pytest.raises(SealingError) as refusal:
        open1(envelope, key_of, ENTRY_TYPE, 1000)
    assert refusal.value.reason == reason


def test_the_other_s_is_refused() -> None:
    """(r, n - s) verifies mathematically; accepting it would give one entry two hashes."""
    envelope = bytes.fromhex(VECTORS["ours"])
    s = int.from_bytes(envelope[-32:], "big")
    with pytest.raises(SealingError, match="high s"):
        open1(envelope[:-32] + (ORDER - s).to_bytes(32, "big"), key_of, ENTRY_TYPE, 1000)


def test_size_is_refused_before_cryptography() -> None:
    calls: list[bytes] = []

    def counting(kid: bytes) -> None:
        calls.append(kid)

    with pytest.raises(SealingError, match="at most"):
        open1(sign1(bytes(5000), SoftwareSigner(KEY), ENTRY_TYPE), counting, ENTRY_TYPE, 1000)
    assert calls == []


# --- seals ---------------------------------------------------------------------------------------------------------------------------


def make_sealer(record_id: bytes = bytes(16), station: str = "s-1") -> RecordSealer:
    return RecordSealer(record_id, station, {"intake": INTAKE[1], "vault": VAULT[1]}, random_bytes)


PLACE: dict[str, Any] = {"station": "s-1", "record_id": bytes(16), "kind": "finger", "position": 2, "epoch": 0}


def test_a_part_opens_for_its_audience_alone() -> None:
    sealer = make_sealer()
    finger, person = sealer.seal_part("finger", 2, b"ridges"), sealer.seal_part("population", 0, b"name")
    assert open_part(VAULT[0], sealer.wrapped, finger, **PLACE) == b"ridges"
    assert open_part(INTAKE[0], sealer.wrapped, person, **{**PLACE, "kind": "population", "position": 0}) == b"name"
    for private, sealed, place in ((INTAKE[0], finger, PLACE), (VAULT[0], person, {**PLACE, "kind": "population", "position": 0})):
        with pytest.raises(SealingError):
            open_part(private, sealer.wrapped, sealed, **place)
    with pytest.raises(SealingError, match="nothing is wrapped"):
        open_part(generate_audience()[0], sealer.wrapped, finger, **PLACE)


@pytest.mark.parametrize(
    "other", [{"station": "s-2"}, {"record_id": bytes([1] * 16)}, {"kind": "iris"}, {"position": 3}, {"epoch": 1}], ids=lambda other: next(iter(other))
)
def test_a_part_opens_only_in_its_place(other: dict[str, Any]) -> None:
    sealer = make_sealer()
    sealed = sealer.seal_part("finger", 2, b"ridges")
    with pytest.raises(SealingError):
        open_part(VAULT[0], sealer.wrapped, sealed, **{**PLACE, **other})


def test_every_flipped_bit_of_a_sealed_part_is_noticed() -> None:
    sealer = make_sealer()
    sealed = sealer.seal_part("finger", 2, b"ridges")
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealingError):
            open_part(VAULT[0], sealer.wrapped, bytes(altered), **PLACE)


def test_no_nonce_and_no_key_repeats() -> None:
    sealer = make_sealer()
    sealed = [bytes(sealer.seal_part("finger", 2, b"same finger again")) for _ in range(100)]
    assert len({part[1:13] for part in sealed}) == len(set(sealed)) == 100
    assert len(sealed[0]) == len(b"same finger again") + SEAL_BYTES
    wrapped = {key.wrapped for _ in range(20) for key in make_sealer().wrapped}
    assert len(wrapped) == 40


@pytest.mark.parametrize("cut", [0, 1, 12, 28])
def test_a_cut_part_is_refused(cut: int) -> None:
    sealer = make_sealer()
    with pytest.raises(SealingError):
        open_part(VAULT[0], sealer.wrapped, sealer.seal_part("finger", 2, b"ridges")[:cut], **PLACE)


def test_audience_keys_are_reproducible_from_the_private_half() -> None:
    private, public = generate_audience()
    assert (len(private), len(public)) == (96, 1216)
    assert audience_public(private) == public


def test_a_signer_from_a_wrong_file() -> None:
    for pem in (b"", b"nonsense", ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )):
        with pytest.raises(SealingError):
            SoftwareSigner.from_pem(pem)
    assert new_signer().kid != new_signer().kid
