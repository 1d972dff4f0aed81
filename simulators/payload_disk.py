"""The files beside the district's database on a simulated disk: the calls of `district.payloads.Disk`."""

from pathlib import Path

import apsw

from simulators.disk import Disk, Inode


class PayloadDisk:
    """Writes are volatile until `sync`, which also syncs the names of what was written."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._written: dict[str, Inode] = {}

    def make(self, folder: Path) -> None:
        self._disk.make(folder)

    def exists(self, path: Path) -> bool:
        return self._disk.exists(path)

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        inode = self._inode(path)
        self._tick("write")
        inode.apply((offset, data))
        self._written[str(path)] = inode

    def sync(self) -> None:
        written, self._written = self._written, {}
        for inode in written.values():
            self._sync(inode)
        if written:
            self._disk.sync_names()

    def forget(self) -> None:
        self._written = {}

    def read(self, path: Path) -> bytes:
        self._tick()
        return bytes(self._disk.names[str(path)].seen)

    def remove(self, path: Path) -> None:
        self._disk.remove(path)

    def rename(self, source: Path, target: Path) -> None:
        self._disk.rename(source, target)

    def _inode(self, path: Path) -> Inode:
        try:
            return self._disk.open(str(path), create=True)
        except apsw.Error as error:
            raise OSError(5, "simulated") from error

    def _sync(self, inode: Inode) -> None:
        try:
            self._tick("sync")
        except OSError:
            inode.lose(self._disk.rng)
            raise
        inode.sync()

    def _tick(self, does: str = "") -> None:
        try:
            self._disk.tick(does)
        except apsw.Error as error:
            raise OSError(5, f"simulated: {error}") from error
