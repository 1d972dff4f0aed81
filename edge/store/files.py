"""What the store needs of a file system beside SQLite: folders as a whole."""

import os
import shutil
from pathlib import Path
from typing import Protocol

from edge.files import make_folder, sync_folder


class Files(Protocol):
    """Every change is durable when the call returns."""

    def exists(self, path: Path) -> bool:
        """A file or folder is there."""

    def size(self, path: Path) -> int:
        """Bytes of a file, 0 when it is not there."""

    def read(self, path: Path, offset: int, amount: int) -> bytes:
        """Bytes of a file, fewer where it ends or cannot be read. Only while SQLite does not have it open: see `forget_cache`."""

    def make(self, folder: Path) -> None:
        """Create the folder with its parents."""

    def rename(self, source: Path, target: Path) -> None:
        """Move a folder to a name that is free."""

    def remove(self, folder: Path) -> None:
        """Delete a folder with what is in it."""

    def free_bytes(self, folder: Path) -> int:
        """Space that a program without privileges may still use."""

    def forget_cache(self, path: Path) -> None:
        """Make the next read of this file come from the disk: after a failed write the cache shows bytes that the disk does not have.

        Only before SQLite opens it: closing any descriptor of a file lets go of all locks that this process holds on it (POSIX).
        """


class DiskFiles:
    """The machine's own file system."""

    def exists(self, path: Path) -> bool:
        return path.exists()

    def size(self, path: Path) -> int:
        return path.stat().st_size if path.exists() else 0

    def read(self, path: Path, offset: int, amount: int) -> bytes:
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(amount)
        except OSError:
            return b""

    def make(self, folder: Path) -> None:
        make_folder(folder)

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
