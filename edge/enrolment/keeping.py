"""Everything durable about one enrolment: journal, sealed parts, manifest. The session's hand on the store and the ledger.

A part carries the progress as it stands when its write is queued, every other write the progress of its decision; the store's one thread
keeps that order, so the journal ends with the newest. A new power life seals with keys of its own, made when its first part is sealed.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from edge.enrolment.state import Enrolment, Progress, encode_progress, guards_not_done, recapture
from edge.store.ledger import Ledger, RecordDraft, register_number
from edge.store.store import Store
from edge.store.values import OpenEnrolment, SealedPart
from edge.store.worker import StoreWorker
from protocols.record import RECEIPT_BYTES_MAX, PartKind, Step, StepException, decode_receipt, encode_keys
from protocols.sealing import RecordSealer, parse1

T = TypeVar("T")
Work = Callable[[Callable[[], Any]], Any]
NOBODY = b"\0"
"""operator of a record whose journal could not be read and that nobody signed for"""
REFUSED_SHOWN = 8
"""as many as an operator reads out over the telephone"""


class Keeping:
    """One record at a time."""

    def __init__(
        self, store: StoreWorker, ledger: Ledger, make_sealer: Callable[[bytes], RecordSealer], random_bytes: Callable[[int], bytes],
        goes_first: Callable[[Enrolment], bool] = lambda _enrolment: False,
    ) -> None:
        """`goes_first` is the district's rule beside the operator's mark."""
        self.record_id = b""
        self._store = store
        self._ledger = ledger
        self._make_sealer = make_sealer
        self._random_bytes = random_bytes
        self._goes_first = goes_first
        self._sealer: RecordSealer | None = None
        self._sealer_lock = asyncio.Lock()

    async def resume(self) -> OpenEnrolment | None:
        """What a power cut left. Raises StoreError."""
        found = await self._store.call(Store.open_enrolment)
        self.record_id, self._sealer = (found.record_id if found else b""), None
        return found

    async def begin(self, ticket: int, enrolment: Callable[[], Enrolment]) -> bytes:
        """Open the journal; returns the record id. Raises StoreFull, StoreError."""
        record_id = self._random_bytes(16)
        sealer = await asyncio.to_thread(self._make_sealer, record_id)
        progress = encode_progress(enrolment().progress)
        await self._store.call(Store.begin, record_id, ticket, progress, encode_keys(sealer.wrapped))
        self.record_id, self._sealer = record_id, sealer
        return record_id

    async def sealer(self) -> RecordSealer:
        """The sealer of this power life. Raises StoreError."""
        async with self._sealer_lock:
            if self._sealer is None:
                sealer = await asyncio.to_thread(self._make_sealer, self.record_id)
                sealer.key_epoch = await self._store.call(Store.add_key_epoch, self.record_id, encode_keys(sealer.wrapped))
                self._sealer = sealer
            return self._sealer

    async def part(
        self, kind: PartKind, position: int, media_type: str, sealed: bytes | bytearray, key_epoch: int, quality: Mapping[str, int],
        enrolment: Callable[[], Enrolment],
    ) -> None:
        """Returns when the part is durable. Raises StoreError."""
        part = SealedPart(kind, position, media_type, sealed, key_epoch, quality)
        await self._store.call(Store.commit_part, self.record_id, part, encode_progress(enrolment().progress))

    async def progress(self, progress: Progress) -> None:
        """Note how far the procedure has come. Raises StoreError."""
        await self._store.call(Store.save_progress, self.record_id, encode_progress(progress))

    async def close(self, enrolment: Enrolment, power_source: str, urgent: bool) -> int:
        """Sign, chain and commit the manifest; returns its number. Raises StoreError."""
        draft = draft_of(self.record_id, enrolment, power_source, urgent or self._goes_first(enrolment))
        sequence, _ = await self._store.run(partial(self._ledger.close_record, draft))
        return sequence

    async def abandon(self, reason: str) -> None:
        """Raises StoreError."""
        await self._store.run(partial(self._ledger.abandon, self.record_id, reason))
        self.let_go()

    async def finish(self) -> None:
        """The letter is stamped. Raises StoreError."""
        self.let_go()
        await self._store.call(Store.end_enrolment)

    async def note(self, name: str, detail: Mapping[str, str]) -> None:
        """A ledger event. Raises StoreError."""
        await self._store.run(partial(self._ledger.event, name, detail))

    async def figures(self) -> tuple[dict[str, Any], int]:
        """Counts for the page with the newest refused records by name, and how many enrolments still fit. Raises StoreError."""
        counts = await self._store.call(Store.counts)
        left = await self._store.call(Store.enrolments_left)
        receipts = await self._store.call(Store.refused, REFUSED_SHOWN) if counts.refused else []
        found = {"saved": counts.saved, "waiting": counts.waiting, "received": counts.received, "refused": counts.refused}
        return {**found, "held": [_held(signed) for signed in receipts]}, left

    def let_go(self) -> None:
        """The keys of this person are no longer needed."""
        self.record_id, self._sealer = b"", None


def draft_of(record_id: bytes, enrolment: Enrolment, power_source: str, urgent: bool) -> RecordDraft:
    """What the manifest says of the procedure."""
    progress = enrolment.progress
    excluded = [StepException(kind=mark.target.kind, position=mark.target.position, reason=mark.reason) for mark in progress.exceptions]
    forced = [StepException(kind=mark.target.kind, position=mark.target.position, reason=f"best_{mark.reason}") for mark in progress.forced]
    return RecordDraft(
        record_id=record_id,
        steps=tuple(Step(step=time.step, duration_ms=max(0, time.duration_ms), attempts=time.attempts) for time in progress.times),
        exceptions=tuple(excluded + forced),
        power_source=power_source,
        operator=bytes.fromhex(progress.operator) or NOBODY,
        progress=encode_progress(progress),
        urgent=urgent,
        recapture=recapture(enrolment),
        guards_not_done=guards_not_done(enrolment),
    )


def _held(signed: bytes) -> dict[str, str]:
    """Of a receipt that was verified when it was kept: what an operator tells the office."""
    receipt = decode_receipt(parse1(signed, RECEIPT_BYTES_MAX).payload)
    return {"register": register_number(receipt.station, receipt.sequence), "outcome": receipt.outcome, "reason": receipt.reason}
