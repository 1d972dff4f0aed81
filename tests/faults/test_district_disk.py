"""The district on a disk that is full or fails: nothing is acknowledged that is not there, and it goes on afterwards."""

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from district import payloads
from district.database import DistrictError
from district.payloads import RealDisk
from district.store import DistrictStore
from protocols.custody.receiver import Accepted
from simulators.disk import Disk, Fault
from simulators.payload_disk import PayloadDisk
from tests.records import KnownStations, StillClock, new_signer, new_station

STATION = new_station()
SIGNER = new_signer()


class FailingDisk(RealDisk):
    """Fails at the named call as often as told."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: str | None = None

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        self._fail("write", errno.ENOSPC)
        super().write_at(path, offset, data)

    def sync(self) -> None:
        if self.failing == "sync":
            self.forget()
        self._fail("sync", errno.EIO)
        super().sync()

    def _fail(self, call: str, number: int) -> None:
        if self.failing == call:
            raise OSError(number, "simulated")


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def store(tmp_path: Path, disk: FailingDisk) -> Iterator[DistrictStore]:
    opened = open_store(tmp_path, disk)
    yield opened
    opened.close()


def open_store(folder: Path, disk: FailingDisk) -> DistrictStore:
    return DistrictStore.open(folder / "data", KnownStations({"s-1": STATION.key.public_key()}), SIGNER, "poso", StillClock(), disk=disk)


def test_a_full_disk_refuses_content_and_says_so(store: DistrictStore, disk: FailingDisk) -> None:
    made = STATION.record()
    assert isinstance(store.accept_entry("s-1", made.envelope), Accepted)
    disk.failing = "write"
    assert not store.write_chunk("s-1", made.record_id, 0, 0, made.parts[0])
    disk.failing = None
    store.flush()
    assert store.have("s-1", made.record_id) == []
    assert [row[0] for row in store.connection.execute("SELECT kind FROM alarms")] == ["disk"]
    assert store.write_chunk("s-1", made.record_id, 0, 0, made.parts[0])


def test_a_failed_sync_takes_the_whole_batch_back(store: DistrictStore, disk: FailingDisk) -> None:
    made = STATION.record()
    store.accept_entry("s-1", made.envelope)
    for index, part in enumerate(made.parts):
        store.write_chunk("s-1", made.record_id, index, 0, part)
    disk.failing = "sync"
    with pytest.raises(OSError, match="simulated"):
        store.flush()
    disk.failing = None
    number = made.manifest.header.sequence
    assert (store.held("s-1", number, number + 1), store.receipt("s-1", number), store.sizes("s-1", made.record_id)) == ([], None, None)
    store.accept_entry("s-1", made.envelope)
    for index, part in enumerate(made.parts):
        store.write_chunk("s-1", made.record_id, index, 0, part)
    store.flush()
    assert store.complete("s-1", made.record_id) is not None


def test_names_of_a_failed_sync_are_synced_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, path, durable = RealDisk(), tmp_path / "records" / "s-1" / "00.part", set[Path]()
    disk.make(path.parent)
    disk.write_at(path, 0, b"first try")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="simulated"):
            disk.sync()
    monkeypatch.setattr(payloads, "sync_folder", durable.add)
    disk.write_at(path, 0, b"second try")
    disk.sync()
    assert {path.parent, *path.parent.parents[:2]} <= durable


def fail(_descriptor: int) -> None:
    raise OSError(errno.EIO, "simulated")


@pytest.mark.parametrize("seed", range(8))
def test_the_simulated_disk_keeps_its_promise_after_a_failed_sync(seed: int) -> None:
    medium = Disk(random.Random(seed))
    disk, path = PayloadDisk(medium), Path("/disk/records/s-1/00.part")
    disk.make(path.parent)
    disk.sync()
    disk.write_at(path, 0, b"first try")
    medium.fault = Fault(medium.ticks + 1, "SYNC")
    with pytest.raises(OSError, match="simulated"):
        disk.sync()
    disk.forget()
    disk.sync()
    medium.restart()
    assert disk.exists(path), "the name was due, whatever became of the bytes"
    disk.write_at(path, 0, b"second try")
    disk.sync()
    medium.restart()
    assert disk.read(path)[:10] == b"second try"


@pytest.mark.parametrize("seed", range(8))
def test_names_that_an_earlier_life_of_the_program_left_unsynced(seed: int) -> None:
    medium, folder = Disk(random.Random(seed)), Path("/disk")
    for life in ("killed", "finished"):
        kept = payloads.Payloads(folder, PayloadDisk(medium))
        kept.write("s-1", bytes(16), 0, 0, b"part")
        if life == "finished":
            kept.sync()
        kept.finish("s-1", bytes(16), b"manifest")
    kept.sync()
    medium.restart()
    found = kept.folder("s-1", bytes(16))
    disk = PayloadDisk(medium)
    assert all(disk.exists(path) for path in (found / "00.part", found / payloads.MANIFEST_FILE))


def test_a_part_lost_from_the_disk_is_asked_for_again(store: DistrictStore) -> None:
    made = STATION.record()
    store.accept_entry("s-1", made.envelope)
    for index, part in enumerate(made.parts[:-1]):
        store.write_chunk("s-1", made.record_id, index, 0, part)
    store.flush()
    (store.payloads.folder("s-1", made.record_id) / "01.part").unlink()
    store.write_chunk("s-1", made.record_id, 3, 0, made.parts[3])
    store.flush()
    assert store.complete("s-1", made.record_id) is None
    assert {part for part, _, _ in store.have("s-1", made.record_id)} == {0, 2, 3}


def test_a_damaged_database_is_one_sentence(tmp_path: Path, disk: FailingDisk) -> None:
    store = open_store(tmp_path, disk)
    store.close()
    path = tmp_path / "data" / "district.db"
    path.write_bytes(b"not a database at all" * 500)
    (tmp_path / "data" / "district.db-wal").unlink(missing_ok=True)
    with pytest.raises(DistrictError, match="backup"):
        open_store(tmp_path, disk)


def test_data_of_a_newer_program_is_not_touched(tmp_path: Path, disk: FailingDisk) -> None:
    open_store(tmp_path, disk).close()
    connection = apsw.Connection(str(tmp_path / "data" / "district.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DistrictError, match="newer program"):
        open_store(tmp_path, disk)
