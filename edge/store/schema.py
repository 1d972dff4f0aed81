"""The store's tables through the versions: the scripts beside this file, run in order, and what a file then must contain."""

import re
from functools import cache
from importlib.resources import files as package_files

import apsw

from edge.errors import StoreError
from edge.store.check import Damaged, schema_of
from edge.store.tables import Row, one, transaction

APPLICATION_ID = 0x52454B00
"""plus the schema's number: a second copy of it, since a flipped bit there must not look like another version"""
PAGE_BYTES = 1024
"""each commit rewrites three or four small pages: with 4096 bytes that alone is half of a 0.5 MB record (tools/bench_store.py)"""


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
