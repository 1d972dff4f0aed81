"""The district's half: messages in, what must be kept goes to the shelf, acknowledgements and receipts out after the commit.

The receiver is the authority on what arrived. It keeps nothing of its own beyond one batch, so a crash forgets nothing: what the
shelf holds after the restart is what the next answer says. Not responsible for cryptography, files or quotas (the shelf) nor for
topics and threads (`district/ingest.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protocols.custody.spans import Span, Spans
from protocols.custody.wire import Ask, Chunk, Entry, Have, Receipt, WireError, decode, encode

RECEIPTS_PER_ANSWER = 32
"""receipts that one ask can bring back; the station asks again for the rest"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The entry is verified and kept."""

    sequence: int
    record_id: bytes | None
    """None: a ledger event, which has no content"""
    sizes: tuple[int, ...] = ()
    """sealed size of each part, in the manifest's order"""


@dataclass(frozen=True, slots=True)
class Refused:
    """The entry cannot be kept; nothing in it may be believed."""

    reason: str


class Shelf(Protocol):
    """Where the district keeps things. Everything is idempotent; nothing counts before `flush` has returned."""

    def known_station(self, station: str) -> bool:
        """Cheap, before any cryptography."""

    def accept_entry(self, station: str, envelope: bytes) -> Accepted | Refused:
        """Verify a manifest or ledger event and keep it."""

    def sizes(self, station: str, record_id: bytes) -> tuple[int, ...] | None:
        """Part sizes of an accepted record that waits for content; None: unknown, or already complete."""

    def have(self, station: str, record_id: bytes) -> Sequence[tuple[int, int, int]]:
        """(part, start, end) of the bytes held of a record that waits for content."""

    def write_chunk(self, station: str, record_id: bytes, part: int, offset: int, data: bytes) -> bool:
        """Keep some bytes; False: refused (no space, quota)."""

    def flush(self) -> None:
        """Make all of it durable in one commit. Raises OSError or a storage error: then nothing may be acknowledged."""

    def complete(self, station: str, record_id: bytes) -> bytes | None:
        """The receipt of a record whose bytes are all here: check hashes, commit, only then sign, unless `flush` already did.

        None: unknown, or bytes were bad and are wanted again.
        """

    def held(self, station: str, first: int, end: int) -> Sequence[Span]:
        """Which sequences of [first, end) have their entry kept."""

    def receipted(self, station: str, first: int, end: int) -> Sequence[Span]:
        """Which sequences of [first, end) have a receipt."""

    def receipt(self, station: str, sequence: int) -> bytes | None:
        """The receipt signed for that entry."""


@dataclass(slots=True)
class _Owed:
    """What one station is to be told after the commit."""

    sequences: list[int] = field(default_factory=list)
    parts: dict[bytes, set[int]] = field(default_factory=dict)
    ask: Ask | None = None


class Receiver:
    """Feed it frames, then `settle`; `forget` when either raised. One for all stations."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._owed: dict[str, _Owed] = {}

    def handle(self, station: str, word: str, data: bytes) -> str | None:
        """Take in one message that came on the station's topic `word`. Returns why it was refused, None if it was not."""
        try:
            message = decode(data)
        except WireError as error:
            return str(error)
        if type(message).__name__.lower() != word:
            return "wrong topic"
        if not self._shelf.known_station(station):
            return "unknown station"
        match message:
            case Entry():
                return self._entry(station, message)
            case Chunk():
                return self._chunk(station, message)
            case Ask():
                self._owes(station).ask = message
                return None
            case _:
                return "wrong direction"

    def settle(self) -> list[tuple[str, bytes]]:
        """Commit the batch, then say what was kept: (station, frame) in sending order. Raises what the shelf's flush raises."""
        owed, self._owed = self._owed, {}
        self._shelf.flush()
        return [(station, frame) for station, debt in owed.items() for frame in self._answers(station, debt)]

    def forget(self) -> None:
        """The shelf raised, so the batch is gone: nothing of it is answered."""
        self._owed = {}

    def _owes(self, station: str) -> _Owed:
        return self._owed.setdefault(station, _Owed())

    def _entry(self, station: str, entry: Entry) -> str | None:
        outcome = self._shelf.accept_entry(station, entry.envelope)
        if isinstance(outcome, Refused):
            return outcome.reason
        self._owes(station).sequences.append(outcome.sequence)
        if outcome.record_id is not None and not sum(outcome.sizes):
            self._owes(station).parts.setdefault(outcome.record_id, set())
        return None

    def _chunk(self, station: str, chunk: Chunk) -> str | None:
        sizes = self._shelf.sizes(station, chunk.record_id)
        if sizes is None:
            return "no manifest"
        if chunk.part >= len(sizes) or chunk.offset + len(chunk.data) > sizes[chunk.part]:
            return "outside the part"
        if not self._shelf.write_chunk(station, chunk.record_id, chunk.part, chunk.offset, chunk.data):
            return "not kept"
        self._owes(station).parts.setdefault(chunk.record_id, set()).add(chunk.part)
        return None

    def _answers(self, station: str, owed: _Owed) -> list[bytes]:
        ask = owed.ask or Ask(0)
        touched: dict[bytes, set[int] | None] = {**owed.parts, **dict.fromkeys(ask.records)}
        states = {record_id: self._progress(station, record_id, parts) for record_id, parts in touched.items()}
        held, done = Spans(), Spans()
        for first, end in Spans(ask.sequences):  # joined: an ask that names numbers often costs no more than one that names them once
            _add_all(held, self._shelf.held(station, first, end))
            _add_all(done, self._shelf.receipted(station, first, end))
        sequences = dict.fromkeys(owed.sequences + _first_of(done, RECEIPTS_PER_ANSWER))
        _add_all(held, [(sequence, sequence + 1) for sequence in owed.sequences])
        known = tuple((record_id, spans) for record_id, (spans, _) in states.items() if spans)
        receipts = [receipt for _, receipt in states.values()] + [self._shelf.receipt(station, sequence) for sequence in sequences]
        signed = dict.fromkeys(receipt for receipt in receipts if receipt is not None)
        have = Have(ask.round, tuple(held), tuple(done), known)
        return [encode(have), *(encode(Receipt(receipt)) for receipt in signed)]

    def _progress(self, station: str, record_id: bytes, parts: set[int] | None) -> tuple[tuple[tuple[int, int, int], ...], bytes | None]:
        """What is here of a record (of the parts named), and its receipt if it is complete."""
        sizes = self._shelf.sizes(station, record_id)
        if sizes is None:
            return (), self._shelf.complete(station, record_id)
        spans = self._shelf.have(station, record_id)
        receipt = None
        if sum(end - start for _, start, end in spans) == sum(sizes):
            receipt = self._shelf.complete(station, record_id)
            spans = spans if receipt else self._shelf.have(station, record_id)
        return tuple(span for span in spans if parts is None or span[0] in parts), receipt


def _add_all(spans: Spans, more: Sequence[Span]) -> None:
    for start, end in more:
        spans.add(start, end)


def _first_of(spans: Spans, count: int) -> list[int]:
    found: list[int] = []
    for start, end in spans:
        found.extend(range(start, min(end, start + count - len(found))))
    return found
