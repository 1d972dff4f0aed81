"""The ledger by stick: entries that wait go out with their sealed parts, receipts come back. The same bytes and guarantees as over MQTT.

Runs in the store's thread. A stick that is pulled out half-way leaves whole files and at most one temporary one; copying again goes
on where it stopped. Layout: protocols/stick.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StoreError
from edge.files import make_folder, write_pieces_durably
from edge.store.ledger import Ledger
from edge.store.store import Store
from edge.store.values import OutboxItem
from protocols.canonical import FormatError
from protocols.record import RECEIPT_BYTES_MAX, Receipt
from protocols.sealing import ENVELOPE_BYTES, SealingError
from protocols.stick import FOLDER, RECEIPT_SUFFIX, bundle_bytes, entry_name, pack_bundle, read_bundle

ALL = 1_000_000
OpenReceipt = Callable[[bytes], Receipt]
"""verifies and decodes; raises SealingError, FormatError"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What lies on the stick now."""

    written: int
    already: int
    unreadable: int
    """records whose content could not be read back from the store"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a stick brought."""

    received: int
    known: int
    refused: int
    """files that are no receipt of the district for this station"""


def export_entries(store: Store, ledger: Ledger, station: str, stick: Path, told: Callable[[int, int], None]) -> Exported:
    """Copy everything without a receipt; the export itself is an entry and goes along. `told(done, total)`.

    Raises StoreError, OSError (the stick is full or gone).
    """
    folder = stick / FOLDER / station
    make_folder(folder)
    ledger.event("export", {"waiting": len(store.outbox(ALL))})
    items = store.outbox(ALL)
    results: list[str] = []
    for item in items:
        results.append(_export(store, item, folder / entry_name(item.sequence)))
        told(len(results), len(items))
    return Exported(results.count("written"), results.count("already"), results.count("unreadable"))


def _export(store: Store, item: OutboxItem, path: Path) -> str:
    try:
        envelope = store.envelope(item.sequence)
        sizes = store.parts(item.record_id) if item.record_id else []
        if _whole(path, bundle_bytes(len(envelope), sizes), envelope):
            return "already"
        write_pieces_durably(path, pack_bundle(envelope, sizes, _parts(store, item.record_id or b"", sizes)))
    except StoreError as error:
        if error.code != "content_unreadable":
            raise
        return "unreadable"
    return "written"


def _parts(store: Store, record_id: bytes, sizes: list[int]) -> Iterator[bytes]:
    for index, size in enumerate(sizes):
        yield store.part(record_id, index, 0, size)


def _whole(path: Path, size: int, envelope: bytes) -> bool:
    try:
        return path.stat().st_size == size and read_bundle(path.read_bytes()).envelope == envelope
    except (OSError, FormatError):
        return False


def import_receipts(store: Store, station: str, stick: Path, open_receipt: OpenReceipt) -> Imported:
    """Believe the district's receipts on the stick; entries that are received need not be carried again and leave it. Raises StoreError, OSError."""
    results = [_import(store, station, path, open_receipt) for path in sorted((stick / FOLDER / station).glob(f"*{RECEIPT_SUFFIX}"))]
    return Imported(results.count("received"), results.count("known"), results.count("refused"))


def _import(store: Store, station: str, path: Path, open_receipt: OpenReceipt) -> str:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > RECEIPT_BYTES_MAX + ENVELOPE_BYTES:
        return "refused"
    signed = path.read_bytes()
    try:
        receipt = open_receipt(signed)
        if receipt.station != station:
            return "refused"
        changed = store.mark_received(receipt, signed)
    except (SealingError, FormatError):
        return "refused"
    except StoreError as error:
        if error.code != "receipt_foreign":
            raise
        return "refused"
    if receipt.outcome == "stored":
        path.with_name(entry_name(receipt.sequence)).unlink(missing_ok=True)
    return "received" if changed else "known"
