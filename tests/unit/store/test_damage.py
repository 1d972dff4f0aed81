"""A store that is not what was written: set aside whole, the readable rest goes on, the ledger tells."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest

from edge.errors import StoreError
from edge.store.files import DiskFiles
from edge.store.salvage import UNKNOWN_HEAD_STEP
from edge.store.schema import PAGE_BYTES
from edge.store.store import Store
from edge.store.values import OpenEnrolment
from protocols.record import LedgerEvent, decode_entry
from protocols.sealing import parse1
from tests.unit.store.stored import RECORD, WRAPPED, draft, make_ledger, part, receipt_for, record_one

OTHER = b"o" * 16


def fill(folder: Path) -> None:
    """Two closed records, one of them received, and an open enrolment."""
    store = Store.open(folder, 0)
    ledger = make_ledger(store)
    ledger.event("boot")
    record_one(store, ledger, OTHER)
    sequence = record_one(store, ledger, b"x" * 16)
    store.mark_received(receipt_for(store, sequence, b"x" * 16), b"signed")
    store.set_setting("clock", b"12345678")
    store.begin(RECORD, 7, b"p0", WRAPPED)
    store.commit_part(RECORD, part(2, 4_000), b"p1")
    store.commit_part(RECORD, part(3, 4_000, fill=b"t"), b"p2")
    store.close()


@pytest.fixture
def filled(folder: Path) -> Path:
    fill(folder)
    return folder


def change(folder: Path, statement: str) -> None:
    """What a failing card would do to one value."""
    with apsw.Connection(str(folder / "rekam.db")) as connection:
        connection.create_scalar_function("guard", lambda *_: 0, deterministic=True)
        connection.execute(statement)
    connection.close()


def aside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


def test_a_healthy_store_is_left_alone(filled: Path) -> None:
    Store.open(filled, 0).close()
    assert aside(filled) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE part SET sealed = zeroblob(4000) WHERE number = (SELECT min(number) FROM part WHERE size = 4000)",
        "UPDATE part SET position = 9 WHERE number = (SELECT min(number) FROM part WHERE size = 4000)",
    ],
)
def test_a_changed_part_of_the_open_enrolment_is_taken_out(filled: Path, statement: str) -> None:
    change(filled, statement)
    store = Store.open(filled, 0)
    damage, found = store.damage(), store.open_enrolment()
    assert damage is not None
    assert damage.lost == 1
    assert found is not None
    assert [ref.position for ref in found.parts] == [3]
    assert found.progress == b"p2"
    assert aside(filled) == ["store.damaged-1"]
    assert store.part(RECORD, 0, 0, 10) == b"t" * 10
    store.close()


@pytest.mark.parametrize("table", ["enrolment SET progress = x'00'", "epoch SET wrapped = x'00'", "setting SET value = x'00'", "ledger SET receipt = x'00'"])
def test_a_changed_value_is_noticed(filled: Path, table: str) -> None:
    change(filled, f"UPDATE {table}")
    store = Store.open(filled, 0)
    assert store.damage() is not None
    assert store.head().sequence == 3
    store.close()


def test_the_ledger_goes_on_and_tells_the_district_once(filled: Path) -> None:
    change(filled, "UPDATE setting SET value = x'00'")
    store = Store.open(filled, 0)
    ledger = make_ledger(store)
    before = store.head()
    sequence = ledger.report_damage()
    assert sequence == before.sequence + 1
    event = decode_entry(parse1(store.envelope(sequence), 1 << 20).payload)
    assert isinstance(event, LedgerEvent)
    assert (event.event, event.header.previous) == ("store_damaged", before.hash)
    assert ledger.report_damage() is None
    store.close()
    store = Store.open(filled, 0)
    assert store.damage() is None
    assert [item.sequence for item in store.outbox(10)] == [1, 2, 4]
    store.close()


def test_a_file_that_is_no_database_any_more(filled: Path) -> None:
    file = filled / "rekam.db"
    file.write_bytes(b"\xff" * 4096 + file.read_bytes()[4096:])
    store = Store.open(filled, 0)
    assert store.damage() is not None
    assert store.head().sequence == UNKNOWN_HEAD_STEP, "numbers that may have been used are not used again"
    assert make_ledger(store).event("boot") == UNKNOWN_HEAD_STEP + 1
    store.close()
    (filled / "rekam.db").write_bytes(b"")
    store = Store.open(filled, 0)
    assert store.head().sequence == 2 * UNKNOWN_HEAD_STEP
    store.close()
    assert aside(filled) == ["store.damaged-1", "store.damaged-2"]


def test_a_lost_last_entry_does_not_free_its_number(filled: Path) -> None:
    change(filled, "UPDATE ledger SET hash = zeroblob(32) WHERE sequence = 3")
    store = Store.open(filled, 0)
    damage = store.damage()
    assert damage is not None
    assert damage.lost >= 1
    assert store.head().sequence == 3
    assert make_ledger(store).event("boot") == 4
    store.close()
    store = Store.open(filled, 0)
    assert store.head().sequence == 4
    assert aside(filled) == ["store.damaged-1"]
    store.close()


def test_a_part_of_a_waiting_record_that_cannot_be_read_stops_only_that_record(filled: Path) -> None:
    change(filled, "UPDATE part SET sealed = zeroblob(size) WHERE number = (SELECT min(number) FROM part)")
    store = Store.open(filled, 0)
    assert store.damage() is None, "content is checked when it is read, not at the start"
    with pytest.raises(StoreError) as caught:
        store.part(OTHER, 0, 0, 10)
    assert caught.value.code == "content_unreadable"
    assert [(item.sequence, item.damaged) for item in store.outbox(10)] == [(1, False), (2, True)]
    assert store.part(OTHER, 1, 0, 2) == b"ss"
    store.close()


@pytest.mark.parametrize("step", ["before", "between"])
def test_an_exchange_that_was_cut_is_finished_or_begun_again(filled: Path, step: str) -> None:
    fresh = filled.with_name("store.new")
    fill(fresh)
    fill(filled.with_name("store.making"))
    if step == "between":
        filled.rename(filled.with_name("store.damaged-1"))
    store = Store.open(filled, 0)
    assert store.counts().saved == 2
    store.close()
    assert aside(filled) == (["store.damaged-1"] if step == "between" else [])


def flips(data: bytes, count: int) -> Iterator[bytes]:
    """The same bytes with one bit changed, `count` times."""
    rng = random.Random(5)
    for _ in range(count):
        bit = rng.randrange(len(data) * 8)
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def shown(store: Store) -> dict[str, object]:
    """Everything that a store gives away about the filled example."""
    found: dict[str, object] = {"head": store.head(), "open": store.open_enrolment(), "clock": store.setting("clock"), "receipt": store.receipt(3)}
    found["outbox"] = [item.sequence for item in store.outbox(10)]
    for record_id in (OTHER, RECORD):
        for index in range(2):
            found[f"part {index} of {record_id!r}"] = attempt(partial(store.part, record_id, index, 0, 9_999))
    for sequence in (1, 2, 3):
        found[f"entry {sequence}"] = attempt(partial(store.envelope, sequence))
    return found


def attempt(read: Callable[[], object]) -> object:
    try:
        return read()
    except StoreError as error:
        if error.code != "content_unreadable":
            raise
        return error.code


def lost_pages(data: bytes) -> Iterator[bytes]:
    """The same bytes with one page of zeros, each page in turn."""
    for start in range(0, len(data), PAGE_BYTES):
        yield data[:start] + bytes(PAGE_BYTES) + data[start + PAGE_BYTES :]


@pytest.mark.parametrize("spoil", [partial(flips, count=120), lost_pages], ids=["flipped bits", "lost pages"])
def test_no_damage_is_ever_shown_as_truth(filled: Path, tmp_path: Path, spoil: Callable[[bytes], Iterator[bytes]]) -> None:
    data = (filled / "rekam.db").read_bytes()
    store = Store.open(filled, 0)
    truth = shown(store)
    store.close()
    noticed = 0
    for number, changed in enumerate(spoil(data)):
        folder = tmp_path / str(number) / "store"
        folder.mkdir(parents=True)
        (folder / "rekam.db").write_bytes(changed)
        store = Store.open(folder, 0)
        try:
            seen = shown(store)
        except StoreError:
            seen = shown(store)
        damage = store.damage()
        store.close()
        noticed += damage is not None
        for name, value in seen.items():
            if value == truth[name] or value == "content_unreadable":
                continue
            assert damage is not None, f"flip {number}: {name} changed without notice"
            assert value in truth.values() or not name.startswith(("entry", "part")), f"flip {number}: {name} has other bytes"
            if isinstance(value, OpenEnrolment):
                assert all(ref in truth["open"].parts for ref in value.parts)  # type: ignore[attr-defined]
    assert noticed > 10


def test_a_record_closed_after_damage_lists_what_is_there(filled: Path) -> None:
    change(filled, "UPDATE part SET sealed = zeroblob(4000) WHERE number = (SELECT min(number) FROM part WHERE size = 4000)")
    store = Store.open(filled, 0)
    sequence, _ = make_ledger(store).close_record(draft())
    assert sequence == 4
    assert store.parts(RECORD) == [4_000]
    assert store.part(RECORD, 0, 0, 3) == b"ttt"
    store.close()


class NearlyFull(DiskFiles):
    """A disk without room for a second copy of the pictures."""

    def free_bytes(self, folder: Path) -> int:
        return 1_000_000


def test_without_room_for_a_copy_the_ledger_goes_on_and_the_pictures_stay_in_the_old_folder(filled: Path) -> None:
    change(filled, "UPDATE setting SET value = x'00'")
    store = Store.open(filled, 0, files=NearlyFull())
    damage = store.damage()
    assert damage is not None
    assert damage.lost == 6
    assert (store.head().sequence, store.counts().saved) == (3, 2)
    with pytest.raises(StoreError):
        store.parts(OTHER)
    assert store.outbox(10)[1].damaged
    store.close()
    assert (filled.with_name("store.damaged-1") / "rekam.db").stat().st_size > 10_000
