"""Copies between a stick and a station's desk: the store itself (edge/store/stick.py) or a running station (tools/stick_remote.py).

A stick that is pulled out half-way leaves whole files and at most one temporary one; copying again goes on where it stopped.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.errors import StationError, StoreError
from edge.files import make_folder, write_pieces_durably
from edge.store.stick import FILE_BYTES_MAX, Waiting
from protocols.canonical import FormatError
from protocols.stick import FOLDER, POLICY_NAME, RECEIPT_SUFFIX, ROSTER_NAME, entry_name, read_bundle

Told = Callable[[int, int], None]
"""done, of how many"""


class Desk(Protocol):
    """See edge/store/stick.py."""

    station: str

    def begin(self) -> list[Waiting]: ...
    def bundle(self, sequence: int) -> tuple[int, Iterable[bytes]]: ...
    def receipt(self, signed: bytes) -> str: ...
    def roster(self, signed: bytes) -> str: ...
    def policy(self, signed: bytes) -> str: ...


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
    disputed: int
    """receipts for other records under this station's numbers: an old card image, or a copied card"""
    roster: str
    policy: str
    """what became of them; empty: none on the stick"""


def export_entries(desk: Desk, stick: Path, told: Told) -> Exported:
    """Copy everything without a receipt. Raises StoreError, OSError (the stick is full or gone)."""
    folder = stick / FOLDER / desk.station
    if folder.is_symlink() or folder.parent.is_symlink():
        raise StationError("stick_foreign", f"{folder} leads away from the stick", "Take another stick, or remove that link")
    make_folder(folder)
    waiting = desk.begin()
    results: Counter[str] = Counter()
    for item in waiting:
        results[_export(desk, item, folder / entry_name(item.sequence))] += 1
        told(results.total(), len(waiting))
    return Exported(results["written"], results["already"], results["unreadable"])


def _export(desk: Desk, item: Waiting, path: Path) -> str:
    if item.bytes == 0:
        return "unreadable"
    if _whole(path, item.bytes):
        return "already"
    try:
        if path.is_dir():  # a spoilt name; nothing on the stick is deleted
            path.rename(path.with_name(f"{path.name}.aside"))
        write_pieces_durably(path, desk.bundle(item.sequence)[1])
    except StoreError as error:
        if error.code != "content_unreadable":
            raise
        return "unreadable"
    return "written"


def _whole(path: Path, size: int) -> bool:
    """A copy of the same size under a digest that holds: an entry never changes, so these are its bytes or nobody will believe them."""
    try:
        return path.stat().st_size == size and bool(read_bundle(path.read_bytes()))
    except (OSError, FormatError):
        return False


def import_all(desk: Desk, stick: Path, told: Told) -> Imported:
    """Receipts, roster and policy; entries that are received need not be carried again and leave the stick. Raises StoreError, OSError."""
    folder = stick / FOLDER / desk.station
    if not folder.is_dir():
        raise StationError("stick_foreign", f"{stick} holds nothing for station {desk.station}", _others(stick))
    results: Counter[str] = Counter()
    receipts = sorted(folder.glob(f"*{RECEIPT_SUFFIX}"))
    for path in receipts:
        results[_import(desk, path)] += 1
        told(results.total(), len(receipts))
    roster, policy = (_take(folder / name, take) for name, take in ((ROSTER_NAME, desk.roster), (POLICY_NAME, desk.policy)))
    return Imported(results["received"], results["known"], results["refused"], results["disputed"], roster, policy)


def _others(stick: Path) -> str:
    names = sorted(path.name[:32] for path in (stick / FOLDER).glob("*") if path.is_dir())[:5]
    return f"It is the stick of {', '.join(names)}: take it there" if names else "Run ./rekam export first, and import at the district"


def _import(desk: Desk, path: Path) -> str:
    result, _, stored = _take(path, desk.receipt).partition(":")
    if stored:
        path.with_suffix(".entry").unlink(missing_ok=True)
    return result


def _take(path: Path, take: Callable[[bytes], str]) -> str:
    """Links are not followed, nothing large is read. Empty when there is no such file."""
    if path.is_symlink() or (path.exists() and (not path.is_file() or path.stat().st_size > FILE_BYTES_MAX)):
        return "refused"
    return take(path.read_bytes()) if path.exists() else ""
