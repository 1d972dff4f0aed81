"""A store in a temporary folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.ledger import Ledger
from edge.store.store import Store
from tests.unit.store.stored import make_ledger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store.open(folder, 1_000_000)
    yield opened
    opened.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return make_ledger(store)
