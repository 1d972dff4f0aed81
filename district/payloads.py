"""Sealed parts as files: taken in under `incoming/RECORD/`, moved as a whole to `records/STATION/RECORD/` once they are complete.

A record's folder there is self-contained: `manifest.cose` and `00.part`, `01.part`, ... in the manifest's order. What counts is decided by
the database (store.py); a file without its row is only bytes that nobody was promised.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Protocol

MANIFEST_FILE = "manifest.cose"


class Disk(Protocol):
    """What this module needs of a file system. Every call may raise OSError."""

    def make(self, folder: Path) -> None:
        """Create the folder with its parents, durably."""

    def exists(self, path: Path) -> bool: ...

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        """Write some bytes of a file, creating it; durable only after `sync`."""

    def sync(self) -> None:
        """Make every write since the last call durable, names included. After an error nothing of it may be relied on."""

    def forget(self) -> None:
        """Let go of writes that nobody will sync."""

    def read(self, path: Path) -> bytes: ...

    def remove(self, path: Path) -> None:
        """Delete a file or a folder; nothing happens when it is not there."""

    def rename(self, source: Path, target: Path) -> None:
        """Move a folder, durably."""


class RealDisk:
    """The machine's own file system."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}
        self._new_in: set[Path] = set()

    def make(self, folder: Path) -> None:
        if not folder.exists():
            self.make(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(folder.parent)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        if path not in self._open:
            if not path.exists():
                self._new_in.add(path.parent)
            self._open[path] = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        view = memoryview(data)
        while view:
            written = os.pwrite(self._open[path], view, offset)
            view, offset = view[written:], offset + written

    def sync(self) -> None:
        opened, self._open = self._open, {}
        folders, self._new_in = self._new_in, set()
        try:
            for descriptor in opened.values():
                os.fdatasync(descriptor)
        finally:
            for descriptor in opened.values():
                os.close(descriptor)
        for folder in folders:
            _sync_folder(folder)

    def forget(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open = {}

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def remove(self, path: Path) -> None:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)
        _sync_folder(target.parent)
        _sync_folder(source.parent)


class Payloads:
    """The parts of all records below one folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._disk = disk
        self._incoming, self._records = folder / "incoming", folder / "records"
        disk.make(self._incoming)
        disk.make(self._records)

    def folder(self, station: str, record_id: bytes) -> Path:
        """Where a complete record lies."""
        return self._records / station / record_id.hex()

    def write(self, record_id: bytes, part: int, offset: int, data: bytes) -> None:
        """Some bytes of a part; durable after `sync`."""
        folder = self._incoming / record_id.hex()
        self._disk.make(folder)
        self._disk.write_at(_part_file(folder, part), offset, data)

    def sync(self) -> None:
        self._disk.sync()

    def forget(self) -> None:
        self._disk.forget()

    def digest(self, station: str, record_id: bytes, part: int) -> bytes:
        """SHA-256 of a part as it lies there; of nothing when it does not."""
        path = _part_file(self._where(station, record_id), part)
        return hashlib.sha256(self._disk.read(path) if self._disk.exists(path) else b"").digest()

    def drop(self, record_id: bytes, part: int) -> None:
        """Forget the bytes of a part that came wrong."""
        self._disk.remove(_part_file(self._incoming / record_id.hex(), part))

    def shelve(self, station: str, record_id: bytes, envelope: bytes) -> None:
        """Put the manifest beside the parts and move all to its lasting place. Done again after a cut it changes nothing."""
        if self._disk.exists(self.folder(station, record_id)):
            return
        staged = self._incoming / record_id.hex()
        self._disk.make(staged)
        self._disk.write_at(staged / MANIFEST_FILE, 0, envelope)
        self._disk.sync()
        self._disk.make(self._records / station)
        self._disk.rename(staged, self.folder(station, record_id))

    def _where(self, station: str, record_id: bytes) -> Path:
        """A cut between the move and the commit leaves a record at its lasting place that still counts as incoming."""
        final = self.folder(station, record_id)
        return final if self._disk.exists(final) else self._incoming / record_id.hex()


def _part_file(folder: Path, part: int) -> Path:
    return folder / f"{part:02d}.part"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
