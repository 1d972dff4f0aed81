"""Receipts: signed once per entry, numbered, each carrying the hash of the one before, kept, and sent again in the same bytes."""

import hashlib

import apsw

from district.clock import Clock
from district.tables import one, value
from protocols.record import FIRST, Receipt, encode_receipt
from protocols.sealing import RECEIPT_TYPE, Signer, sign1

UNANSWERED = "SELECT hash FROM entries WHERE settled = 1 AND hash NOT IN (SELECT hash FROM receipts) ORDER BY presented"


class ReceiptBook:
    """The district's own chain. Called only for entries whose commit has returned."""

    def __init__(self, connection: apsw.Connection, signer: Signer, district: str, clock: Clock) -> None:
        self._connection, self._signer, self._district, self._clock = connection, signer, district, clock

    def issue(self, digest: bytes) -> bytes:
        """Sign and write down the receipt of a settled entry; the caller commits before it is sent."""
        known = self.of(digest)
        if known is not None:
            return known
        return self.sign(digest, "")

    def sign(self, digest: bytes, officer: str) -> bytes:
        """One more receipt about what the entry's row says now; the caller commits before it is sent."""
        number, head = self._head()
        envelope = sign1(encode_receipt(self._receipt(digest, number + 1, head)), self._signer, RECEIPT_TYPE)
        self._connection.execute("INSERT INTO receipts VALUES (?, ?, ?, ?)", (number + 1, digest, envelope, officer))
        return envelope

    def of(self, digest: bytes) -> bytes | None:
        """The receipt signed for that entry, the newest when an officer decided."""
        envelope: bytes | None = value(self._connection, "SELECT envelope FROM receipts WHERE hash = ? ORDER BY district_sequence DESC LIMIT 1", (digest,))
        return envelope

    def unanswered(self) -> list[bytes]:
        """Settled entries without a receipt: a cut came between the commit and the signature."""
        return [row[0] for row in self._connection.execute(UNANSWERED)]

    def _head(self) -> tuple[int, bytes]:
        row = one(self._connection, "SELECT district_sequence, envelope FROM receipts ORDER BY district_sequence DESC LIMIT 1")
        return (row[0], hashlib.sha256(row[1]).digest()) if row else (0, FIRST)

    def _receipt(self, digest: bytes, number: int, head: bytes) -> Receipt:
        found = one(self._connection, "SELECT station, record_id, sequence, outcome, reason FROM entries WHERE hash = ?", (digest,))
        assert found is not None, "a receipt is only signed for an entry that is kept"
        station, record_id, sequence, outcome, reason = found
        return Receipt(
            district=self._district, station=station, record_id=record_id, sequence=sequence, manifest_sha256=digest, outcome=outcome, reason=reason,
            district_sequence=number, wall_s=int(self._clock.wall_s()), head=head,
        )
