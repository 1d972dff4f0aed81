"""Databases that earlier districts left open with everything in them."""

import shutil
from pathlib import Path

import apsw
import pytest

from district import database
from district.store import DistrictStore
from district.view import records, summary
from tests.records import KnownStations, StillClock, new_key, new_signer

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors" / "district"
STORED, WAITING = bytes([1]) * 16, bytes([2]) * 16


@pytest.fixture(params=sorted(VECTORS.glob("v*.db")), ids=lambda path: path.stem)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copy(request.param, tmp_path / "district.db")
    return tmp_path


def opened(folder: Path) -> DistrictStore:
    return DistrictStore.open(folder, KnownStations({"s-1": new_key().public_key()}), new_signer(), "poso", StillClock())


def test_everything_is_still_there(folder: Path) -> None:
    store = opened(folder)
    assert {name: count for name, count in summary(store.connection, 0).items() if name in {"stored", "quarantined", "waiting", "receipts"}} == {
        "stored": 1, "quarantined": 1, "waiting": 1, "receipts": 3,
    }
    assert [record["state"] for record in records(store.connection)] == ["quarantined", "waiting", "stored"]
    assert [(part, start) for part, start, _ in store.have("s-1", WAITING)] == [(0, 0), (1, 0)]
    assert store.complete("s-1", STORED) is not None
    store.close()


def test_a_migration_that_is_cut_off_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = apsw.Connection(str(folder / "district.db"))
    rows = before.execute("SELECT count(*) FROM entries").fetchall(), before.pragma("user_version")
    before.close()
    monkeypatch.setattr(database, "SCHEMA", 4)
    with pytest.raises(FileNotFoundError):
        opened(folder)
    monkeypatch.undo()
    store = opened(folder)
    assert store.connection.execute("SELECT count(*) FROM entries").fetchall() == rows[0]
    store.close()
