"""The district's side of a stick: entries are taken in by the same numbered checks as over MQTT, and signed receipts are put beside them, and the
policy that each station shall keep to. The store may be another program's: then its page is asked (stick_routes.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from district.durable import write_durably
from district.policies import Policies
from district.store import DistrictStore
from district.verify import RECORD_BYTES_MAX
from protocols.canonical import FormatError
from protocols.custody.receiver import Refused
from protocols.record import ENTRY_BYTES_MAX
from protocols.stick import ENTRY_SUFFIX, FOLDER, POLICY_NAME, Bundle, read_bundle, receipt_name

FILE_BYTES_MAX = RECORD_BYTES_MAX + 2 * ENTRY_BYTES_MAX
"""what a record may have, its entry and what frames them"""
Offered = tuple[int, bytes] | str
"""sequence and signed receipt; or `broken` (the copy is not whole), `refused` (a check does not let it in)"""


class Desk(Protocol):
    """Whoever has the store."""

    def offer(self, station: str, data: bytes) -> Offered:
        """One file of a station."""

    def policy(self, station: str) -> bytes | None:
        """What a station shall keep to, signed; None: nothing, or no station of this district."""


class StoreDesk:
    """This program has it. In the store's thread. Raises OSError, apsw.Error; what has a receipt is safe then."""

    def __init__(self, store: DistrictStore, policies: Policies) -> None:
        self._store, self._policies = store, policies

    def offer(self, station: str, data: bytes) -> Offered:
        try:
            bundle = read_bundle(data)
        except FormatError:
            return "broken"
        return _offer(self._store, station, bundle) if self._store.known_station(station) else "refused"

    def policy(self, station: str) -> bytes | None:
        newest = self._policies.newest(station) if self._store.known_station(station) else None
        return newest[0] if newest else None


@dataclass(slots=True)
class TakenIn:
    """What became of a stick."""

    receipts: int = 0
    """entries that are held now and have their receipt on the stick"""
    broken: int = 0
    """copies that are not whole: export to the stick again"""
    refused: int = 0
    """entries that the checks refuse"""


def take_in(desk: Desk, stick: Path, told: Callable[[int, int], None]) -> TakenIn:
    """Every entry of every station on the stick, in the order of its ledger. Raises OSError; what has a receipt is safe then."""
    files = sorted((stick / FOLDER).glob(f"*/*{ENTRY_SUFFIX}"))
    result = TakenIn()
    for done, path in enumerate(files, 1):
        _take_in(desk, path, result)
        told(done, len(files))
    return result


def put_policies(desk: Desk, stick: Path) -> int:
    """The policy in force into the folder of each station on the stick; returns how many. Raises OSError."""
    count = 0
    for folder in sorted(path for path in (stick / FOLDER).glob("*") if path.is_dir() and not path.is_symlink()):
        policy = desk.policy(folder.name)
        if policy is not None:
            write_durably(folder / POLICY_NAME, policy)
            count += 1
    return count


def _take_in(desk: Desk, path: Path, result: TakenIn) -> None:
    data = _read(path)
    offered = desk.offer(path.parent.name, data) if data else "broken"
    if isinstance(offered, str):
        result.broken += offered == "broken"
        result.refused += offered != "broken"
        return
    sequence, signed = offered
    try:
        write_durably(path.with_name(receipt_name(sequence)), signed)
    except IsADirectoryError:  # one spoilt name must not keep the others from their receipts
        result.broken += 1
        return
    result.receipts += 1


def _read(path: Path) -> bytes:
    """Empty for a link, a device, or what is larger than any record."""
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        return b""
    return path.read_bytes()


def _offer(store: DistrictStore, station: str, bundle: Bundle) -> Offered:
    accepted = store.accept_entry(station, bundle.envelope)
    if isinstance(accepted, Refused):
        store.flush()
        return "refused"
    if accepted.record_id is not None and accepted.sizes:
        for index, part in enumerate(bundle.parts):
            store.write_chunk(station, accepted.record_id, index, 0, part)
    store.flush()
    if accepted.record_id is not None:
        store.complete(station, accepted.record_id)
    signed = store.receipt(station, accepted.sequence)
    return (accepted.sequence, signed) if signed else "refused"
