"""Records, receipts and a ledger with a cheap signer."""

import hashlib
from dataclasses import dataclass

from edge.store.ledger import Ledger, RecordDraft
from edge.store.store import Store
from edge.store.values import SealedPart
from protocols.record import Step, WrappedKey, encode_keys

STATION = "stasiun-1"
RECORD = bytes(range(16))
WRAPPED = encode_keys((WrappedKey(audience="vault", kid=bytes(16), wrapped=bytes(1168)),))


class StubSigner:
    """Not a signature: as long as one, and different for different bytes."""

    kid = bytes(16)

    def sign(self, to_be_signed: bytes) -> bytes:
        return hashlib.sha512(to_be_signed).digest()


class StillClock:
    """Time does not pass."""

    def monotonic_s(self) -> float:
        return 12.5

    def wall_s(self) -> float:
        return 1_800_000_000.0

    def trust(self) -> str:
        return "rtc"

    async def sleep_s(self, seconds: float) -> None:
        raise AssertionError("the store does not wait")


@dataclass(frozen=True)
class ReceiptOf:
    """The facts of a verified receipt."""

    sequence: int
    manifest_sha256: bytes
    record_id: bytes | None
    outcome: str = "stored"
    wall_s: int = 1_000


def part(position: int = 2, size: int = 500, kind: str = "finger", fill: bytes = b"s") -> SealedPart:
    return SealedPart(kind, position, "image/png", fill * size, 0, {"quality": 71})


def draft(record_id: bytes = RECORD, **changes: object) -> RecordDraft:
    values: dict[str, object] = {
        "record_id": record_id, "steps": (Step(step="fingers", duration_ms=1000, attempts=2),), "exceptions": (),
        "power_source": "mains", "operator": b"op", "progress": b"slip",
    }
    return RecordDraft(**{**values, **changes})


def receipt_for(store: Store, sequence: int, record_id: bytes | None, outcome: str = "stored", wall_s: int = 1_000) -> ReceiptOf:
    return ReceiptOf(sequence, hashlib.sha256(store.envelope(sequence)).digest(), record_id, outcome, wall_s)


def record_one(store: Store, ledger: Ledger, record_id: bytes = RECORD, **changes: object) -> int:
    """A whole enrolment; returns its sequence."""
    store.begin(record_id, 7, b"p0", WRAPPED)
    store.commit_part(record_id, part(2), b"p1")
    store.commit_part(record_id, part(3), b"p2")
    sequence, _ = ledger.close_record(draft(record_id, **changes))
    store.end_enrolment()
    return sequence


def make_ledger(store: Store) -> Ledger:
    return Ledger(store, StubSigner(), STATION, StillClock(), bytes(16))
