"""A district's keys and a station that makes real, signed, sealed records: for tests that need true bytes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from edge.clock import random_bytes
from protocols.record import (
    FIRST,
    Header,
    LedgerEvent,
    Manifest,
    PartKind,
    PartRef,
    RecordId,
    Step,
    encode_event,
    encode_manifest,
)
from protocols.sealing import ENTRY_TYPE, RecordSealer, SoftwareSigner, generate_audience, kid_of, sign1

NOW_S = 1_800_000_000
PARTS: tuple[tuple[PartKind, int], ...] = (("population", 0), ("face", 0), ("finger", 2), ("iris", 1))
INTAKE = generate_audience()
VAULT = generate_audience()


@dataclass
class StillClock:
    """Time passes only when told."""

    wall: float = NOW_S
    monotonic: float = 0.0

    def wall_s(self) -> float:
        return self.wall

    def monotonic_s(self) -> float:
        return self.monotonic

    async def sleep_s(self, seconds: float) -> None:
        self.monotonic += seconds


@dataclass(frozen=True)
class Made:
    """A record as it leaves the station."""

    record_id: RecordId
    envelope: bytes
    parts: tuple[bytes, ...]
    plain: tuple[bytes, ...]
    manifest: Manifest

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.envelope).digest()


def new_signer() -> SoftwareSigner:
    return SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))


@dataclass
class TestStation:
    """Signs entry after entry in one chain."""

    __test__ = False

    name: str = "s-1"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    sequence: int = 0
    previous: bytes = FIRST
    random: Callable[[int], bytes] = random_bytes

    @property
    def signer(self) -> SoftwareSigner:
        return SoftwareSigner(self.key)

    def copy(self) -> "TestStation":
        """The card cloned, or an old state kept for later."""
        return TestStation(self.name, self.key, self.sequence, self.previous)

    def header(self, kind: str = "record") -> Header:
        return Header(
            kind=kind, station=self.name, sequence=self.sequence + 1, previous=self.previous, boot_id=bytes(16), monotonic_ms=1000, wall_s=NOW_S, trust="rtc",
        )

    def record(self, record_id: bytes | None = None, size: int = 300, **changes: object) -> Made:
        """A record of four parts of `size` bytes, the next in the chain."""
        record_id = RecordId(record_id or self.random(16))
        sealer = RecordSealer(record_id, self.name, {"intake": INTAKE[1], "vault": VAULT[1]}, self.random)
        plain = tuple(self.random(size) for _ in PARTS)
        sealed = tuple(sealer.seal_part(kind, position, data) for (kind, position), data in zip(PARTS, plain, strict=True))
        manifest = msgspec.structs.replace(self._manifest(record_id, sealer, sealed), **changes)
        return Made(record_id, self.sign(encode_manifest(manifest)), sealed, plain, manifest)

    def event(self, name: str = "boot") -> bytes:
        """A signed ledger event, the next in the chain."""
        return self.sign(encode_event(LedgerEvent(header=self.header("event"), event=name, detail={"version": "0.1"})))

    def sign(self, payload: bytes) -> bytes:
        envelope = sign1(payload, self.signer, ENTRY_TYPE)
        self.sequence += 1
        self.previous = hashlib.sha256(envelope).digest()
        return envelope

    def _manifest(self, record_id: RecordId, sealer: RecordSealer, sealed: tuple[bytes, ...]) -> Manifest:
        return Manifest(
            header=self.header(), record_id=record_id, register=f"{self.name}-{self.sequence + 1}", keys=(sealer.wrapped,),
            parts=tuple(
                PartRef(kind=kind, position=position, media_type="image/png", size=len(data), sha256=hashlib.sha256(data).digest(), key_epoch=0,
                        quality={"sharpness": 40})
                for (kind, position), data in zip(PARTS, sealed, strict=True)
            ),
            exceptions=(), steps=(Step(step="fingers", duration_ms=60_000, attempts=3),), power_source="mains", operator=b"operator",
            urgent=False, recapture=False, guards_not_done=(),
        )


@dataclass
class KnownStations:
    """The district's certificates, as a table."""

    keys: dict[str, ec.EllipticCurvePublicKey]

    def known(self, station: str) -> bool:
        return station in self.keys

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        key = self.keys.get(station)
        return key if key is not None and kid_of(key) == kid else None
