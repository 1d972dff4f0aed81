"""What a store has promised, as plain values, and what a store really shows: the two must be equal after any cut.

Kept apart from the store's code on purpose: nothing of it is used here but its public calls.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.errors import StoreError
from edge.store.store import Store

ALL = 1_000_000
SET_ASIDE = "set aside"


@dataclass(frozen=True)
class Part:
    """A sealed part by its digest."""

    kind: str
    position: int
    digest: bytes
    epoch: int


@dataclass(frozen=True)
class Open:
    """The open enrolment."""

    record_id: bytes
    ticket: int
    progress: bytes
    epochs: tuple[bytes, ...]
    parts: tuple[Part, ...] = ()
    committed: int | None = None

    def with_epoch(self, wrapped: bytes) -> tuple[bytes, ...]:
        """The keys of another power life: in the place of the first that no part needs, or at the end."""
        used = {part.epoch for part in self.parts}
        free = next(number for number in range(len(used) + 1) if number not in used)
        return (*self.epochs[:free], wrapped, *self.epochs[free + 1 :])

    def with_part(self, part: Part) -> tuple[Part, ...]:
        """In the place of the part of its kind and position, or at the end."""
        if any((old.kind, old.position) == (part.kind, part.position) for old in self.parts):
            return tuple(part if (old.kind, old.position) == (part.kind, part.position) else old for old in self.parts)
        return (*self.parts, part)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    digest: bytes
    record_id: bytes | None = None
    parts: tuple[bytes, ...] = ()
    urgent: bool = False
    receipt: bytes | None = None
    outcome: str = ""
    received_s: int = 0
    purged: bool = False

    def purge(self, before_s: int) -> "Entry":
        gone = self.outcome == "stored" and self.received_s < before_s
        return replace(self, purged=True, parts=()) if gone else self


@dataclass(frozen=True)
class State:
    """Everything a store knows."""

    entries: Mapping[int, Entry] = field(default_factory=dict)
    open: Open | None = None
    settings: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def sequence(self) -> int:
        return max(self.entries, default=0)

    @property
    def head(self) -> bytes:
        return self.entries[self.sequence].digest if self.entries else bytes(32)

    def with_entry(self, entry: Entry) -> Mapping[int, Entry]:
        return {**self.entries, self.sequence + 1: entry}

    def waiting(self) -> list[int]:
        """Sequences in the order of the outbox."""
        return sorted((number for number, entry in self.entries.items() if not entry.outcome), key=lambda number: (not self.entries[number].urgent, number))


def differences(store: Store, promised: State) -> list[tuple[str, str]]:
    """(kind, text) of each way in which the store does not show exactly `promised`."""
    found = [*_damage(store), *_ledger(store, promised)]
    if _open(store) != promised.open:
        found.append(("false_saved", f"open enrolment {_open(store)} instead of {promised.open}"))
    found += [("false_saved", f"setting {name}") for name, value in promised.settings.items() if store.setting(name) != value]
    return found


def _damage(store: Store) -> list[tuple[str, str]]:
    return [("lost", f"{SET_ASIDE}: {store.damage()}")] if store.damage() else []


def _ledger(store: Store, promised: State) -> list[tuple[str, str]]:
    found = []
    head = store.head()
    if head.sequence < promised.sequence:
        found.append(("lost", f"the ledger ends at {head.sequence}, {promised.sequence} was promised"))
    elif (head.sequence, head.hash) != (promised.sequence, promised.head):
        found.append(("forged", f"the ledger stands at {head.sequence}, {promised.sequence} was promised"))
    outbox = store.outbox(ALL)
    if [item.sequence for item in outbox] != promised.waiting():
        found.append(("lost", f"outbox {[item.sequence for item in outbox]} instead of {promised.waiting()}"))
    records = [item.record_id for item in outbox if item.record_id is not None]
    if len(records) != len(set(records)):
        found.append(("duplicated", "a record is in the ledger twice"))
    for number, entry in promised.entries.items():
        found += _entry(store, number, entry)
    return found


def _entry(store: Store, number: int, entry: Entry) -> list[tuple[str, str]]:
    if store.receipt(number) != entry.receipt:
        return [("false_saved", f"receipt of entry {number}")]
    if entry.purged:
        return []
    try:
        if hashlib.sha256(store.envelope(number)).digest() != entry.digest:
            return [("forged", f"entry {number}")]
        if entry.record_id is not None and _digests(store, entry.record_id) != entry.parts:
            return [("forged", f"parts of entry {number}")]
    except StoreError as error:
        if error.code != "content_unreadable":
            raise
        return [("lost", f"entry {number}: {error}")]
    return []


def _digests(store: Store, record_id: bytes) -> tuple[bytes, ...]:
    sizes = store.parts(record_id)
    return tuple(hashlib.sha256(store.part(record_id, index, 0, size)).digest() for index, size in enumerate(sizes))


def _open(store: Store) -> Open | None:
    """The open enrolment with the digests of the bytes that are really there."""
    found = store.open_enrolment()
    if found is None:
        return None
    digests = _digests(store, found.record_id)
    parts = tuple(Part(ref.kind, ref.position, digest, ref.key_epoch) for ref, digest in zip(found.parts, digests, strict=True))
    return Open(found.record_id, found.ticket, found.progress, found.epochs, parts, found.committed)
