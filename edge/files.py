"""Small files that a power cut leaves old or new, never half: the one place of the station that does it.

A new name needs its folder synced, or the file may be gone; the bytes need their sync before the name points to them, or the file may be
empty (tests/crash/test_file_writers.py enumerates every state).
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data`. Raises OSError; then the old file is still whole."""
    write_pieces_durably(path, (data,), mode)


def write_pieces_durably(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> None:
    """Temporary file beside it, fsync, rename, fsync of the folder. Raises OSError and what `pieces` raises; then the old file is still whole."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        _give_back(temporary)
        raise
    sync_folder(path.parent)


def _give_back(temporary: Path) -> None:
    """On a full disk the half that was written stands in the way of smaller things."""
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Create a folder with its parents; the names are durable when this returns."""
    if folder.exists():
        return
    make_folder(folder.parent, mode)
    folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
