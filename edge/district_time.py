"""The district's time out of its receipts: each was signed after the entry that it answers was made, and this boot's clock knows when that was."""

import hashlib
import math

from edge.clock import SystemClock
from edge.errors import StoreError
from edge.store.store import Store
from edge.uplink.carrier import VerifyReceipt
from protocols.record import ENTRY_BYTES_MAX, FormatError, Receipt, decode_entry
from protocols.sealing import SealingError, parse1


class DistrictTime:
    """Lets every receipt that `verify` believes set or confirm the clock. Runs in the store's thread."""

    def __init__(self, store: Store, verify: VerifyReceipt, clock: SystemClock, boot_id: bytes) -> None:
        self._store, self._verify, self._clock, self._boot_id = store, verify, clock, boot_id

    def verify(self, signed: bytes) -> Receipt | None:
        """As the `verify` that was given."""
        receipt = self._verify(signed)
        if receipt is not None:
            self._clock.district_says(receipt.wall_s, self._age_max_s(receipt))
        return receipt

    def _age_max_s(self, receipt: Receipt) -> float:
        """Seconds since the entry that it answers was made; infinite unless that was in this boot."""
        try:
            entry = self._store.envelope(receipt.sequence)
            header = decode_entry(parse1(entry, ENTRY_BYTES_MAX).payload).header
        except (StoreError, SealingError, FormatError):
            return math.inf
        if header.boot_id != self._boot_id or hashlib.sha256(entry).digest() != receipt.manifest_sha256:
            return math.inf
        return self._clock.monotonic_s() - header.monotonic_ms / 1000
