"""A damaged file, read as if its first page and its schema were whole.

One flipped bit there makes SQLite refuse every row, or lose whole tables, though no row is touched. What these pages held is known
without them: nothing ever moves the schema's pages, so they are those of an empty store, and the header (SQLite's file format, 1.3)
follows from the file's length. SQLite is shown these in place of the file's own; the file stays as it is.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from edge.store.check import Damaged, stored_schema
from edge.store.files import Files
from edge.store.schema import PAGE_BYTES, expected_schema, migrate
from edge.store.tables import add_guard, rows

VIEW = "rekam-mended"
HEADER_BYTES = 100
WAL_MARK_AT, WAL_MARK = 18, b"\2\2"
"""works with a write-ahead log"""
PAGE_COUNT_AT = 28
Pages = dict[int, bytes]
"""number from 1 -> content"""


@contextmanager
def mended(
    file: Path, files: Files, vfs: str | None, prepare: Callable[[apsw.Connection], None], as_it_is: Callable[[], apsw.Connection],
) -> Iterator[apsw.Connection | None]:
    """A connection for reading what is left: mended, or, where that does not give this program's tables, as it is; None when neither opens."""
    def opened() -> apsw.Connection:
        if files.size(file) < PAGE_BYTES:
            raise Damaged("nothing is left, and SQLite would begin a new file")
        connection = apsw.Connection(str(file), vfs=VIEW)
        try:
            prepare(connection)
            if stored_schema(connection) != expected_schema():
                raise Damaged("other tables")
        except BaseException:
            connection.close(True)
            raise
        return connection

    view = _View(vfs, _pages(file, files))
    try:
        connection = _attempt(opened) or _attempt(as_it_is)
        try:
            yield connection
        finally:
            if connection is not None:
                connection.close(True)
    finally:
        view.unregister()


def mark_whole(file: Path, files: Files) -> bool:
    """Whether the file says that it is written through a log; SQLite takes other marks for a file that it may only read.

    A cut may also tear this page while the log still holds it whole, so that this alone is no damage.
    """
    return files.read(file, WAL_MARK_AT, len(WAL_MARK)) == WAL_MARK


def _attempt(open_it: Callable[[], apsw.Connection]) -> apsw.Connection | None:
    try:
        return open_it()
    except (apsw.Error, UnicodeDecodeError, Damaged):
        return None


def _pages(file: Path, files: Files) -> Pages:
    """The schema's pages as they were made. Where more than one differs in the file (an upgrade put them elsewhere), only the header is."""
    made = _made()
    header = bytearray(made[1][:HEADER_BYTES])
    header[WAL_MARK_AT : WAL_MARK_AT + len(WAL_MARK)] = WAL_MARK
    struct.pack_into(">I", header, PAGE_COUNT_AT, files.size(file) // PAGE_BYTES)
    found = {number: files.read(file, (number - 1) * PAGE_BYTES, PAGE_BYTES) for number in made}
    others = [number for number in made if found[number][HEADER_BYTES if number == 1 else 0 :] != made[number][HEADER_BYTES if number == 1 else 0 :]]
    pages = made if len(others) <= 1 else {1: found[1].ljust(PAGE_BYTES, b"\0")}
    return {**pages, 1: bytes(header) + pages[1][HEADER_BYTES:]}


def _made() -> Pages:
    """An empty store's pages without those that tables and indexes begin at: what is left holds the schema."""
    connection = apsw.Connection(":memory:")
    try:
        connection.pragma("page_size", PAGE_BYTES)
        add_guard(connection)
        migrate(connection)
        roots = {number for (number,) in rows(connection, "SELECT rootpage FROM sqlite_schema")}
        image = connection.serialize("main")
    finally:
        connection.close()
    numbers = set(range(1, len(image) // PAGE_BYTES + 1)) - roots
    return {number: image[(number - 1) * PAGE_BYTES : number * PAGE_BYTES] for number in sorted(numbers)}


class _View(apsw.VFS):
    """The file system below, but some pages of the main file are given."""

    def __init__(self, below: str | None, pages: Pages) -> None:
        self._below, self._pages = below or "", pages
        super().__init__(VIEW, self._below)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's names
        given = self._pages if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else {}
        return _ViewFile(self._below, name, flags, given)


class _ViewFile(apsw.VFSFile):
    """SQLite reads a page or a piece of one at a time."""

    def __init__(self, below: str, name: "str | apsw.URIFilename | None", flags: list[int], given: Pages) -> None:
        super().__init__(below, name, flags)
        self._given = given

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        number, start = divmod(offset, PAGE_BYTES)
        page = self._given.get(number + 1)
        return super().xRead(amount, offset) if page is None else page[start : start + amount]
