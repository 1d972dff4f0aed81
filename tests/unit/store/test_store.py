"""What the store promises while the disk behaves."""

import errno
import hashlib
import os
from pathlib import Path

import apsw
import pytest

from edge.errors import StoreBusy, StoreError, StoreFull
from edge.store.files import DiskFiles
from edge.store.ledger import Ledger
from edge.store.schema import APPLICATION_ID
from edge.store.store import Store
from edge.store.values import Counts, Head
from tests.unit.store.stored import RECORD, WRAPPED, ReceiptOf, draft, make_ledger, part, receipt_for, record_one


def begin(store: Store) -> None:
    store.begin(RECORD, 7, b"p0", WRAPPED)


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.head() == Head(0, bytes(32))
    assert store.open_enrolment() is None
    assert store.outbox(10) == []
    assert store.counts() == Counts(0, 0, 0, 0)
    assert store.damage() is None


def test_an_open_enrolment_survives_a_restart(folder: Path) -> None:
    store = Store.open(folder, 0)
    begin(store)
    store.commit_part(RECORD, part(2), b"p1")
    assert store.add_key_epoch(RECORD, b"later") == 1
    store.save_progress(RECORD, b"p2")
    store.close()
    store = Store.open(folder, 0)
    found = store.open_enrolment()
    store.close()
    assert found is not None
    assert (found.record_id, found.ticket, found.progress, found.committed) == (RECORD, 7, b"p2", None)
    assert found.epochs == (WRAPPED, b"later")
    assert [(ref.kind, ref.position, ref.size, ref.quality) for ref in found.parts] == [("finger", 2, 500, {"quality": 71})]
    assert found.parts[0].sha256 == hashlib.sha256(part(2).sealed).digest()


def test_a_retake_replaces_the_part_in_its_place(store: Store) -> None:
    begin(store)
    for position in (2, 3):
        store.commit_part(RECORD, part(position), b"p")
    store.commit_part(RECORD, part(2, fill=b"n"), b"p")
    found = store.open_enrolment()
    assert found is not None
    assert [ref.position for ref in found.parts] == [2, 3]
    assert found.parts[0].sha256 == hashlib.sha256(b"n" * 500).digest()


def test_nothing_is_added_to_a_committed_record(store: Store, ledger: Ledger) -> None:
    begin(store)
    store.commit_part(RECORD, part(2), b"p")
    ledger.close_record(draft())
    with pytest.raises(StoreError):
        store.commit_part(RECORD, part(3), b"p")
    store.save_progress(RECORD, b"printed")
    found = store.open_enrolment()
    assert found is not None
    assert (found.committed, found.progress) == (1, b"printed")
    store.end_enrolment()
    assert store.open_enrolment() is None


def test_only_one_enrolment_is_open(store: Store) -> None:
    begin(store)
    with pytest.raises(StoreError, match="not finished"):
        store.end_enrolment()
    with pytest.raises(StoreError, match="still open"):
        store.begin(bytes(16), 8, b"", b"")


def test_the_next_begin_ends_an_enrolment_whose_record_is_safe(store: Store, ledger: Ledger) -> None:
    begin(store)
    store.commit_part(RECORD, part(2), b"p")
    ledger.close_record(draft())
    store.begin(bytes(16), 8, b"p0", WRAPPED)
    found = store.open_enrolment()
    assert found is not None
    assert found.record_id == bytes(16)


def test_the_outbox_has_urgent_records_first_then_the_order_of_the_ledger(store: Store, ledger: Ledger) -> None:
    ledger.event("boot")
    record_one(store, ledger, bytes(16))
    record_one(store, ledger, RECORD, urgent=True)
    assert [(item.sequence, item.kind, item.size) for item in store.outbox(10)] == [(3, "record", 1000), (1, "event", 0), (2, "record", 1000)]
    assert store.outbox(1)[0].urgent


def test_parts_are_read_back_in_pieces(store: Store, ledger: Ledger) -> None:
    begin(store)
    store.commit_part(RECORD, part(2, 70_000), b"p")
    ledger.close_record(draft())
    assert store.parts(RECORD) == [70_000]
    assert store.part(RECORD, 0, 65_000, 32_768) == b"s" * 5_000
    with pytest.raises(StoreError):
        store.part(RECORD, 1, 0, 10)


def test_a_receipt_counts_once_and_stored_is_final(store: Store, ledger: Ledger) -> None:
    sequence = record_one(store, ledger)
    refused = receipt_for(store, sequence, RECORD, "quarantined")
    assert store.mark_received(refused, b"q")
    assert store.counts() == Counts(1, 0, 0, 1)
    stored = receipt_for(store, sequence, RECORD)
    assert store.mark_received(stored, b"signed")
    assert not store.mark_received(stored, b"signed")
    assert not store.mark_received(refused, b"q")
    assert store.receipt(sequence) == b"signed"
    assert store.counts() == Counts(1, 0, 1, 0)
    assert store.outbox(10) == []


@pytest.mark.parametrize("change", ["sequence", "hash", "record"])
def test_a_receipt_for_something_else_changes_nothing(store: Store, ledger: Ledger, change: str) -> None:
    sequence = record_one(store, ledger)
    right = receipt_for(store, sequence, RECORD)
    wrong = {
        "sequence": ReceiptOf(9, right.manifest_sha256, RECORD), "hash": ReceiptOf(sequence, bytes(32), RECORD),
        "record": ReceiptOf(sequence, right.manifest_sha256, bytes(16)),
    }[change]
    with pytest.raises(StoreError, match="another record"):
        store.mark_received(wrong, b"signed")
    assert store.counts().waiting == 1


def test_a_purge_needs_a_stored_receipt_and_age_and_leaves_number_hash_and_receipt(store: Store, ledger: Ledger) -> None:
    waiting = record_one(store, ledger, bytes(16))
    refused = record_one(store, ledger, b"r" * 16)
    young = record_one(store, ledger, b"y" * 16)
    old = record_one(store, ledger)
    store.mark_received(receipt_for(store, refused, b"r" * 16, "rejected", 10), b"no")
    store.mark_received(receipt_for(store, young, b"y" * 16, wall_s=500), b"yes")
    store.mark_received(receipt_for(store, old, RECORD, wall_s=10), b"yes")
    assert store.purge(before_wall_s=500) == 1
    assert store.purge(before_wall_s=500) == 0
    assert store.parts(RECORD) == []
    assert all(len(store.parts(kept)) == 2 for kept in (bytes(16), b"r" * 16, b"y" * 16))
    assert store.receipt(old) == b"yes"
    assert store.counts() == Counts(4, 1, 2, 1)
    assert [item.sequence for item in store.outbox(10)] == [waiting]
    with pytest.raises(StoreError):
        store.envelope(old)


def test_purged_space_serves_the_next_records(store: Store, ledger: Ledger, folder: Path) -> None:
    sizes = []
    for number in range(12):
        record_id = bytes([number]) * 16
        store.begin(record_id, number, b"", WRAPPED)
        store.commit_part(record_id, part(2, 300_000), b"")
        sequence, _ = ledger.close_record(draft(record_id))
        store.mark_received(receipt_for(store, sequence, record_id), b"yes")
        store.purge(2_000)
        sizes.append((folder / "rekam.db").stat().st_size)
    assert sizes[-1] < sizes[0] + 400_000


def test_an_abandoned_enrolment_leaves_an_event_and_no_parts(store: Store, ledger: Ledger) -> None:
    begin(store)
    store.commit_part(RECORD, part(2), b"p")
    assert ledger.abandon(RECORD, "person_left") == 1
    assert store.open_enrolment() is None
    assert [item.kind for item in store.outbox(10)] == ["event"]
    begin(store)


def test_the_ledger_advances_only_by_one_and_only_with_its_own_hash(store: Store) -> None:
    digest = hashlib.sha256(b"e").digest()
    for sequence, wrong in ((2, digest), (0, digest), (1, bytes(32))):
        with pytest.raises(ValueError, match=r"head|hash"):
            store.commit_event(b"e", sequence, wrong)
    store.commit_event(b"e", 1, digest)
    assert store.head() == Head(1, digest)


def test_settings_are_kept(store: Store) -> None:
    assert store.setting("trusted_wall_s") is None
    store.set_setting("trusted_wall_s", b"1")
    store.set_setting("trusted_wall_s", b"2")
    assert store.setting("trusted_wall_s") == b"2"


def test_a_second_program_is_told_plainly(folder: Path, store: Store) -> None:
    with pytest.raises(StoreBusy, match="Close the other station program") as caught:
        Store.open(folder, 0)
    assert caught.value.code == "store_busy"
    begin(store)


class LittleSpace(DiskFiles):
    """A disk with a chosen amount of free space."""

    free = 0

    def free_bytes(self, folder: Path) -> int:
        return self.free


def test_a_disk_that_does_not_tell_its_room_is_a_store_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(folder, 0)

    def broken(_: object) -> os.statvfs_result:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "statvfs", broken)
    for work in (store.enrolments_left, lambda: begin(store)):
        with pytest.raises(StoreError, match="Input/output error") as caught:
            work()
        assert caught.value.code == "store_failed"
    monkeypatch.undo()
    begin(store)
    store.close()


def test_a_new_enrolment_needs_room_above_the_reserve_but_sending_goes_on(folder: Path) -> None:
    disk = LittleSpace()
    disk.free = 20_000_000
    store = Store.open(folder, 10_000_000, files=disk)
    ledger = make_ledger(store)
    assert store.enrolments_left() == 3
    sequence = record_one(store, ledger)
    disk.free = 10_000_000
    assert store.enrolments_left() == 0
    with pytest.raises(StoreFull, match="Let what waits be sent") as caught:
        begin(store)
    assert caught.value.code == "store_full"
    store.mark_received(receipt_for(store, sequence, RECORD), b"yes")
    assert store.purge(5_000) == 1
    store.close()


def test_a_store_of_a_newer_program_is_left_alone(folder: Path) -> None:
    Store.open(folder, 0).close()
    with apsw.Connection(str(folder / "rekam.db")) as connection:
        connection.pragma("user_version", 99)
        connection.pragma("application_id", APPLICATION_ID + 99)
    connection.close()
    with pytest.raises(StoreError, match="newer program"):
        Store.open(folder, 0)
    assert [path.name for path in folder.parent.iterdir()] == ["store"]
