"""The district's side of a stick: entries are taken in by the same numbered checks as over MQTT, and signed receipts are put beside them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from district.store import DistrictStore
from protocols.canonical import FormatError
from protocols.custody.receiver import Refused
from protocols.stick import ENTRY_SUFFIX, FOLDER, Bundle, read_bundle, receipt_name

FILE_BYTES_MAX = 320 * 1024 * 1024
"""32 parts of 8 MiB and the entry"""


@dataclass(slots=True)
class TakenIn:
    """What became of a stick."""

    receipts: int = 0
    """entries that are held now and have their receipt on the stick"""
    broken: int = 0
    """copies that are not whole: export to the stick again"""
    refused: int = 0
    """entries that the checks refuse"""


def take_in(store: DistrictStore, stick: Path, told: Callable[[int, int], None]) -> TakenIn:
    """Every entry of every station on the stick, in the order of its ledger. Raises OSError, apsw.Error; what has a receipt is safe then."""
    files = sorted((stick / FOLDER).glob(f"*/*{ENTRY_SUFFIX}"))
    result = TakenIn()
    for done, path in enumerate(files, 1):
        _take_in(store, path, result)
        told(done, len(files))
    return result


def _take_in(store: DistrictStore, path: Path, result: TakenIn) -> None:
    station = path.parent.name
    try:
        bundle = _read(path)
    except FormatError:
        result.broken += 1
        return
    receipt = _offer(store, station, bundle) if store.known_station(station) else None
    if receipt is None:
        result.refused += 1
        return
    sequence, signed = receipt
    _write_durably(path.with_name(receipt_name(sequence)), signed)
    result.receipts += 1


def _read(path: Path) -> Bundle:
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        raise FormatError("file", "a link, a device, or larger than any record")
    return read_bundle(path.read_bytes())


def _offer(store: DistrictStore, station: str, bundle: Bundle) -> tuple[int, bytes] | None:
    """Sequence and receipt; None when a check refuses or a part is not what the station signed."""
    accepted = store.accept_entry(station, bundle.envelope)
    if isinstance(accepted, Refused):
        store.flush()
        return None
    if accepted.record_id is not None and accepted.sizes:
        for index, part in enumerate(bundle.parts):
            store.write_chunk(station, accepted.record_id, index, 0, part)
    store.flush()
    if accepted.record_id is not None:
        store.complete(station, accepted.record_id)
    signed = store.receipt(station, accepted.sequence)
    return (accepted.sequence, signed) if signed else None


def _write_durably(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
