"""What the station gives to a stick and takes from one: the same entries, receipts and guarantees as over MQTT, without touching the stick.

Runs in the store's thread, beside a running station or alone. Whoever holds the stick (tools/stick_copy.py) sees sealed and signed bytes only,
so it may be another program with no rights to the store. Layout of the files: protocols/stick.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StoreError
from edge.files import write_durably
from edge.store.ledger import Ledger
from edge.store.store import Store
from protocols.canonical import FormatError
from protocols.record import RECEIPT_BYTES_MAX
from protocols.roster import ROSTER_BYTES_MAX, roster_issued_s
from protocols.sealing import ENVELOPE_BYTES, KeyOf, SealingError, open_receipt
from protocols.stick import bundle_bytes, pack_bundle

ALL = 1_000_000
FILE_BYTES_MAX = 2 * ROSTER_BYTES_MAX
"""of anything that a stick brings"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One entry that has no receipt."""

    sequence: int
    bytes: int
    """of its file; 0 when its content cannot be read back"""


class StickDesk:
    """`take_policy` is edge/policy.py's, or another that says what became of the bytes."""

    def __init__(self, store: Store, ledger: Ledger, station: str, key_of: KeyOf, roster: Path | None, take_policy: Callable[[bytes], str]) -> None:
        self.station = station
        self._store, self._ledger, self._key_of, self._roster, self._take_policy = store, ledger, key_of, roster, take_policy

    def begin(self) -> list[Waiting]:
        """Everything without a receipt; the export itself is an entry and goes along. Raises StoreError."""
        self._ledger.event("export", {"waiting": len(self._store.outbox(ALL))})
        return [Waiting(item.sequence, self._size(item.sequence, item.record_id)) for item in self._store.outbox(ALL)]

    def _size(self, sequence: int, record_id: bytes | None) -> int:
        try:
            return bundle_bytes(len(self._store.envelope(sequence)), self._store.parts(record_id) if record_id else [])
        except StoreError as error:
            if error.code != "content_unreadable":
                raise
            return 0

    def bundle(self, sequence: int) -> tuple[int, Iterator[bytes]]:
        """The entry's file: its length, and its pieces, one part in memory at a time. Raises StoreError (content_unreadable)."""
        envelope = self._store.envelope(sequence)
        record_id = self._store.record_of(sequence)
        sizes = self._store.parts(record_id) if record_id else []
        parts = (self._store.part(record_id or b"", index, 0, size) for index, size in enumerate(sizes))
        return bundle_bytes(len(envelope), sizes), pack_bundle(envelope, sizes, parts)

    def receipt(self, signed: bytes) -> str:
        """received, known (nothing new), refused, or disputed (that number is another record here); with `:stored` it need not be carried again. StoreError."""
        if len(signed) > RECEIPT_BYTES_MAX + ENVELOPE_BYTES:
            return "refused"
        try:
            receipt = open_receipt(signed, self._key_of)
            if receipt.station != self.station:
                return "refused"
            changed = self._store.mark_received(receipt, signed)
        except (SealingError, FormatError):
            return "refused"
        except StoreError as error:
            if error.code != "receipt_foreign":
                raise
            self._ledger.event("fault", {"code": "card_disputed", "number": receipt.sequence})
            return "disputed"
        return ("received" if changed else "known") + (":stored" if receipt.outcome == "stored" else "")

    def roster(self, signed: bytes) -> str:
        """new, unchanged, older, refused or not_understood. Raises StoreError, OSError; then the old roster is still whole."""
        if self._roster is None:
            return "refused"
        try:
            issued_s = roster_issued_s(signed, self._key_of)
        except SealingError:
            return "refused"
        except FormatError:
            return "not_understood"
        held = self._roster.read_bytes() if self._roster.exists() else b""
        if held == signed:
            return "unchanged"
        if issued_s < self._issued_s(held):
            return "older"
        write_durably(self._roster, signed)
        self._ledger.event("configuration", {"roster": len(signed)})
        return "new"

    def _issued_s(self, held: bytes) -> int:
        """0 for a roster that opens for nobody here: any other is better."""
        try:
            return roster_issued_s(held, self._key_of)
        except (SealingError, FormatError):
            return 0

    def policy(self, signed: bytes) -> str:
        """new, unchanged, older, refused or not_understood. Raises StoreError."""
        return self._take_policy(signed)
