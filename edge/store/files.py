"""What the store needs of a file system beside SQLite, and how small files are written so that a power cut leaves the old or the new one."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Folders as a whole: SQLite does the rest. Every change is durable when the call returns."""

    def exists(self, path: Path) -> bool:
        """A file or folder is there."""

    def size(self, path: Path) -> int:
        """Bytes of a file, 0 when it is not there."""

    def make(self, folder: Path) -> None:
        """Create the folder with its parents."""

    def rename(self, source: Path, target: Path) -> None:
        """Move a folder to a name that is free."""

    def remove(self, folder: Path) -> None:
        """Delete a folder with what is in it."""

    def free_bytes(self, folder: Path) -> int:
        """Space that a program without privileges may still use."""

    def forget_cache(self, path: Path) -> None:
        """Make the next read of this file come from the disk: after a failed write the cache shows bytes that the disk does not have."""


class DiskFiles:
    """The machine's own file system."""

    def exists(self, path: Path) -> bool:
        return path.exists()

    def size(self, path: Path) -> int:
        return path.stat().st_size if path.exists() else 0

    def make(self, folder: Path) -> None:
        if folder.exists():
            return
        self.make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)
        sync_folder(target.parent)

    def remove(self, folder: Path) -> None:
        shutil.rmtree(folder)
        sync_folder(folder.parent)

    def free_bytes(self, folder: Path) -> int:
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize

    def forget_cache(self, path: Path) -> None:
        if not path.exists():
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data`. Raises OSError; then the old file is still whole."""
    write_pieces_durably(path, (data,), mode)


def write_pieces_durably(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> None:
    """Temporary file beside it, fsync, rename, fsync of the folder. Raises OSError and what `pieces` raises; then the old file is still whole."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
