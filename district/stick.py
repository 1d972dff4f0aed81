"""The district's side of a stick: entries are taken in by the same numbered checks as over MQTT, and signed receipts are put beside them, and the
policy that each station shall keep to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from district.durable import write_durably
from district.policies import Policies
from district.store import DistrictStore
from protocols.canonical import FormatError
from protocols.custody.receiver import Refused
from protocols.stick import ENTRY_SUFFIX, FOLDER, POLICY_NAME, Bundle, read_bundle, receipt_name

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


def put_policies(policies: Policies, known: Callable[[str], bool], stick: Path) -> int:
    """The policy in force into the folder of each station on the stick; returns how many. Raises OSError."""
    count = 0
    for folder in sorted((stick / FOLDER).glob("*/")):
        newest = policies.newest(folder.name) if known(folder.name) and not folder.is_symlink() else None
        if newest is not None:
            write_durably(folder / POLICY_NAME, newest[0])
            count += 1
    return count


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
    write_durably(path.with_name(receipt_name(sequence)), signed)
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
