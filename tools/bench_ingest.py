"""`./rekam bench ingest`: records a second that one district takes in, against the disk, SQLite and the broker on the same bytes.

- rekam: the shipped receiver and store: frames in, every check, files, commits, signed receipts, in batches as ingest forms them;
- sqlite rows: the same parts as blobs in one table, WAL and synchronous=FULL, one commit a record, nothing checked;
- files: the same parts as files, fsync of each and of the folder, nothing checked;
- broker: the same frames published at QoS 1 through Mosquitto to one subscriber that throws them away, over loopback.

All of it, the broker too, on one core of the processor and on the same file system (a temporary folder below --folder). Peers take turns, the
best of each counts: a busy machine disturbs them alike.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from district.clock import SystemClock
from district.quota import Limits
from district.store import DistrictStore
from edge.clock import random_bytes
from protocols.custody import Chunk, Entry, Receiver, encode
from protocols.sealing import SoftwareSigner, generate_audience
from simulators.signing_station import Made, SigningStation, seeded_key
from tools.amounts import whole
from tools.broker import Broker
from tools.forge import Certified

EXAMPLE = "./rekam bench ingest --records 200 --json ingest.json"
SIZES_KB = (300, 1000)
ROUNDS = 3
CHUNK_BYTES = 32 * 1024
BATCH_FRAMES = 256
"""8 MB, as district/ingest.py takes when stations send faster than it commits"""
Frame = tuple[str, bytes]
"""last word of the topic, message"""


def make_records(count: int, size_kb: int) -> tuple[SigningStation, list[Made]]:
    """Genuine records of four equal parts."""
    audiences: Any = {"intake": generate_audience()[1], "vault": generate_audience()[1]}
    station = SigningStation("bench", seeded_key(random.Random(size_kb)), audiences, random_bytes)
    return station, [station.record(size=size_kb * 1000 // 4) for _ in range(count)]


def frames(made: Made) -> Iterator[Frame]:
    """As the station's uplink sends them."""
    yield "entry", encode(Entry(made.envelope))
    for part, data in enumerate(made.parts):
        for offset in range(0, len(data), CHUNK_BYTES):
            yield "chunk", encode(Chunk(made.record_id, part, offset, data[offset : offset + CHUNK_BYTES]))


def ours(folder: Path, station: SigningStation, count: int, queue: list[Frame]) -> None:
    """Everything the district does but the socket."""
    certified = Certified({station.name: station.key.public_key()})
    store = DistrictStore.open(folder / "district", certified, SoftwareSigner(station.key), "poso", SystemClock(), limits=Limits(10**6, 10**6))
    receiver = Receiver(store)
    for first in range(0, len(queue), BATCH_FRAMES):
        for word, data in queue[first : first + BATCH_FRAMES]:
            refusal = receiver.handle(station.name, word, data)
            assert refusal is None, refusal
        receiver.settle()
    assert store.receipted(station.name, 1, 10**6) == [(1, count + 1)]
    store.close()


def sqlite_rows(folder: Path, records: list[Made]) -> None:
    """SQLite's own rate."""
    connection = apsw.Connection(str(folder / "rows.db"))
    for name, value in (("locking_mode", "EXCLUSIVE"), ("journal_mode", "WAL"), ("synchronous", "FULL")):
        connection.pragma(name, value)
    connection.execute("CREATE TABLE part (record BLOB, number INTEGER, data BLOB, PRIMARY KEY (record, number))")
    for made in records:
        with connection:
            rows = [(made.record_id, -1, made.envelope), *((made.record_id, number, data) for number, data in enumerate(made.parts))]
            connection.executemany("INSERT INTO part VALUES (?, ?, ?)", rows)
    connection.close()


def plain_files(folder: Path, records: list[Made]) -> None:
    """The disk's own rate."""
    for made in records:
        place = folder / made.record_id.hex()
        place.mkdir()
        for number, data in enumerate((made.envelope, *made.parts)):
            descriptor = os.open(place / str(number), os.O_WRONLY | os.O_CREAT)
            os.write(descriptor, data)
            os.fdatasync(descriptor)
            os.close(descriptor)
        descriptor = os.open(place, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def through_broker(port: int, queue: list[Frame]) -> None:
    """The broker's own rate."""
    ready, left = threading.Event(), threading.Semaphore(0)
    listener, sender = (paho.Client(CallbackAPIVersion.VERSION2) for _ in range(2))
    listener.on_subscribe = lambda *_: ready.set()
    listener.on_message = lambda *_: left.release()
    for client in (listener, sender):
        client.max_inflight_messages_set(20)
        client.connect("127.0.0.1", port)
        client.loop_start()
    listener.subscribe("bench", 1)
    ready.wait(10)
    for _, data in queue:
        sender.publish("bench", data, 1)
    for _ in queue:
        assert left.acquire(timeout=60), "the broker lost a message"
    for client in (listener, sender):
        client.disconnect()
        client.loop_stop()


def measure(count: int, folder: Path | None = None, sizes_kb: tuple[int, ...] = SIZES_KB) -> list[dict[str, Any]]:
    """Rows for --json; names are a contract. `share` is our rate as a share of the peer's."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(everywhere)})
    try:
        return _all(count, folder, sizes_kb)
    finally:
        os.sched_setaffinity(0, everywhere)


def _all(count: int, folder: Path | None, sizes_kb: tuple[int, ...]) -> list[dict[str, Any]]:
    return [row for size_kb in sizes_kb for row in _measure(count, size_kb, folder)]


def _measure(count: int, size_kb: int, below: Path | None) -> list[dict[str, Any]]:
    station, records = make_records(count, size_kb)
    queue = [frame for made in records for frame in frames(made)]
    total = sum(len(made.envelope) + sum(map(len, made.parts)) for made in records)
    peers: dict[str, Callable[[Path], None]] = {
        "rekam": lambda folder: ours(folder, station, count, queue),
        "sqlite rows": lambda folder: sqlite_rows(folder, records),
        "files": lambda folder: plain_files(folder, records),
    }
    rounds = [{**{name: _timed(peer, below) for name, peer in peers.items()}, "broker": asyncio.run(_timed_broker(queue))} for _ in range(ROUNDS)]
    seconds = {name: min(taken[name] for taken in rounds) for name in rounds[0]}
    return [
        {
            "scenario": f"{count} records of {size_kb} KB", "peer": name, "records_per_s": round(count / taken, 1),
            "mb_per_s": round(total / 1e6 / taken, 1), "share": round(taken / seconds["rekam"], 2),
        }
        for name, taken in seconds.items()
    ]


def _timed(peer: Callable[[Path], None], below: Path | None) -> float:
    with tempfile.TemporaryDirectory(prefix="rekam-bench-", dir=below) as folder:
        started = time.perf_counter()
        peer(Path(folder))
        return time.perf_counter() - started


async def _timed_broker(queue: list[Frame]) -> float:
    with tempfile.TemporaryDirectory(prefix="rekam-bench-") as folder:
        broker = Broker(Path(folder))
        await broker.start()
        try:
            started = time.perf_counter()
            await asyncio.to_thread(through_broker, broker.port, queue)
            return time.perf_counter() - started
        finally:
            await broker.child.stop()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=whole(1, 100_000), default=100, help="records a scenario (default 100)")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = measure(arguments.records, arguments.folder)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(json.dumps(rows).encode(), indent=1) + b"\n")
    print(f"{'scenario':<26}{'peer':<14}{'records/s':>11}{'MB/s':>9}{'rekam is':>10}")
    for row in rows:
        print(f"{row['scenario']:<26}{row['peer']:<14}{row['records_per_s']:>11}{row['mb_per_s']:>9}{row['share']:>9}x")
    return 0
