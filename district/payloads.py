"""Sealed parts as files: `records/STATION/RECORD/00.part`, `01.part`, ... in the manifest's order, and last of all `manifest.cose`.

A folder with its manifest is a whole record that can be carried away and verified alone. What counts is decided by the database
(store.py): a file without its row is only bytes that nobody was promised.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from district.durable import sync_folder

_T = TypeVar("_T")
MANIFEST_FILE = "manifest.cose"
SYNC_THREADS = 8
"""fsyncs that run side by side share one commit of the file system's journal"""


class Disk(Protocol):
    """What this module needs of a file system. Every call may raise OSError."""

    def make(self, folder: Path) -> None:
        """Create the folder with its parents; durable after `sync`."""

    def names_due(self, *folders: Path) -> None:
        """Names in these folders may be older than this life of the program; durable after `sync` all the same."""

    def exists(self, path: Path) -> bool: ...

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        """Write some bytes of a file, creating it; durable after `sync`."""

    def sync(self) -> None:
        """Make everything since the last call durable, names included. After an error no bytes of it may be relied on; its names stay due."""

    def forget(self) -> None:
        """Let go of writes that nobody will sync."""

    def forget_cache(self, path: Path) -> None:
        """Make the next read of this file come from the medium: after a failed fsync the cache shows bytes that the medium does not have."""

    def read(self, path: Path) -> bytes: ...

    def remove(self, path: Path) -> None:
        """Delete a file; nothing happens when it is not there."""


class RealDisk:
    """The machine's own file system."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}
        self._new_in: set[Path] = set()

    def make(self, folder: Path) -> None:
        if not folder.exists():
            self.make(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            self._new_in.add(folder.parent)

    def names_due(self, *folders: Path) -> None:
        self._new_in.update(folders)

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
        try:
            _side_by_side(os.fdatasync, opened.values())
        finally:
            for descriptor in opened.values():
                os.close(descriptor)
        _side_by_side(sync_folder, self._new_in)
        self._new_in.clear()

    def forget(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open = {}

    def forget_cache(self, path: Path) -> None:
        if path.exists():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


class Payloads:
    """The parts of all records below one folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._disk = disk
        self._records = folder / "records"
        disk.make(self._records)
        disk.names_due(folder)
        disk.sync()

    def folder(self, station: str, record_id: bytes) -> Path:
        """Where a record lies."""
        return self._records / station / record_id.hex()

    def write(self, station: str, record_id: bytes, part: int, offset: int, data: bytes) -> None:
        """Some bytes of a part; durable after `sync`."""
        folder = self.folder(station, record_id)
        if offset == 0 or not self._disk.exists(folder):
            self._disk.make(folder)
        self._disk.write_at(_part_file(folder, part), offset, data)

    def finish(self, station: str, record_id: bytes, envelope: bytes) -> None:
        """Put the manifest beside parts that are whole and durable; durable after `sync`. Done again after a cut it changes nothing."""
        folder = self.folder(station, record_id)
        self._disk.write_at(folder / MANIFEST_FILE, 0, envelope)
        self._disk.names_due(folder, folder.parent, self._records)

    def sync(self) -> None:
        self._disk.sync()

    def forget(self) -> None:
        self._disk.forget()

    def digest(self, station: str, record_id: bytes, part: int) -> bytes:
        """SHA-256 of a part as it lies there; of nothing when it does not."""
        path = _part_file(self.folder(station, record_id), part)
        return hashlib.sha256(self._disk.read(path) if self._disk.exists(path) else b"").digest()

    def drop(self, station: str, record_id: bytes, part: int) -> None:
        """Forget the bytes of a part that came wrong."""
        self._disk.remove(_part_file(self.folder(station, record_id), part))


def _part_file(folder: Path, part: int) -> Path:
    return folder / f"{part:02d}.part"


def _side_by_side(work: Callable[[_T], None], things: Iterable[_T]) -> None:
    """All of them, then the first error if there was one."""
    things = list(things)
    if len(things) < 2:
        for thing in things:
            work(thing)
        return
    with ThreadPoolExecutor(min(SYNC_THREADS, len(things)), "sync") as pool:
        for done in [pool.submit(work, thing) for thing in things]:
            done.result()
