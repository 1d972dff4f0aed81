"""The station's ledger: every record and every event is signed, numbered and chained to the one before.

Reading the head, signing and committing happen in the store's one thread, so nothing can come between them; the head advances
in the very commit that adds the entry (DESIGN section 5, decision 5).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from edge.clock import Clock
from edge.errors import StoreError
from edge.store.store import Store
from edge.store.values import OpenEnrolment
from protocols.record import Header, LedgerEvent, Manifest, Step, StepException, decode_keys, encode_event, encode_manifest
from protocols.sealing import ENTRY_TYPE, Signer, sign1


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """What the manifest says that the store does not know."""

    record_id: bytes
    steps: tuple[Step, ...]
    exceptions: tuple[StepException, ...]
    power_source: str
    operator: bytes
    """pseudonym"""
    progress: bytes
    """the journal after the record is closed: slip and letter are left"""
    urgent: bool = False
    recapture: bool = False
    guards_not_done: tuple[str, ...] = ()


class Ledger:
    """Writes entries. Every method runs in the store's thread (`StoreWorker.run`)."""

    def __init__(self, store: Store, signer: Signer, station: str, clock: Clock, boot_id: bytes) -> None:
        self._store, self._signer, self._station = store, signer, station
        self._clock, self._boot_id = clock, boot_id

    def event(self, name: str, detail: Mapping[str, bool | int | str] | None = None, settings: Mapping[str, bytes] | None = None) -> int:
        """Add an event, with the settings that it speaks of; returns its number. Raises StoreError, FormatError."""
        header = self._header("event")
        envelope = self._sign(encode_event(LedgerEvent(header=header, event=name, detail=dict(detail or {}))))
        self._store.commit_event(envelope, header.sequence, hashlib.sha256(envelope).digest(), settings)
        return header.sequence

    def close_record(self, draft: RecordDraft) -> tuple[int, bytes]:
        """Make the manifest of the open enrolment and commit it; returns its number and the signed bytes.

        Asking again after a failure is safe: a record that did reach the disk is answered with what is there.
        """
        enrolment = self._open(draft.record_id)
        if enrolment.committed is not None:
            return enrolment.committed, self._store.envelope(enrolment.committed)
        header = self._header("record")
        envelope = self._sign(encode_manifest(_manifest(header, draft, enrolment)))
        digest = hashlib.sha256(envelope).digest()
        self._store.commit_record(draft.record_id, envelope, header.sequence, digest, draft.urgent, draft.progress)
        return header.sequence, envelope

    def abandon(self, record_id: bytes, reason: str) -> int:
        """End the open enrolment without a record; the event names the step's reason. Returns its number."""
        self._open(record_id)
        header = self._header("event")
        envelope = self._sign(encode_event(LedgerEvent(header=header, event="abandoned", detail={"reason": reason})))
        self._store.abandon(record_id, envelope, header.sequence, hashlib.sha256(envelope).digest())
        return header.sequence

    def report_damage(self) -> int | None:
        """Tell the district, once, that a damaged store was set aside; returns the event's number."""
        damage = self._store.damage()
        if damage is None:
            return None
        sequence = self.event("store_damaged", {"carried": damage.carried, "lost": damage.lost, "reason": damage.reason[:200]})
        self._store.damage_reported()
        return sequence

    def report_unreadable(self, sequence: int) -> int | None:
        """Tell the district, once, that the content of an entry cannot be read back; returns the event's number."""
        told = f"unreadable.{sequence}"
        if self._store.setting(told) is not None:
            return None
        return self.event("content_unreadable", {"sequence": sequence}, {told: b"1"})

    def _open(self, record_id: bytes) -> OpenEnrolment:
        enrolment = self._store.open_enrolment()
        if enrolment is None or enrolment.record_id != record_id:
            raise StoreError("no_open_enrolment", "this recording is not open", "Start the next person")
        return enrolment

    def _header(self, kind: str) -> Header:
        head = self._store.head()
        return Header(
            kind=kind, station=self._station, sequence=head.sequence + 1, previous=head.hash, boot_id=self._boot_id,  # type: ignore[arg-type]  # both callers name one
            monotonic_ms=int(self._clock.monotonic_s() * 1000), wall_s=int(self._clock.wall_s()), trust=self._clock.trust(),  # type: ignore[arg-type]  # checked when encoded
        )

    def _sign(self, payload: bytes) -> bytes:
        return sign1(payload, self._signer, ENTRY_TYPE)


def register_number(station: str, sequence: int) -> str:
    """What the slip shows and the person can be found by at the district; says nothing about the person. At most 40 characters."""
    return f"{station[:20]}-{sequence:06d}"


def _manifest(header: Header, draft: RecordDraft, enrolment: OpenEnrolment) -> Manifest:
    return Manifest(
        header=header, record_id=draft.record_id, register=register_number(header.station, header.sequence),
        keys=tuple(decode_keys(wrapped) for wrapped in enrolment.epochs), parts=enrolment.parts,
        exceptions=draft.exceptions, steps=draft.steps, power_source=draft.power_source, operator=draft.operator,
        urgent=draft.urgent, recapture=draft.recapture, guards_not_done=draft.guards_not_done,
    )
