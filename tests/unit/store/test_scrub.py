"""What rots while it waits is found before it is needed, told once, and never sent."""

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from edge.errors import StoreError
from edge.scrub import Scrub
from edge.store.store import Store
from edge.store.worker import StoreWorker
from protocols.record import Receipt, decode_entry
from protocols.sealing import parse1
from tests.unit.store.stored import STATION, WRAPPED, draft, make_ledger, part

RECORDS = tuple(bytes([number]) * 16 for number in (1, 2, 3))


def keep(store: Store) -> None:
    ledger = make_ledger(store)
    for ticket, record_id in enumerate(RECORDS, 1):
        store.begin(record_id, ticket, b"p", WRAPPED)
        store.commit_part(record_id, part(1), b"p")
        store.commit_part(record_id, part(2), b"p")
        ledger.close_record(draft(record_id=record_id))
        store.end_enrolment()
    ledger.event("boot")


def rot(folder: Path, change: str) -> None:
    """What SQLite itself does not notice."""
    connection = apsw.Connection(str(folder / "rekam.db"))
    connection.execute(change)
    connection.close()


@pytest.fixture
def folder_with_records(folder: Path) -> Path:
    store = Store.open(folder, 1_000_000)
    keep(store)
    store.close()
    return folder


def look_through(store: Store) -> dict[int, bool]:
    found, after = {}, 0
    while (entry := store.check_waiting(after)) is not None:
        after = entry[0]
        found[after] = entry[1]
    return found


@pytest.mark.parametrize("change", [
    "UPDATE part SET sealed = zeroblob(size) WHERE number % 256 = 1 AND number / 256 = 2",
    "DELETE FROM part WHERE number % 256 = 0 AND number / 256 = 2",
    "UPDATE ledger SET envelope = zeroblob(900) WHERE sequence = 2",
])
def test_every_entry_is_read_and_the_rotten_one_is_named(folder_with_records: Path, change: str) -> None:
    rot(folder_with_records, change)
    store = Store.open(folder_with_records, 1_000_000)
    assert look_through(store) == {1: True, 2: False, 3: True, 4: True}
    store.close()


def test_district_and_operator_hear_of_it_once_and_until_the_case_is_closed(folder_with_records: Path) -> None:
    rot(folder_with_records, "UPDATE part SET sealed = zeroblob(size) WHERE number = 2 * 256")
    slept: list[float] = []

    class Clock:
        async def sleep_s(self, seconds: float) -> None:
            slept.append(seconds)
            if len(slept) > 12:
                raise asyncio.CancelledError

    async def walk() -> None:
        worker = await StoreWorker.open(folder_with_records, 1_000_000)
        ledger, woken = make_ledger(worker.store), list[bool]()
        scrub = Scrub(worker, ledger, STATION, Clock(), folder_with_records / "rekam.db", lambda: len(slept) < 3, lambda: woken.append(True))  # type: ignore[arg-type]  # only sleeps
        with pytest.raises(asyncio.CancelledError):
            await scrub.run()
        assert scrub.unreadable == (f"{STATION}-000002",)
        assert woken == [True]
        assert await asyncio.to_thread(second_program, folder_with_records) == "store_busy", "the store's lock is still held"
        await worker.run(lambda: scrub.report(2))
        head = (await worker.call(Store.head)).sequence
        event = decode_entry(parse1(await worker.call(Store.envelope, head), 100_000).payload)
        assert (event.event, event.detail) == ("content_unreadable", {"sequence": 2})  # type: ignore[union-attr]
        assert head == 5, "told once"
        with pytest.raises(StoreError):
            await worker.call(Store.part, RECORDS[1], 0, 0, 10)
        entry = await worker.call(Store.envelope, 2)
        await worker.call(Store.mark_received, closed(entry), b"signed")
        assert await worker.call(Store.unreadable_records) == []
        await worker.close()

    asyncio.run(walk())


def second_program(folder: Path) -> str:
    """What another station says that would like to have the store. SQLite itself knows of a second one in this process."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom edge.errors import StoreError\nfrom edge.store.store import Store\n"
        "try:\n    Store.open(Path(sys.argv[1]), 0)\n    print('opened')\nexcept StoreError as error:\n    print(error.code)\n"
    )
    return subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True).stdout.strip()


def closed(envelope: bytes) -> Receipt:
    """The district gives the record up."""
    return Receipt(
        district="poso", station=STATION, record_id=RECORDS[1], sequence=2, manifest_sha256=hashlib.sha256(envelope).digest(), outcome="rejected",
        reason="discarded", district_sequence=1, wall_s=0, head=bytes(32),
    )
