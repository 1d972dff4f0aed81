"""The two ends of `./rekam bench link` that are ours: a station with records in its real store and its real uplink, and a real district.

    python -m tools.bench_link_rekam station FOLDER      python -m tools.bench_link_rekam district FOLDER

FOLDER holds site/ (keys), station.json and district.json; the district writes result.json beside it when it is told to stop.
"""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from district.clock import SystemClock as DistrictClock
from district.health import Health
from district.ingest import Ingest
from district.keys import load_signer, load_stations
from district.store import DistrictStore
from edge.clock import SystemClock, boot_id, random_bytes
from edge.keys import StationKeys, load_station_keys
from edge.store.ledger import Ledger, RecordDraft
from edge.store.store import Store
from edge.store.values import SealedPart
from edge.store.worker import StoreWorker
from edge.uplink.uplink import Uplink, receipt_verifier
from protocols.record import Step, encode_keys
from protocols.sealing import RecordSealer
from station_config.schema import Broker, DistrictKeys, Keys
from tools.keys import SitePaths

STATION, DISTRICT = "poso-01", "poso"
PARTS = 13
"""a face of half the record's size, twelve more in equal parts"""
_T = TypeVar("_T")


def fill(store: Store, keys: StationKeys, records: int, size: int) -> None:
    """Records as an enrolment leaves them: parts sealed and committed one by one, manifests signed and chained."""
    ledger = Ledger(store, keys.signer, STATION, SystemClock(), boot_id())
    for _ in range(records):
        record_id = random_bytes(16)
        sealer = RecordSealer(record_id, STATION, keys.audiences, random_bytes)
        store.begin(record_id, 1, b"p", encode_keys(sealer.wrapped))
        for place in range(PARTS):
            plain = random_bytes(size // 2 if place == 0 else size // 2 // (PARTS - 1))
            kind = "face" if place == 0 else "finger" if place < 11 else "iris"
            position = 0 if place == 0 else place if place < 11 else place - 10
            store.commit_part(record_id, SealedPart(kind, position, "image/png", sealer.seal_part(kind, position, plain), 0), b"p")  # type: ignore[arg-type]
        ledger.close_record(RecordDraft(record_id, (Step(step="fingers", duration_ms=1, attempts=1),), (), "mains", b"op", b"p"))
        store.end_enrolment()


def broker(facts: dict[str, Any]) -> Broker:
    return Broker(host=facts["host"], port=facts["port"], **facts["tls"])


async def station(folder: Path, facts: dict[str, Any]) -> None:
    """Fill the store, say ready, wait for the word on the standard input, then send until told to stop."""
    keys = load_station_keys(Keys(**SitePaths(folder / "site").station_section(STATION)), STATION)
    worker = await StoreWorker.open(folder / "station", 1_000_000)
    await worker.call(fill, keys, facts["records"], facts["record_bytes"])
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    uplink = Uplink(worker, broker(facts), STATION, receipt_verifier(keys.district_key), SystemClock(), lambda: {"station": STATION}, 1)
    await _until_told(asyncio.create_task(uplink.run()))
    await worker.close()


async def district(folder: Path, facts: dict[str, Any]) -> None:
    """The real ingest; at the end it tells what it holds."""
    executor = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    keys = DistrictKeys(**SitePaths(folder / "site").district_section())
    stations = load_stations(keys)

    async def in_store(work: Callable[[], _T]) -> _T:
        return await loop.run_in_executor(executor, work)

    store = await in_store(lambda: DistrictStore.open(folder / "district", stations, load_signer(keys, DISTRICT), DISTRICT, DistrictClock()))
    ingest = Ingest(store, Health(DistrictClock()), broker(facts), in_store, DistrictClock())
    running = asyncio.create_task(ingest.run())
    first = asyncio.create_task(_first_manifest(partial(in_store, partial(store.held, STATION, 0, 2**31))))
    print("ready", flush=True)
    await _until_told(running)
    first.cancel()
    result = await in_store(partial(_holdings, store))
    result["first_s"] = first.result() if first.done() and not first.cancelled() else None
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    await in_store(store.close)
    executor.shutdown()


async def _first_manifest(held: Callable[[], object]) -> float:
    """Monotonic time at which the district knew of the first record."""
    while True:
        found = await held()  # type: ignore[misc]  # a coroutine function
        if found:
            return time.monotonic()
        await asyncio.sleep(0.1)


def _holdings(store: DistrictStore) -> dict[str, float | None]:
    """Signed entries and content bytes, whole records apart from those still coming."""
    entries = sum(len(row[0]) for row in store.connection.execute("SELECT envelope FROM entries WHERE record_id IS NOT NULL"))
    whole = dict(store.connection.execute("SELECT record_id, settled FROM entries WHERE record_id IS NOT NULL"))
    content = 0
    for record_id, settled in whole.items():
        if settled:
            content += sum(row[0] for row in store.connection.execute("SELECT size FROM parts JOIN entries USING (hash) WHERE record_id = ?", (record_id,)))
        else:
            content += sum(end - start for _, start, end in store.have(STATION, record_id))
    return {"records": sum(whole.values()), "payload_bytes": entries + content}


async def _until_told(work: "asyncio.Task[None]") -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if work.done():
        work.result()
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(relativeCreated)d %(name)s %(message)s")
    role, folder = sys.argv[1], Path(sys.argv[2])
    facts = json.loads((folder / f"{role}.json").read_text(encoding="utf-8"))
    asyncio.run((station if role == "station" else district)(folder, facts))


if __name__ == "__main__":
    main()
