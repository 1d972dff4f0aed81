"""The files beside the district's database on a simulated disk: the calls of `district.payloads.Disk`."""

from pathlib import Path

import apsw

from simulators.disk import Disk, Inode


class PayloadDisk:
    """Writes are volatile until `sync`, which also syncs the names of what is new; after a failed one they stay due."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._written: dict[str, Inode] = {}
        self._names_changed = False

    def make(self, folder: Path) -> None:
        if not self._disk.exists(folder):
            self._tick("write")
            made = Inode()
            self._disk.change_names(lambda names: names.update({str(folder): made}))
            self._names_changed = True

    def names_due(self, *_folders: Path) -> None:
        self._names_changed = True

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
        if self._names_changed:
            self._sync_names()
            self._names_changed = False

    def forget(self) -> None:
        self._written = {}

    def forget_cache(self, path: Path) -> None:
        self._disk.forget_cache(path)

    def read(self, path: Path) -> bytes:
        self._tick()
        return bytes(self._disk.names[str(path)].seen)

    def remove(self, path: Path) -> None:
        self._disk.remove(path)

    def _inode(self, path: Path) -> Inode:
        self._names_changed = self._names_changed or str(path) not in self._disk.names
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

    def _sync_names(self) -> None:
        try:
            self._disk.sync_names()
        except apsw.Error as error:
            raise OSError(5, f"simulated: {error}") from error

    def _tick(self, does: str = "") -> None:
        try:
            self._disk.tick(does)
        except apsw.Error as error:
            raise OSError(5, f"simulated: {error}") from error
