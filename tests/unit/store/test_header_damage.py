"""A bit that flips in the file's header or schema touches no row: all of them go on, and the district is told."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from edge.store.store import Store
from tests.unit.store.stored import WRAPPED, make_ledger, part, receipt_for, record_one

HEADER_BYTES, PAGE_BYTES = 100, 1024
OPEN = b"o" * 16


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine records that wait, one of them urgent, one received, one open."""
    folder = tmp_path_factory.mktemp("filled") / "store"
    store = Store.open(folder, 0)
    ledger = make_ledger(store)
    sequences = [record_one(store, ledger, bytes([number] * 16), urgent=number == 6) for number in range(10)]
    store.mark_received(receipt_for(store, sequences[4], bytes([4] * 16)), b"signed")
    store.set_setting("clock", b"12345678")
    store.begin(OPEN, 7, b"p0", WRAPPED)
    store.commit_part(OPEN, part(2, 4_000), b"p1")
    store.close()
    return folder


def header_bits(_filled: Path) -> list[int]:
    """One bit of each byte, and all of the schema format's: below 4 SQLite takes descending indexes for ascending ones."""
    rng = random.Random(3)
    return [byte * 8 + rng.randrange(8) for byte in range(HEADER_BYTES)] + list(range(47 * 8, 48 * 8))


def schema_bits(filled: Path) -> list[int]:
    """Some bits of the pages before the last of the schema's that no table begins at."""
    with apsw.Connection(str(filled / "rekam.db")) as connection:
        begins = {number for (number,) in connection.execute("SELECT rootpage FROM sqlite_schema")}
    connection.close()
    pages = [number for number in range(1, max(begins)) if number not in begins]
    bits = [bit for number in pages for bit in range((number - 1) * PAGE_BYTES * 8, number * PAGE_BYTES * 8) if bit >= HEADER_BYTES * 8]
    return random.Random(7).sample(bits, 120)


def shown(store: Store) -> dict[str, object]:
    """All that a store gives away."""
    waiting = store.outbox(100)
    records = [*(item.record_id for item in waiting if item.record_id), OPEN]
    parts = {record: [store.part(record, index, 0, 9_999) for index in range(1 if record == OPEN else 2)] for record in records}
    return {
        "waiting": waiting, "parts": parts, "entries": [store.envelope(item.sequence) for item in waiting], "head": store.head(),
        "open": store.open_enrolment(), "clock": store.setting("clock"), "counts": store.counts(), "receipt": store.receipt(5),
    }


def flipped(source: Path, folder: Path, bit: int) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "store").mkdir(parents=True)
    data = bytearray((source / "rekam.db").read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    (folder / "store" / "rekam.db").write_bytes(data)
    return folder / "store"


@pytest.mark.parametrize("bits", [header_bits, schema_bits])
def test_a_flipped_bit_in_the_header_or_schema_strands_nobody(filled: Path, tmp_path: Path, bits: Callable[[Path], list[int]]) -> None:
    store = Store.open(filled, 0)
    truth, last = shown(store), store.head().sequence
    store.close()
    noticed = 0
    for bit in bits(filled):
        folder = flipped(filled, tmp_path / "one", bit)
        spoilt = (folder / "rekam.db").read_bytes()
        store = Store.open(folder, 0)
        damage = store.damage()
        assert shown(store) == truth, f"bit {bit % 8} of byte {bit // 8}, {damage}"
        if damage is not None:
            noticed += 1
            assert damage.lost == 0
            assert make_ledger(store).report_damage() == last + 1
            assert (folder.with_name("store.damaged-1") / "rekam.db").read_bytes() == spoilt, "kept as it was found"
        store.close()
    assert noticed > 20


def test_record_numbers_that_are_gone_come_back_from_the_signed_manifests(filled: Path, tmp_path: Path) -> None:
    with apsw.Connection(str(filled / "rekam.db")) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'record'")
    connection.close()
    folder = flipped(filled, tmp_path / "one", (root - 1) * PAGE_BYTES * 8 + 5)
    store = Store.open(folder, 0)
    waiting = [item.record_id for item in store.outbox(100)]
    assert waiting == [bytes([number] * 16) for number in (6, 0, 1, 2, 3, 5, 7, 8, 9)]
    assert all(store.part(record, 1, 0, 3) == b"sss" for record in waiting if record)
    assert store.damage() is not None
    store.close()
