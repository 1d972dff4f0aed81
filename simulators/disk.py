"""A disk that keeps only what was synced, and an SQLite VFS on it: the store's own code runs on it unchanged.

Model: names (files, folders) and per file the bytes that a program sees, the bytes on the medium and the writes between the two.
Every call that reaches the disk is one tick; at a chosen tick the power goes (PowerCut, and nothing works until `restart`) or an error
strikes. A restart keeps a random prefix of the unsynced name changes and, for each file, of its unsynced writes nothing, all, a
prefix, a subset, or torn 512-byte sectors with some garbage. A sync that fails writes some of it and drops the rest while readers go on
seeing all, as Linux does (Rebello et al., ATC 2020). Not modelled: damage to bytes that nobody was writing, a card that lies about syncs.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw

SECTOR = 512
TORN_KEPT, TORN_GARBAGE = 0.60, 0.05
"""share of sectors of a torn write that reached the medium, and that hold garbage"""
GIGABYTE = 1 << 30
STRIKES = {"FULL": "write", "SYNC": "sync"}
"""fault -> the operations it strikes"""


class PowerCut(Exception):
    """The machine is off."""


@dataclass(frozen=True, slots=True)
class Fault:
    """From tick `at` on, once or for ever, the disk answers with an error: IOERR (any operation), FULL (a write), SYNC (a sync)."""

    at: int
    kind: str
    sticky: bool = False


Write = tuple[int, bytes | None]
"""offset and bytes, or the new length and None for a truncation"""


@dataclass(slots=True)
class Inode:
    """One file."""

    seen: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)

    def apply(self, write: Write) -> None:
        _apply(self.seen, write)
        self.pending.append(write)

    def sync(self) -> None:
        for write in self.pending:
            _apply(self.durable, write)
        self.pending.clear()

    def reread(self) -> None:
        """What the medium gives, and what still waits to be written to it."""
        self.seen = bytearray(self.durable)
        for write in self.pending:
            _apply(self.seen, write)

    def lose(self, rng: random.Random) -> None:
        """Some of what waited reaches the medium, the rest never will; readers do not notice."""
        for write in _survivors(self.pending, rng):
            _apply(self.durable, write)
        self.pending.clear()

    def crash(self, rng: random.Random) -> None:
        self.lose(rng)
        self.seen = bytearray(self.durable)


NameChange = Callable[[dict[str, Inode]], None]


class Disk:
    """Names and files, ticks and faults. Also stands in for the folder operations that the store does beside SQLite."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names: dict[str, Inode] = {}
        self._durable_names: dict[str, Inode] = {}
        self._changes: list[NameChange] = []
        self.ticks = 0
        self.syncs = 0
        self.written_bytes = 0
        self.cut_at: int | None = None
        self.fault: Fault | None = None
        self.capacity = GIGABYTE
        """bytes of all files together; a write that needs more is refused as FULL"""
        self.off = False

    def restart(self) -> None:
        """Power is back: what survived is there, ticks count from 0, no cut and no fault is set."""
        for change in self._changes[: self.rng.randrange(len(self._changes) + 1)]:
            change(self._durable_names)
        self._changes.clear()
        self.names = dict(self._durable_names)
        for name in sorted(self.names):
            self.names[name].crash(self.rng)
        self.off, self.ticks, self.cut_at, self.fault = False, 0, None, None

    def tick(self, does: str = "") -> None:
        """One operation reaches the disk; `does` is write, sync or something else. Raises PowerCut or an apsw.Error."""
        self.ticks += 1
        if self.off or self.ticks == self.cut_at:
            self.off = True
            raise PowerCut
        fault = self.fault
        if fault is None or self.ticks < fault.at or STRIKES.get(fault.kind, does) != does:
            return
        if not fault.sticky:
            self.fault = None
        raise apsw.exception_for(apsw.SQLITE_FULL if fault.kind == "FULL" else apsw.SQLITE_IOERR)

    def change_names(self, change: NameChange) -> None:
        change(self.names)
        self._changes.append(change)

    def sync_names(self) -> None:
        self.tick("sync")
        for change in self._changes:
            change(self._durable_names)
        self._changes.clear()

    def open(self, name: str, create: bool) -> Inode:
        """The file of that name. Raises apsw.CantOpenError."""
        self.tick()
        if name not in self.names:
            if not create:
                raise apsw.exception_for(apsw.SQLITE_CANTOPEN)
            inode = Inode()
            self.change_names(lambda names: names.update({name: inode}))
        return self.names[name]

    # --- folders, as edge.store.files.Files ---

    def exists(self, path: Path) -> bool:
        return str(path) in self.names or any(name.startswith(f"{path}/") for name in self.names)

    def size(self, path: Path) -> int:
        return len(self.names[str(path)].seen) if str(path) in self.names else 0

    def read(self, path: Path, offset: int, amount: int) -> bytes:
        return bytes(self.names[str(path)].seen[offset : offset + amount]) if str(path) in self.names else b""

    def make(self, folder: Path) -> None:
        if not self.exists(folder):
            self._folder_change(lambda names: names.update({str(folder): Inode()}))

    def rename(self, source: Path, target: Path) -> None:
        self._folder_change(lambda names: _move(names, str(source), str(target)))

    def remove(self, folder: Path) -> None:
        self._folder_change(lambda names: _drop(names, str(folder)))

    def free_bytes(self, folder: Path) -> int:
        return self.capacity - sum(len(inode.seen) for inode in self.names.values())

    def make_room(self, inode: Inode, end: int) -> None:
        """Raises apsw.FullError when the file cannot grow to `end`."""
        growth = end - len(inode.seen)
        if growth > 0 and growth > self.free_bytes(Path()):
            raise apsw.exception_for(apsw.SQLITE_FULL)

    def forget_cache(self, path: Path) -> None:
        if str(path) in self.names:
            self.names[str(path)].reread()

    def _folder_change(self, change: NameChange) -> None:
        try:
            self.tick("write")
            self.change_names(change)
            self.sync_names()
        except apsw.Error as error:
            raise OSError(f"simulated: {error}") from error


class DiskFile:
    """One open file, as SQLite's VFS interface asks for it."""

    def __init__(self, disk: Disk, name: str, inode: Inode, *, sync_names: bool) -> None:
        self._disk, self._name, self._inode = disk, name, inode
        self._names_unsynced = sync_names
        """SQLite's unix VFS syncs the folder at the first sync of a journal or log that it may have created"""

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802  # SQLite's names
        self._disk.tick()
        return bytes(self._inode.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        data = bytes(data)
        try:
            self._disk.tick("write")
        except (PowerCut, apsw.Error):
            self._inode.apply((offset, data[: self._disk.rng.randrange(len(data) + 1)]))
            raise
        self._disk.make_room(self._inode, offset + len(data))
        self._disk.written_bytes += len(data)
        self._inode.apply((offset, data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.tick()
        self._inode.apply((size, None))

    def xSync(self, _flags: int) -> None:  # noqa: N802
        try:
            self._disk.tick("sync")
        except apsw.Error:
            self._inode.lose(self._disk.rng)
            raise
        self._disk.syncs += 1
        self._inode.sync()
        if self._names_unsynced:
            self._disk.sync_names()
            self._names_unsynced = False

    def xFileSize(self) -> int:  # noqa: N802
        self._disk.tick()
        return len(self._inode.seen)

    def xLock(self, _level: int) -> None:  # noqa: N802
        """One program, one connection."""

    def xUnlock(self, _level: int) -> None:  # noqa: N802
        """See xLock."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, _operation: int, _pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """As SQLite's unix VFS on Linux."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        """Nothing is written at a close."""


class DiskVfs(apsw.VFS):
    """SQLite's view of a Disk; `disk` may be exchanged between connections. Unregister it when done."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.disk = disk
        super().__init__(name, "")

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> DiskFile:  # type: ignore[override]  # noqa: N802  # any object with the methods will do
        flags[1] = flags[0]
        log = bool(flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL))
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        create = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        return DiskFile(self.disk, path, self.disk.open(path, create), sync_names=log and create)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        self.disk.tick()
        return pathname in self.disk.names

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.disk.tick()
        if filename not in self.disk.names:
            raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT)
        self.disk.change_names(lambda names: _drop(names, filename))
        if syncdir:
            self.disk.sync_names()

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xRandomness(self, amount: int) -> bytes:  # noqa: N802
        return self.disk.rng.randbytes(amount)

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        return 212_000_000_000_000

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        return microseconds


def _apply(data: bytearray, write: Write) -> None:
    at, new = write
    if new is None:
        del data[at:]
        data.extend(bytes(at - len(data)))
        return
    if at > len(data):
        data.extend(bytes(at - len(data)))
    data[at : at + len(new)] = new


def _survivors(pending: list[Write], rng: random.Random) -> list[Write]:
    """What of the unsynced writes reached the medium."""
    how = rng.choice(("none", "all", "prefix", "subset", "torn"))
    if how == "none" or not pending:
        return []
    if how == "prefix":
        return pending[: rng.randrange(len(pending) + 1)]
    if how == "subset":
        return [write for write in pending if rng.random() < 0.5]
    if how == "torn":
        return [piece for write in pending for piece in _torn(write, rng)]
    return list(pending)


def _torn(write: Write, rng: random.Random) -> list[Write]:
    at, data = write
    if data is None:
        return [write] if rng.random() < 0.5 else []
    pieces: list[Write] = []
    position = 0
    while position < len(data):
        size = min(SECTOR - (at + position) % SECTOR, len(data) - position)
        luck = rng.random()
        if luck < TORN_KEPT:
            pieces.append((at + position, data[position : position + size]))
        elif luck < TORN_KEPT + TORN_GARBAGE:
            pieces.append((at + position, rng.randbytes(size)))
        position += size
    return pieces


def _move(names: dict[str, Inode], source: str, target: str) -> None:
    for name in [name for name in names if name == source or name.startswith(f"{source}/")]:
        names[target + name[len(source) :]] = names.pop(name)


def _drop(names: dict[str, Inode], path: str) -> None:
    for name in [name for name in names if name == path or name.startswith(f"{path}/")]:
        del names[name]
