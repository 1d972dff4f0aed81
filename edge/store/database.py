"""One SQLite connection that can be trusted, or none: opening, checking, migrating, committing, and what to do when the disk fails.

WAL, synchronous=FULL, EXCLUSIVE, no mmap: the combination that lost nothing in block-level crash trials.
After any I/O error the connection is closed; the next call reopens it, reads the log back from the disk itself, checks it and
writes all of it into the main file before anything new is added. A failed write is never simply tried again: the kernel
drops what it could not write and then reports success.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

import apsw

from edge.errors import StoreBusy, StoreError, StoreFull
from edge.store.check import Damaged, check_structure, schema_of
from edge.store.files import Files
from edge.store.salvage import finish_exchange, make_store, set_aside
from edge.store.tables import Row, add_guard, one, transaction

FILE_NAME = "rekam.db"
APPLICATION_ID = 0x52454B00
"""plus the schema's number: a second copy of it, since a flipped bit there must not look like another version"""
PAGE_BYTES = 1024
"""each commit rewrites three or four small pages: with 4096 bytes that alone is half of a 0.5 MB record (tools/bench_store.py)"""
CACHE_KIB = 4096
CORRUPT = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)
UNTRUSTED = (*CORRUPT, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.ProtocolError,
             apsw.InternalError, apsw.NoMemError, apsw.FormatError, apsw.PermissionsError)
"""what the disk or its content can cause; every other SQLite error is a mistake of ours and goes through"""


class Database:
    """The store's file. Used from one thread. `vfs` names an SQLite VFS, None is the system's own.

    A checkpoint follows each record; `log_bytes` bounds the log while an enrolment with many retakes stays open.
    """

    def __init__(self, folder: Path, files: Files, vfs: str | None, log_bytes: int) -> None:
        self._folder, self._files, self._vfs, self._log_bytes = folder, files, vfs, log_bytes
        self._connection: apsw.Connection | None = None
        self._deep = False
        self._trusted()

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Raises StoreError when the disk fails; the state on the disk is then unknown until the next call has checked it."""
        connection = self._trusted()
        try:
            yield connection
        except apsw.FullError as error:
            raise _full() from error
        except UNTRUSTED as error:
            self._distrust(error)
            raise failed(error) from error

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """One transaction: durable when the block has ended without an exception, undone otherwise."""
        with self.read() as connection, transaction(connection):
            yield connection

    def checkpoint(self, mode: int = apsw.SQLITE_CHECKPOINT_RESTART) -> None:
        """Move the log into the main file. Failing loses nothing: what is committed stays in the log."""
        try:
            self._trusted().wal_checkpoint(mode=mode)
        except apsw.FullError:
            return
        except UNTRUSTED as error:
            self._distrust(error)

    def close(self) -> None:
        """Move the log into the main file and let go of it. The log is emptied: a bit that flips in it later would bring back old pages."""
        if self._connection is not None:
            self.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def free_bytes(self) -> int:
        """Bytes inside the file that purged records left for new ones."""
        with self.read() as connection:
            return int(one(connection, "PRAGMA freelist_count")[0]) * PAGE_BYTES

    def _trusted(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._open()
            self._deep = False
        return self._connection

    def _distrust(self, error: Exception) -> None:
        """Let go of the file without writing; corruption asks for a look at every page."""
        self._deep = self._deep or isinstance(error, CORRUPT)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(True)

    def _open(self) -> apsw.Connection:
        """Raises StoreBusy, StoreError."""
        try:
            finish_exchange(self._folder, self._files)
            if not self._files.exists(self._folder):
                make_store(self._folder, self._files, self._connect)
            try:
                return self._open_checked(self._folder)
            except (Damaged, *CORRUPT) as problem:
                set_aside(self._folder, str(problem), self._files, self._connect, spare_bytes=2 * self._log_bytes)
            return self._open_checked(self._folder)
        except apsw.FullError as error:
            raise _full() from error
        except (OSError, Damaged, *UNTRUSTED) as error:
            raise failed(error) from error

    def _open_checked(self, folder: Path) -> apsw.Connection:
        """Read what the disk really has, check it, and write the log into the main file before anything is added to it."""
        self._files.forget_cache(folder / f"{FILE_NAME}-wal")
        connection = self._connect(folder, fresh=False)
        try:
            check_structure(connection, expected_schema(), self._deep)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except BaseException:
            connection.close(True)
            raise
        return connection

    def _connect(self, folder: Path, fresh: bool) -> apsw.Connection:
        """Open the file, or create it where nothing is yet; hold it against every other process, bring its schema up to date."""
        if not fresh and not self._files.size(folder / FILE_NAME):
            raise Damaged("the file is gone or empty")
        connection = apsw.Connection(str(folder / FILE_NAME), vfs=self._vfs)
        try:
            _configure(connection)
            connection.wal_autocheckpoint(max(1, self._log_bytes // PAGE_BYTES))
            migrate(connection)
        except apsw.BusyError as error:
            connection.close(True)
            raise StoreBusy(
                "store_busy", f"another program uses the store in {folder}",
                "Close the other station program (or wait until it has stopped), then start again",
            ) from error
        except BaseException:
            connection.close(True)
            raise
        return connection


def _configure(connection: apsw.Connection) -> None:
    add_guard(connection)
    connection.set_busy_timeout(0)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("locking_mode", "EXCLUSIVE")
    connection.pragma("page_size", PAGE_BYTES)
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", "FULL")
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("mmap_size", 0)
    connection.pragma("foreign_keys", True)


def migrate(connection: apsw.Connection) -> None:
    """Run every schema file newer than the store, each in its own transaction. Raises Damaged, StoreError when the store is newer than this program."""
    scripts = schema_scripts()
    version, mark = (int(one(connection, f"PRAGMA {name}")[0]) for name in ("user_version", "application_id"))
    if mark != (APPLICATION_ID + version if version else 0):
        raise Damaged("the schema's number is not what was written")
    if version > max(scripts):
        raise StoreError(
            "store_newer", f"the store has schema {version}, this program knows {max(scripts)}",
            "Install the newer program again; the store was not touched",
        )
    for number in range(version + 1, max(scripts) + 1):
        with transaction(connection):
            connection.execute(scripts[number])
            connection.pragma("user_version", number)
            connection.pragma("application_id", APPLICATION_ID + number)


@cache
def schema_scripts() -> dict[int, str]:
    """Version -> SQL, from schema_v<version>.sql beside this file."""
    found = {}
    for entry in package_files("edge.store").iterdir():
        match = re.fullmatch(r"schema_v(\d+)\.sql", entry.name)
        if match:
            found[int(match[1])] = entry.read_text(encoding="utf-8")
    return found


@cache
def expected_schema() -> list[Row]:
    """What a store of this program must contain; a bit that flips in it would change what the tables mean."""
    scripts = schema_scripts()
    return schema_of(scripts[number] for number in sorted(scripts))


def _full() -> StoreFull:
    return StoreFull("store_full", "the disk is full", "Nothing that was saved is lost. Free space or send what waits, then try again")


def failed(error: Exception) -> StoreError:
    """What an I/O error means to people."""
    return StoreError(
        "store_failed", f"the disk did not keep what it was given ({error})",
        "Everything shown as saved before is safe. Try again; if it happens again, stop the station and change the card",
    )
