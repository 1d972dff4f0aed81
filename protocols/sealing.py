"""Signing of documents (COSE_Sign1 with ES256, RFC 9052 and 9053) and sealing of parts (HPKE, RFC 9180, and ChaCha20-Poly1305, RFC 8439).

Order: parts are sealed first, the manifest over their hashes is signed afterwards, so that the broker and the receiving office can check
everything and open nothing. Exactly one suite per version, nothing is negotiated. Not responsible for key files (edge/keys.py,
district/keys.py) nor for who may sign what (certificates.py, district/verify.py).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocols.canonical import FormatError, Value, canonical_dumps, strict_loads
from protocols.record import ENTRY_BYTES_MAX, RECEIPT_BYTES_MAX, Audience, Entry, PartKind, Receipt, WrappedKey, decode_entry, decode_receipt

ENTRY_TYPE: Final = "application/x-rekam-entry"
RECEIPT_TYPE: Final = "application/x-rekam-receipt"
"""content types keep a signature over one kind of document from standing under another"""
ENVELOPE_BYTES: Final = 256
"""room that headers and signature take beside the payload: 132 to 140 bytes"""
SEAL_BYTES: Final = 1 + 12 + 16
"""what sealing adds to a part: version, nonce, tag"""

KeyOf = Callable[[bytes], ec.EllipticCurvePublicKey | None]

_COSE_SIGN1_TAG = 0xD2
_ALGORITHM, _CONTENT_TYPE, _KID = 1, 3, 4
_ES256 = -7
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_SEAL_VERSION = 1
_TEXT_AT = 13
"""where the ciphertext of a sealed part begins"""
_ARRAY_OF_7 = 0x87
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


class SealingError(Exception):
    """A signature, seal or key that does not hold. `reason` is a message id: malformed, algorithm, content_type, unknown_key, signature, seal."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


# --- signing ------------------------------------------------------------------------------------------------------------------------


class Signer(Protocol):
    """Whoever holds a P-256 key: a file, a TPM."""

    @property
    def kid(self) -> bytes:
        """16 bytes, `kid_of` its public key."""

    def sign(self, to_be_signed: bytes) -> bytes:
        """64 bytes r || s, ECDSA with SHA-256."""


class SoftwareSigner:
    """The key is in this process' memory. Signs deterministically (RFC 6979), so no randomness is needed."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        self._private_key = private_key
        self._kid = kid_of(private_key.public_key())

    @classmethod
    def from_pem(cls, pem: bytes) -> "SoftwareSigner":
        """From an unencrypted PKCS #8 file. Raises SealingError (reason unknown_key)."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise SealingError("unknown_key", "it is no private key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SealingError("unknown_key", "it is no P-256 key")
        return cls(key)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Whoever should believe this signer needs it."""
        return self._private_key.public_key()

    @property
    def kid(self) -> bytes:
        return self._kid

    def sign(self, to_be_signed: bytes) -> bytes:
        r, s = decode_dss_signature(self._private_key.sign(to_be_signed, _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A COSE_Sign1 taken apart, nothing verified yet."""

    protected: bytes
    content_type: str
    kid: bytes
    payload: bytes
    signature: bytes


def kid_of(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Key id: first 16 bytes of SHA-256 over the SubjectPublicKeyInfo."""
    encoded = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()[:16]


def sign1(payload: bytes, signer: Signer, content_type: str) -> bytes:
    """A tagged COSE_Sign1 around `payload`; algorithm, content type and key id are protected."""
    protected = _protected(content_type, signer.kid)
    signature = _low_s(signer.sign(to_be_signed(protected, payload)))
    return bytes([_COSE_SIGN1_TAG]) + canonical_dumps([protected, {}, payload, signature])


@lru_cache(maxsize=32)
def _protected(content_type: str, kid: bytes) -> bytes:
    return canonical_dumps({_ALGORITHM: _ES256, _CONTENT_TYPE: content_type, _KID: kid})


def open1(envelope: bytes, key_of: KeyOf, content_type: str, max_bytes: int) -> bytes:
    """The payload, once the signature holds. `max_bytes` bounds the payload. Raises SealingError."""
    parsed = parse1(envelope, max_bytes)
    if parsed.content_type != content_type:
        raise SealingError("content_type", f"signed as {parsed.content_type[:60]!r}, expected {content_type!r}")
    key = key_of(parsed.kid)
    if key is None:
        raise SealingError("unknown_key", f"signed by unknown key {parsed.kid.hex()}")
    _verify(key, parsed)
    return parsed.payload


def parse1(envelope: bytes, max_bytes: int) -> Envelope:
    """Take apart without verifying; cheap, so that size and form are refused before any cryptography. Raises SealingError."""
    if envelope[:1] != bytes([_COSE_SIGN1_TAG]):
        raise SealingError("malformed", "not a tagged COSE_Sign1")
    try:
        return _parse(strict_loads(envelope[1:], max_bytes + ENVELOPE_BYTES), max_bytes)
    except FormatError as error:
        raise SealingError("malformed", str(error)) from error


def open_entry(envelope: bytes, key_of: KeyOf) -> Entry:
    """Verify and decode a station's entry. Raises SealingError, FormatError, UnknownVersion."""
    return decode_entry(open1(envelope, key_of, ENTRY_TYPE, ENTRY_BYTES_MAX))


def open_receipt(envelope: bytes, key_of: KeyOf) -> Receipt:
    """Verify and decode a district's receipt. Raises SealingError, FormatError, UnknownVersion."""
    return decode_receipt(open1(envelope, key_of, RECEIPT_TYPE, RECEIPT_BYTES_MAX))


def _parse(value: Value, max_bytes: int) -> Envelope:
    match value:
        case [bytes(protected), {**unprotected}, bytes(payload), bytes(signature)] if not unprotected and len(signature) == 64 and len(payload) <= max_bytes:
            content_type, kid = _parse_protected(protected)
            return Envelope(protected, content_type, kid, payload, signature)
    raise FormatError("envelope", "not [protected, {}, payload, 64 bytes of signature]")


def _parse_protected(protected: bytes) -> tuple[str, bytes]:
    match strict_loads(protected, ENVELOPE_BYTES):
        case {1: algorithm, 3: str(content_type), 4: bytes(kid), **others} if not others and len(kid) == 16:
            if algorithm != _ES256 or isinstance(algorithm, bool):
                raise SealingError("algorithm", f"algorithm {algorithm!r} is not ES256")
            return content_type, kid
    raise FormatError("protected header", "not exactly algorithm, content type and key id")


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Sig_structure of RFC 9052 section 4.4; no external data: the content type already separates the documents."""
    return canonical_dumps(["Signature1", protected, b"", payload])


def _verify(key: ec.EllipticCurvePublicKey, envelope: Envelope) -> None:
    r, s = _split(envelope.signature)
    if s > _P256_ORDER // 2:
        raise SealingError("signature", "high s: not the form this system makes, somebody rewrote the signature")
    try:
        key.verify(encode_dss_signature(r, s), to_be_signed(envelope.protected, envelope.payload), _ECDSA)
    except InvalidSignature as error:
        raise SealingError("signature", "the signature does not hold") from error


def _low_s(signature: bytes) -> bytes:
    """(r, s) and (r, n - s) both verify; only the lower may pass, so that nobody can make other bytes, another hash, of a signed entry."""
    r, s = _split(signature)
    return r.to_bytes(32, "big") + min(s, _P256_ORDER - s).to_bytes(32, "big")


def _split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


# --- sealing ------------------------------------------------------------------------------------------------------------------------


def audience_of(kind: PartKind) -> Audience:
    """Least privilege: the intake office opens population data, only the vault opens pictures of bodies."""
    return "intake" if kind == "population" else "vault"


def audience_kid(public: bytes) -> bytes:
    """Key id of an audience: first 16 bytes of SHA-256 over its public key."""
    return hashlib.sha256(public).digest()[:16]


def generate_audience() -> tuple[bytes, bytes]:
    """A new audience key: private (ML-KEM-768 seed 64 || X25519 32 bytes) and public (1184 || 32 bytes)."""
    private = mlkem.MLKEM768PrivateKey.generate().private_bytes_raw() + x25519.X25519PrivateKey.generate().private_bytes_raw()
    return private, audience_public(private)


def audience_public(private: bytes) -> bytes:
    """The public half of an audience's private key."""
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(private[:64]).public_key().public_bytes_raw() + (
        x25519.X25519PrivateKey.from_private_bytes(private[64:]).public_key().public_bytes_raw()
    )


class RecordSealer:
    """Seals the parts of one record in one power life: a fresh content key for each audience, wrapped once.

    The content keys exist only here; after a power cut a new sealer with new keys goes on, and what was sealed stays sealed to the
    station itself. The nonce counts, so under one key it never repeats.
    """

    def __init__(self, record_id: bytes, station: str, audiences: Mapping[Audience, bytes], random_bytes: Callable[[int], bytes], key_epoch: int = 0) -> None:
        self.key_epoch = key_epoch
        """index of `wrapped` in the manifest's keys; the store says which when it keeps them"""
        self._context = _record_context(station, record_id)
        self._sealed = 0
        keys = {audience: random_bytes(32) for audience in sorted(audiences)}
        self._ciphers = {audience: ChaCha20Poly1305(key) for audience, key in keys.items()}
        self.wrapped = tuple(_wrap(audience, audiences[audience], key, station, record_id) for audience, key in keys.items())

    def seal_part(self, kind: PartKind, position: int, plaintext: bytes) -> bytearray:
        """version 1 byte || nonce 12 bytes || ciphertext || tag 16 bytes, written into one buffer: a copy of a picture costs as much as its cipher."""
        self._sealed += 1
        nonce = self._sealed.to_bytes(12, "big")
        sealed = bytearray(len(plaintext) + SEAL_BYTES)
        sealed[0], sealed[1:_TEXT_AT] = _SEAL_VERSION, nonce
        context = self._context + _place(kind, position, self.key_epoch)
        self._ciphers[audience_of(kind)].encrypt_into(nonce, plaintext, context, memoryview(sealed)[_TEXT_AT:])
        return sealed


class AudienceKey:
    """An audience's private key: opens what was sealed to it, and nothing else. Remembers the last content key it unwrapped."""

    def __init__(self, private: bytes) -> None:
        mlkem_key = mlkem.MLKEM768PrivateKey.from_seed_bytes(private[:64])
        self._pair = hpke.MLKEM768X25519PrivateKey(mlkem_key, x25519.X25519PrivateKey.from_private_bytes(private[64:]))
        self.kid = audience_kid(audience_public(private))
        self._last: tuple[bytes, bytes] = (b"", b"")

    def open_part(
        self, keys: tuple[WrappedKey, ...], sealed: bytes | bytearray, *, station: str, record_id: bytes, kind: PartKind, position: int, epoch: int
    ) -> bytes:
        """The plaintext; `keys` is the manifest's entry of `epoch`. Raises SealingError."""
        if len(sealed) < SEAL_BYTES or sealed[0] != _SEAL_VERSION:
            raise SealingError("seal", "not a sealed part of version 1")
        cipher = ChaCha20Poly1305(self._unwrap(keys, station, record_id))
        context = _record_context(station, record_id) + _place(kind, position, epoch)
        try:
            return cipher.decrypt(sealed[1:_TEXT_AT], memoryview(sealed)[_TEXT_AT:], context)
        except InvalidTag as error:
            raise SealingError("seal", f"{kind} {position} was sealed for another place, by another key, or was altered") from error

    def _unwrap(self, keys: tuple[WrappedKey, ...], station: str, record_id: bytes) -> bytes:
        found = next((key for key in keys if key.kid == self.kid), None)
        if found is None:
            raise SealingError("unknown_key", f"nothing is wrapped for audience key {self.kid.hex()}")
        context = _wrap_context(found.audience, station, record_id)
        if self._last[0] != found.wrapped + context:
            try:
                self._last = (found.wrapped + context, _SUITE.decrypt(found.wrapped, self._pair, info=context))
            except InvalidTag as error:
                raise SealingError("seal", "the content key was wrapped for another record or altered") from error
        return self._last[1]


def open_part(
    private: bytes, keys: tuple[WrappedKey, ...], sealed: bytes | bytearray, *, station: str, record_id: bytes, kind: PartKind, position: int, epoch: int
) -> bytes:
    """One part alone; for many keep an AudienceKey. Raises SealingError."""
    return AudienceKey(private).open_part(keys, sealed, station=station, record_id=record_id, kind=kind, position=position, epoch=epoch)


def _wrap(audience: Audience, public: bytes, content_key: bytes, station: str, record_id: bytes) -> WrappedKey:
    wrapped = _SUITE.encrypt(content_key, _public_pair(public), info=_wrap_context(audience, station, record_id))
    return WrappedKey(audience=audience, kid=audience_kid(public), wrapped=wrapped)


@lru_cache(maxsize=8)
def _public_pair(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    """A station seals to the same two keys all its life; taking them apart costs as much as a signature."""
    mlkem_key = mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184])
    return hpke.MLKEM768X25519PublicKey(mlkem_key, x25519.X25519PublicKey.from_public_bytes(public[1184:]))


def _wrap_context(audience: str, station: str, record_id: bytes) -> bytes:
    return canonical_dumps(["rekam-key", _SEAL_VERSION, audience, station, record_id])


def _record_context(station: str, record_id: bytes) -> bytes:
    """The first four items of the associated data, an array of seven."""
    return bytes([_ARRAY_OF_7]) + canonical_dumps(["rekam-part", _SEAL_VERSION, station, record_id])[1:]


@lru_cache(maxsize=1024)
def _place(kind: str, position: int, epoch: int) -> bytes:
    """The last three."""
    return canonical_dumps([kind, position, epoch])[1:]
