"""One SQLite connection that can be trusted, or none: opening, checking, migrating, committing, and what to do when the disk fails.

WAL, synchronous=FULL, EXCLUSIVE, no mmap: the combination that lost nothing in block-level crash trials.
After any I/O error the connection is closed; the next call reopens it, reads the log back from the disk itself, checks it and
writes all of it into the main file before anything new is added. A failed write is never simply tried again: the kernel
drops what it could not write and then reports success.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import apsw

from edge.errors import StoreBusy, StoreError, StoreFull
from edge.store.check import Damaged, check_structure
from edge.store.files import Files
from edge.store.mended import mark_whole, mended
from edge.store.salvage import finish_exchange, make_store, set_aside
from edge.store.schema import PAGE_BYTES, expected_schema, migrate
from edge.store.tables import add_guard, one, transaction

FILE_NAME = "rekam.db"
CACHE_KIB = 512
"""more takes no write off the disk (`./rekam bench store`)"""
CORRUPT = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)
MACHINE = (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.ProtocolError, apsw.InternalError, apsw.NoMemError, apsw.PermissionsError)
"""says nothing about the file's content"""
UNTRUSTED = (*CORRUPT, *MACHINE, apsw.FormatError)
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
            except (apsw.FullError, *MACHINE):
                raise
            except (Damaged, UnicodeDecodeError, apsw.Error) as problem:
                # before the checks have passed any other complaint of SQLite's is about what the file holds
                set_aside(self._folder, str(problem), self._files, self._connect, self._left, spare_bytes=2 * self._log_bytes)
            return self._open_checked(self._folder)
        except apsw.FullError as error:
            raise _full() from error
        except (OSError, Damaged, *UNTRUSTED) as error:
            raise failed(error) from error

    def _open_checked(self, folder: Path) -> apsw.Connection:
        """Read what the disk really has, check it, and write the log into the main file before anything is added to it."""
        self._files.forget_cache(folder / f"{FILE_NAME}-wal")
        marked = mark_whole(folder / FILE_NAME, self._files)
        connection = self._connect(folder, fresh=False)
        try:
            if connection.readonly("main") and not marked:
                raise Damaged("the file's header is not what was written")
            check_structure(connection, expected_schema(), self._deep)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except BaseException:
            connection.close(True)
            raise
        return connection

    def _left(self) -> AbstractContextManager[apsw.Connection | None]:
        file = self._folder / FILE_NAME
        return mended(file, self._files, self._vfs, _configure, partial(self._connect, self._folder, fresh=False))

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


def _full() -> StoreFull:
    return StoreFull("store_full", "the disk is full", "Nothing that was saved is lost. Free space or send what waits, then try again")


def failed(error: Exception) -> StoreError:
    """What an I/O error means to people."""
    return StoreError(
        "store_failed", f"the disk did not keep what it was given ({error})",
        "Everything shown as saved before is safe. Try again; if it happens again, stop the station and change the card",
    )
