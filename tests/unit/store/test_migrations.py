"""Stores that earlier programs left open with everything in them, and a migration that is cut off changes nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from edge.errors import StoreError
from edge.store import schema
from edge.store.store import Store
from edge.store.values import Counts
from tests.unit.store.stored import RECORD

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors" / "store"
scripts = schema.schema_scripts()
SECOND = "ALTER TABLE setting ADD COLUMN note TEXT; CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;"


@pytest.fixture(params=sorted(VECTORS.glob("v*.db")), ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(request.param, folder / "rekam.db")
    return folder


@pytest.fixture(autouse=True)
def _fresh_scripts() -> Iterator[None]:
    schema.expected_schema.cache_clear()
    yield
    schema.expected_schema.cache_clear()


def check(store: Store) -> None:
    """What is in every stored old file."""
    assert store.head().sequence == 3
    assert store.counts() == Counts(2, 1, 1, 0)
    assert store.setting("clock") == b"12345678"
    assert store.receipt(3) == b"signed"
    assert store.part(b"o" * 16, 1, 0, 500) == b"s" * 500
    found = store.open_enrolment()
    assert found is not None
    assert (found.record_id, found.ticket, found.progress, [ref.position for ref in found.parts]) == (RECORD, 7, b"p2", [2, 3])


def test_an_old_store_opens_with_everything_in_it(old: Path) -> None:
    for _ in range(2):
        store = Store.open(old, 0)
        assert store.damage() is None
        check(store)
        store.close()


@pytest.mark.parametrize("byte", [0, 17, 47, 63])
def test_an_old_store_with_a_damaged_header_is_carried_over(old: Path, byte: int) -> None:
    data = bytearray((old / "rekam.db").read_bytes())
    data[byte] ^= 8
    (old / "rekam.db").write_bytes(data)
    store = Store.open(old, 0)
    assert store.damage() is not None
    check(store)
    store.close()


def test_a_store_is_carried_to_the_next_schema(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "schema_scripts", lambda: {**scripts, 2: SECOND})
    for _ in range(2):
        store = Store.open(old, 0)
        assert store.damage() is None
        check(store)
        store.close()
    with apsw.Connection(str(old / "rekam.db")) as connection:
        assert connection.pragma("user_version") == 2
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    connection.close()


def test_a_migration_that_fails_half_way_leaves_the_old_store(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "schema_scripts", lambda: {**scripts, 2: SECOND + "SELECT fail();"})
    with pytest.raises(apsw.SQLError):
        Store.open(old, 0)
    monkeypatch.undo()
    schema.expected_schema.cache_clear()
    store = Store.open(old, 0)
    check(store)
    store.close()


def test_a_newer_store_is_refused_and_untouched(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "schema_scripts", lambda: {**scripts, 2: SECOND})
    Store.open(old, 0).close()
    monkeypatch.undo()
    schema.expected_schema.cache_clear()
    before = (old / "rekam.db").read_bytes()
    with pytest.raises(StoreError, match="Install the newer program"):
        Store.open(old, 0)
    assert (old / "rekam.db").read_bytes() == before
