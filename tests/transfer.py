"""A real station store and uplink, a real district store and ingest, to be put on either side of a broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from district.clock import SystemClock as DistrictClock
from district.ingest import Ingest
from district.keys import load_signer, load_stations
from district.store import DistrictStore
from edge.clock import SystemClock, boot_id, random_bytes
from edge.district_time import DistrictTime
from edge.keys import load_station_keys
from edge.policy import StationPolicy
from edge.store.ledger import Ledger, RecordDraft
from edge.store.store import Store
from edge.store.values import SealedPart
from edge.store.worker import StoreWorker
from edge.uplink.uplink import Uplink, receipt_verifier
from protocols.custody import Sending
from protocols.record import Step, encode_keys
from protocols.sealing import RecordSealer
from station_config.schema import Broker, DistrictKeys, Keys
from tools.keys import SitePaths, make_site

STATION = "poso-01"
T = TypeVar("T")


def site(folder: Path, *stations: str) -> SitePaths:
    """Keys of one district and its stations."""
    return make_site(folder, stations or (STATION,), district="poso")


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    """A task for the time of the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Station:
    """Records into its store; `uplink` sends."""

    def __init__(self, worker: StoreWorker, keys: Keys, broker: Broker, station: str = STATION) -> None:
        self.worker = worker
        loaded = load_station_keys(keys, station)
        self.audiences = loaded.audiences
        self.clock = SystemClock(network=Path("/nonexistent"))
        self.ledger = Ledger(worker.store, loaded.signer, station, self.clock, boot_id())
        self.unreadable: list[int] = []
        self.permits: Sending = "all"
        self.says: dict[str, object] = {"station": station}
        """the health document"""
        self.policy = StationPolicy(worker.store, self.ledger, station, loaded.district_key)
        self.taken: list[str] = []
        """what became of each policy that came"""
        district_time = DistrictTime(worker.store, receipt_verifier(loaded.district_key), self.clock, boot_id())
        self.uplink = Uplink(
            worker, broker, station, district_time.verify, self.clock, lambda: self.says, 1,
            on_unreadable=self.unreadable.append, sending=lambda: self.permits, on_policy=lambda signed: self.taken.append(self.policy.take(signed)),
        )
        self.station = station

    async def record(self, *sizes: int, urgent: bool = False) -> bytes:
        """One sealed record of parts of about these sizes, committed; returns its id."""
        record_id = await self.worker.run(partial(self._record, sizes, urgent))
        self.uplink.wake()
        return record_id

    def _record(self, sizes: tuple[int, ...], urgent: bool) -> bytes:
        record_id = random_bytes(16)
        sealer = RecordSealer(record_id, self.station, self.audiences, random_bytes)
        store = self.worker.store
        store.begin(record_id, 1, b"p", encode_keys(sealer.wrapped))
        for position, size in enumerate(sizes, 1):
            sealed = sealer.seal_part("finger", position, random_bytes(size))
            store.commit_part(record_id, SealedPart("finger", position, "image/png", sealed, 0), b"p")
        draft = RecordDraft(record_id, (Step(step="fingers", duration_ms=1, attempts=1),), (), "mains", b"op", b"p", urgent=urgent)
        self.ledger.close_record(draft)
        store.end_enrolment()
        return record_id

    async def waiting(self) -> int:
        return len(await self.worker.call(Store.outbox, 10_000))


@asynccontextmanager
async def station(folder: Path, paths: SitePaths, broker: Broker, name: str = STATION) -> AsyncIterator[Station]:
    """Its store is open; the uplink does not run yet."""
    worker = await StoreWorker.open(folder, 1_000_000)
    try:
        yield Station(worker, Keys(**paths.station_section(name)), broker, name)
    finally:
        await worker.close()


@dataclass
class StillHealth:
    """Remembers what stations said about themselves."""

    words: list[tuple[str, str, bytes]] = field(default_factory=list)

    def heard(self, station: str, word: str, payload: bytes, retained: bool) -> str | None:
        self.words.append((station, word, payload))
        return None


class District:
    """Store and ingest."""

    def __init__(self, store: DistrictStore, broker: Broker, in_store: Callable[[Callable[[], T]], Awaitable[T]]) -> None:
        self.store, self.in_store = store, in_store
        self.health = StillHealth()
        self.ingest = Ingest(store, self.health, broker, in_store, DistrictClock())

    async def receipts(self, station: str = STATION) -> int:
        """How many of the station's entries have one."""
        spans = await self.in_store(lambda: self.store.receipted(station, 0, 2**62))
        return sum(end - start for start, end in spans)


@asynccontextmanager
async def district(folder: Path, paths: SitePaths, broker: Broker) -> AsyncIterator[District]:
    """Its store is open; the ingest does not run yet."""
    executor = ThreadPoolExecutor(1)
    keys = DistrictKeys(**paths.district_section())

    async def in_store(work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    stations = load_stations(keys)
    store = await in_store(lambda: DistrictStore.open(folder, stations, load_signer(keys, "poso"), "poso", DistrictClock()))
    try:
        yield District(store, broker, in_store)
    finally:
        await in_store(store.close)
        executor.shutdown()
