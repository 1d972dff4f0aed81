"""Between the sender and the store: what an effect looks like on the wire, and what a receipt does. Runs in the store's thread."""

import logging
from collections.abc import Callable

from edge.errors import StoreError
from edge.store.store import Store
from edge.store.values import OutboxItem
from protocols.custody import Ask, Chunk, Effect, Entry, Item, SendChunk, SendEntry, encode
from protocols.record import FormatError, Receipt
from protocols.sealing import KeyOf, SealingError, open_receipt

ENTRY_GUESS = {"record": 6_000, "event": 500}
"""bytes of a signed entry, for the window only"""

UNREADABLE = "content_unreadable"
"""code of the error that concerns one entry alone; every other one concerns the store"""

VerifyReceipt = Callable[[bytes], Receipt | None]
"""Signature and format right: the receipt; otherwise None"""

log = logging.getLogger(__name__)


def receipt_verifier(key_of: KeyOf) -> VerifyReceipt:
    """Believe receipts that a key of `key_of` (key id -> district's public key) has signed."""

    def verify(signed: bytes) -> Receipt | None:
        try:
            return open_receipt(signed, key_of)
        except (SealingError, FormatError) as error:
            log.warning("a receipt that no district signed: %s", error)
            return None

    return verify


class Disputed(Exception):
    """The district signed for another entry under a number of ours: an old card image was put back, or a card was copied."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"the district has another entry {sequence}")
        self.sequence = sequence


class Carrier:
    """Reads what goes out, writes down what came back."""

    def __init__(self, store: Store, station: str, verify: VerifyReceipt) -> None:
        self._store, self._station, self._verify = store, station, verify

    def items(self, waiting: list[OutboxItem]) -> list[Item]:
        """What the sender wants to know of entries in the outbox. Raises StoreError when the disk fails."""
        return [self._item(found) for found in waiting]

    def _item(self, found: OutboxItem) -> Item:
        sizes: tuple[int, ...] = ()
        readable = not found.damaged
        try:
            sizes = tuple(self._store.parts(found.record_id)) if found.record_id else ()
        except StoreError as error:
            if error.code != UNREADABLE:
                raise
            readable = False
        return Item(found.sequence, found.record_id, sizes, ENTRY_GUESS[found.kind], found.urgent, readable)

    def frame(self, effect: Effect) -> tuple[str, bytes]:
        """Last word of the topic, and the message. Raises StoreError when the bytes cannot be read."""
        match effect:
            case SendEntry(sequence):
                return "entry", encode(Entry(self._store.envelope(sequence)))
            case SendChunk(_, record_id, part, offset, length):
                return "chunk", encode(Chunk(record_id, part, offset, self._store.part(record_id, part, offset, length)))
            case Ask():
                return "ask", encode(effect)

    def receipt(self, signed: bytes) -> int | None:
        """The only way out of custody: nothing is believed before the signature, nothing counts before the commit.

        The entry's sequence; None for a receipt that changes nothing. Raises StoreError, Disputed.
        """
        receipt = self._verify(signed)
        if receipt is None or receipt.station != self._station:
            return None
        try:
            self._store.mark_received(receipt, signed)
        except StoreError as error:
            if error.code != "receipt_foreign":
                raise
            log.warning("receipt for entry %d not taken: %s", receipt.sequence, error)
            raise Disputed(receipt.sequence) from error
        return receipt.sequence
