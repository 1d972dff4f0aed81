"""A station reduced to its pen: true sealed parts, manifests and events, signed and chained, without devices or disk.

For tests, benchmarks and the forgery trial that need genuine bytes by the thousand.
"""

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from protocols.record import FIRST, Audience, Header, LedgerEvent, Manifest, PartKind, PartRef, RecordId, Step, encode_event, encode_manifest
from protocols.sealing import ENTRY_TYPE, RecordSealer, SoftwareSigner, sign1

NOW_S = 1_800_000_000
PARTS: tuple[tuple[PartKind, int], ...] = (("population", 0), ("face", 0), ("finger", 2), ("iris", 1))


@dataclass(frozen=True)
class Made:
    """A record as it leaves the station, and what is in it."""

    record_id: RecordId
    envelope: bytes
    parts: tuple[bytes, ...]
    plain: tuple[bytes, ...]
    manifest: Manifest

    @property
    def digest(self) -> bytes:
        """The entry's identity."""
        return hashlib.sha256(self.envelope).digest()


@dataclass
class SigningStation:
    """Signs entry after entry in one chain."""

    name: str
    key: ec.EllipticCurvePrivateKey
    audiences: Mapping[Audience, bytes]
    """public keys"""
    random_bytes: Callable[[int], bytes]
    sequence: int = 0
    previous: bytes = FIRST
    signer: SoftwareSigner = field(init=False)

    def __post_init__(self) -> None:
        self.signer = SoftwareSigner(self.key)

    def copy(self) -> "SigningStation":
        """The card cloned, or an old state kept for later."""
        return SigningStation(self.name, self.key, self.audiences, self.random_bytes, self.sequence, self.previous)

    def header(self, kind: Literal["record", "event"] = "record") -> Header:
        """Of the next entry."""
        return Header(
            kind=kind, station=self.name, sequence=self.sequence + 1, previous=self.previous, boot_id=bytes(16), monotonic_ms=1000, wall_s=NOW_S, trust="rtc",
        )

    def record(self, record_id: bytes | None = None, size: int = 300, **changes: object) -> Made:
        """A record of four parts of `size` bytes, the next in the chain; `changes` replaces fields of the manifest."""
        record_id = RecordId(record_id or self.random_bytes(16))
        sealer = RecordSealer(record_id, self.name, self.audiences, self.random_bytes)
        plain = tuple(self.random_bytes(size) for _ in PARTS)
        sealed = tuple(bytes(sealer.seal_part(kind, position, data)) for (kind, position), data in zip(PARTS, plain, strict=True))
        manifest = msgspec.structs.replace(self._manifest(record_id, sealer, sealed), **changes)
        return Made(record_id, self.sign(encode_manifest(manifest)), sealed, plain, manifest)

    def event(self, name: str = "boot") -> bytes:
        """A signed ledger event, the next in the chain."""
        return self.sign(encode_event(LedgerEvent(header=self.header("event"), event=name, detail={"version": "0.1"})))

    def sign(self, payload: bytes) -> bytes:
        """Any payload as the next entry."""
        envelope = sign1(payload, self.signer, ENTRY_TYPE)
        self.sequence += 1
        self.previous = hashlib.sha256(envelope).digest()
        return envelope

    def _manifest(self, record_id: RecordId, sealer: RecordSealer, sealed: tuple[bytes, ...]) -> Manifest:
        return Manifest(
            header=self.header(), record_id=record_id, register=f"{self.name}-{self.sequence + 1}", keys=(sealer.wrapped,),
            parts=tuple(_part(kind, position, data) for (kind, position), data in zip(PARTS, sealed, strict=True)),
            exceptions=(), steps=(Step(step="fingers", duration_ms=60_000, attempts=3),), power_source="mains", operator=b"operator",
            urgent=False, recapture=False, guards_not_done=(),
        )


def seeded_key(rng: random.Random) -> ec.EllipticCurvePrivateKey:
    """The same seed gives the same P-256 key: for the bench alone."""
    return ec.derive_private_key(rng.getrandbits(250) + 1, ec.SECP256R1())


def _part(kind: PartKind, position: int, sealed: bytes) -> PartRef:
    digest = hashlib.sha256(sealed).digest()
    return PartRef(kind=kind, position=position, media_type="image/png", size=len(sealed), sha256=digest, key_epoch=0, quality={"sharpness": 40})
