"""What goes into the store and comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from protocols.record import FIRST, Outcome, PartKind, PartRef


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger stands."""

    sequence: int = 0
    hash: bytes = FIRST


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One accepted picture or data set, already sealed to the district."""

    kind: PartKind
    position: int
    media_type: str
    sealed: bytes | bytearray
    key_epoch: int
    quality: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenEnrolment:
    """What a power cut left of the enrolment that was going on."""

    record_id: bytes
    ticket: int
    progress: bytes
    epochs: tuple[bytes, ...]
    """encoded wrapped keys, by key epoch"""
    parts: tuple[PartRef, ...]
    """in the order of the manifest"""
    committed: int | None = None
    """sequence of its manifest: the record is safe, only slip and letter are left"""


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One entry that has no receipt yet."""

    sequence: int
    kind: str
    """record or event"""
    record_id: bytes | None
    size: int
    """bytes of its sealed parts, 0 for an event"""
    urgent: bool
    damaged: bool = False
    """a part could not be read back since the start: send the manifest, leave the content for a later try"""


@dataclass(frozen=True, slots=True)
class Counts:
    """Records (not events) on this station since its store was made."""

    saved: int
    waiting: int
    """no receipt yet"""
    received: int
    """receipt `stored`"""
    refused: int
    """receipt `rejected` or `quarantined`: kept here for somebody to look at"""


@dataclass(frozen=True, slots=True)
class Damage:
    """A store that could not be trusted was set aside at the start."""

    set_aside: str
    """folder that keeps it"""
    reason: str
    carried: int
    """rows that could be read and passed their hash"""
    lost: int
    """ledger numbers and parts that are known to have been there and could not be read"""


class ReceiptFacts(Protocol):
    """What the store needs of a verified receipt (`protocols.record.Receipt` has it)."""

    @property
    def record_id(self) -> bytes | None: ...
    @property
    def sequence(self) -> int: ...
    @property
    def manifest_sha256(self) -> bytes: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def wall_s(self) -> int: ...
