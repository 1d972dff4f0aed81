"""Is the file what was written? Checks that take well under a second with thousands of waiting records.

The pictures themselves are not read at the start: each sealed part and each signed entry carries its SHA-256 and is checked whenever it
is read. The parts of an open enrolment are checked here, because the operator goes on from them.
"""

import hashlib
from collections.abc import Iterable

import apsw

from edge.store.tables import GUARDED, PARTS_MAX, Row, add_guard, first, guard, one, rows
from protocols.record import FIRST

SMALL_TABLES = ("sqlite_schema", "head", "record", "enrolment", "epoch", "ledger", "setting")


class Damaged(Exception):
    """The file is not what was written; the text says where it shows."""


def check_structure(connection: apsw.Connection, schema: list[Row], deep: bool) -> None:
    """Raises Damaged, or apsw.CorruptError where SQLite notices first. `deep` reads every page of the file."""
    if stored_schema(connection) != schema:
        raise Damaged("the schema is not what was written")
    if one(connection, "SELECT desc FROM pragma_index_xinfo('ledger_waiting') WHERE name = 'urgent'") != (1,):
        raise Damaged("the schema's format has changed, descending indexes would be read as ascending")
    _pragma_ok(connection, "integrity_check" if deep else None)
    _check_guards(connection)
    _check_head(connection)
    _check_open_parts(connection)


def schema_of(scripts: Iterable[str]) -> list[Row]:
    """What SQLite notes of a schema that these scripts make."""
    connection = apsw.Connection(":memory:")
    try:
        add_guard(connection)
        for script in scripts:
            connection.execute(script)
        return stored_schema(connection)
    finally:
        connection.close()


def stored_schema(connection: apsw.Connection) -> list[Row]:
    """What SQLite notes of each table and index."""
    return rows(connection, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")


def _pragma_ok(connection: apsw.Connection, whole: str | None) -> None:
    questions = [f"PRAGMA {whole}"] if whole else [f"PRAGMA quick_check({table})" for table in SMALL_TABLES]
    for question in questions:
        for (answer,) in rows(connection, question):
            if answer != "ok":
                raise Damaged(str(answer))


def _check_guards(connection: apsw.Connection) -> None:
    for table in SMALL_TABLES:
        if table in GUARDED:
            query = f"SELECT count(*) FROM {table} WHERE guard IS NOT guard({GUARDED[table][1]})"  # noqa: S608  # names from GUARDED
            (broken,) = one(connection, query)
            if broken:
                raise Damaged(f"{broken} rows of table {table} have changed by themselves")


def _check_head(connection: apsw.Connection) -> None:
    head = one(connection, "SELECT sequence, hash FROM head")
    last = first(connection, "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1") or (0, FIRST)
    if head != last:
        raise Damaged(f"the ledger's head stands at {head[0]}, its last entry is {last[0]}")


def _check_open_parts(connection: apsw.Connection) -> None:
    columns = GUARDED["part"][1]
    query = (
        f"SELECT sealed, guard, {columns} FROM part "  # noqa: S608  # names from GUARDED
        "WHERE number BETWEEN (SELECT record FROM enrolment) * 256 AND (SELECT record FROM enrolment) * 256 + 255"
    )
    for sealed, row_guard, *row in connection.execute(query):
        if row_guard != guard(*row) or hashlib.sha256(sealed).digest() != row[-1]:
            raise Damaged(f"part {row[0] % PARTS_MAX} of the open enrolment")
