"""`./rekam bench store`: what keeping a record costs the card, and how a station starts on a long queue, against plain SQLite and plain files.

Bytes and flushes are counted where SQLite hands them to the system (a counting VFS over the real one), for the file peer where it calls
write and fsync; blocks are what the kernel then counts for this process. A record has 0.5 MB in 15 parts, each kept in a commit
of its own with the journal, as the procedure does it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw

from edge.clock import SystemClock, random_bytes
from edge.files import write_durably
from edge.store.database import FILE_NAME
from edge.store.files import DiskFiles
from edge.store.ledger import Ledger, RecordDraft
from edge.store.store import Store
from edge.store.tables import GUARDED, add_guard
from edge.store.values import SealedPart
from protocols.record import PartKind, Step, WrappedKey, encode_keys
from tools.amounts import whole
from tools.crash_store_lives import StubSigner

EXAMPLE = "./rekam bench store --json store.json"
PARTS: tuple[tuple[PartKind, int, int], ...] = (
    ("population", 0, 1_200), ("face", 0, 110_000), ("signature", 0, 6_000), *(("finger", n, 24_000) for n in range(1, 11)),
    ("iris", 1, 72_000), ("iris", 2, 72_000),
)  # fmt: skip
RECORD_BYTES = sum(size for _, _, size in PARTS)
PROGRESS = bytes(600)
WRAPPED = encode_keys((WrappedKey(audience="vault", kid=bytes(16), wrapped=bytes(1168)),))
RECORDS, QUEUED = 20, 5_000
MB = 1024 * 1024
START = """
import sys, time
from pathlib import Path
started = time.perf_counter()
from edge.store.store import Store
store = Store.open(Path(sys.argv[1]), 0)
waiting = store.counts().waiting
first = store.outbox(50)[0]
store.part(first.record_id, 0, 0, 32768)
print(time.perf_counter() - started, waiting, next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@dataclass
class Cost:
    """What went to the system."""

    bytes: int = 0
    flushes: int = 0
    commits_s: "list[float] | None" = None


class CountingFile(apsw.VFSFile):
    """Counts, and leaves the work to the system's own VFS."""

    def __init__(self, base: str, name: Any, flags: list[int], cost: Cost) -> None:
        super().__init__(base, name, flags)
        self._cost = cost

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # SQLite's names
        self._cost.bytes += len(data)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._cost.flushes += 1
        super().xSync(flags)


class CountingVfs(apsw.VFS):
    """The system's VFS with CountingFile."""

    def __init__(self, name: str, cost: Cost) -> None:
        self._base, self._cost = "unix", cost
        super().__init__(name, self._base)

    def xOpen(self, name: Any, flags: list[int]) -> CountingFile:  # noqa: N802
        return CountingFile(self._base, name, flags, self._cost)


Keeper = Callable[[Path, str | None, Cost], Iterator[Callable[[], None]]]
"""opens something in a folder and yields a function that keeps one record"""


@contextmanager
def rekam(folder: Path, vfs: str | None, cost: Cost) -> Iterator[Callable[[], None]]:
    store = Store.open(folder / "store", 0, vfs=vfs, files=DiskFiles())
    ledger = Ledger(store, StubSigner(), "bench", SystemClock(), bytes(16))
    with closing(store):
        yield lambda: _keep(store, ledger, cost)


def _keep(store: Store, ledger: Ledger, cost: Cost) -> None:
    record_id = random_bytes(16)
    store.begin(record_id, 1, PROGRESS, WRAPPED)
    for kind, position, size in PARTS:
        part = SealedPart(kind, position, "image/png", random_bytes(size), 0, {"sharpness": 40, "quality": 71})
        _timed(cost, lambda part=part: store.commit_part(record_id, part, PROGRESS))  # type: ignore[misc]  # bound now
    ledger.close_record(RecordDraft(record_id, (Step(step="face", duration_ms=1, attempts=1),), (), "mains", b"op", PROGRESS))
    store.end_enrolment()


def plain_sqlite(*pragmas: tuple[str, str]) -> Any:
    """A table of blobs, a commit a part, nothing else."""
    @contextmanager
    def keeper(folder: Path, vfs: str | None, cost: Cost) -> Iterator[Callable[[], None]]:
        with closing(apsw.Connection(str(folder / "plain.db"), vfs=vfs)) as connection:
            for name, value in pragmas:
                connection.pragma(name, value)
            connection.execute("CREATE TABLE part (id INTEGER PRIMARY KEY, sealed BLOB)")
            yield lambda: _insert(connection, cost)

    return keeper


def _insert(connection: apsw.Connection, cost: Cost) -> None:
    for _, _, size in PARTS:
        data = random_bytes(size)
        _timed(cost, lambda data=data: connection.execute("INSERT INTO part (sealed) VALUES (?)", (data,)))  # type: ignore[misc]  # bound now


@contextmanager
def plain_files(folder: Path, _vfs: str | None, cost: Cost) -> Iterator[Callable[[], None]]:
    """A file a part: temporary file, fsync, rename, fsync of the folder."""
    numbers = iter(range(1_000_000))

    def keep() -> None:
        for _, _, size in PARTS:
            data = random_bytes(size)
            _timed(cost, lambda data=data: write_durably(folder / f"{next(numbers)}.part", data))  # type: ignore[misc]  # bound now
            cost.bytes += size
            cost.flushes += 2

    yield keep


def _timed(cost: Cost, call: Callable[[], object]) -> None:
    started = time.perf_counter()
    call()
    if cost.commits_s is not None:
        cost.commits_s.append(time.perf_counter() - started)


PEERS: dict[str, Any] = {
    "rekam": rekam,
    "sqlite WAL FULL": plain_sqlite(("journal_mode", "WAL"), ("synchronous", "FULL")),
    "sqlite default": plain_sqlite(("journal_mode", "DELETE"), ("synchronous", "FULL")),
    "files": plain_files,
}


def measure(records: int = RECORDS, queued: int = QUEUED) -> list[dict[str, Any]]:
    """Rows for --json; names are a contract."""
    rows = [_keeping(peer, keeper, records) for peer, keeper in PEERS.items()]
    return [*rows, _starting(queued)] if queued else rows


def _keeping(peer: str, keeper: Any, records: int) -> dict[str, Any]:
    cost, latency = Cost(), Cost(commits_s=[])
    vfs = CountingVfs("counting", cost)
    try:
        blocks = _run(keeper, "counting", cost, records)
    finally:
        vfs.unregister()
    _run(keeper, None, latency, records)
    times = sorted(latency.commits_s or [0.0])
    sealed = records * RECORD_BYTES
    return {
        "scenario": "keep 0.5 MB in 15 parts", "peer": peer, "written_per_sealed_byte": round(cost.bytes / sealed, 3),
        "blocks_per_sealed_byte": round(blocks / sealed, 3), "flushes_per_record": round(cost.flushes / records, 1),
        "flushes_per_sealed_mb": round(cost.flushes / sealed * 1e6, 1),
        "commit_ms_median": round(statistics.median(times) * 1000, 2), "commit_ms_p95": round(times[int(0.95 * len(times))] * 1000, 2),
    }


def _run(keeper: Any, vfs: str | None, cost: Cost, records: int) -> int:
    """Bytes of blocks that the kernel counted; the first record, which makes the file, is not counted."""
    with TemporaryDirectory(dir=work_folder()) as folder, keeper(Path(folder), vfs, cost) as keep:
        keep()
        cost.bytes, cost.flushes, before = 0, 0, _blocks()
        for _ in range(records):
            keep()
        return _blocks() - before


def _blocks() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def work_folder() -> str:
    """A folder on a disk: /tmp may be memory, where nothing is ever written."""
    return os.environ.get("REKAM_BENCH_FOLDER", "/var/tmp")  # noqa: S108  # a private folder is made inside


def _starting(queued: int) -> dict[str, Any]:
    with TemporaryDirectory(dir=work_folder()) as folder:
        path = Path(folder) / "store"
        fill(path, queued)
        DiskFiles().forget_cache(path / FILE_NAME)
        done = subprocess.run([sys.executable, "-c", START, str(path)], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
        size = (path / FILE_NAME).stat().st_size
    seconds, waiting, peak_kib = done.stdout.split()
    return {
        "scenario": f"start with {waiting} waiting records", "peer": "rekam", "seconds": round(float(seconds), 2),
        "rss_mb": round(int(peak_kib) / 1024, 1), "file_mb": round(size / MB),
    }


def fill(path: Path, queued: int) -> None:
    """One record through the store, the others as copies of its rows: only the start is measured."""
    with rekam(path.parent, None, Cost()) as keep:
        keep()
    with closing(apsw.Connection(str(path / FILE_NAME))) as connection:
        add_guard(connection)
        connection.pragma("synchronous", "OFF")
        for number in range(2, queued + 1):
            with connection:
                _copy(connection, number)
        with connection:
            connection.execute("UPDATE head SET sequence = ?", (queued,))
            for table, (_, columns) in GUARDED.items():
                if table != "part":
                    connection.execute(f"UPDATE {table} SET guard = guard({columns})")  # noqa: S608  # names from GUARDED
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _copy(connection: apsw.Connection, number: int) -> None:
    columns = GUARDED["part"][1].removeprefix("number")
    connection.execute("INSERT INTO record VALUES (?, randomblob(16), NULL)", (number,))
    connection.execute("INSERT INTO epoch SELECT ?, epoch, wrapped, NULL FROM epoch WHERE record = 1", (number,))
    connection.execute(
        f"INSERT INTO part SELECT number + ?1 * 256 {columns}, guard(number + ?1 * 256 {columns}), sealed FROM part WHERE number < 512",  # noqa: S608
        (number - 1,),
    )
    connection.execute(
        "INSERT INTO ledger SELECT ?1, hash, ?1, urgent, size, outcome, received_s, receipt, NULL, envelope FROM ledger WHERE sequence = 1", (number,),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=whole(1, 100_000), default=RECORDS, help=f"records to keep (default {RECORDS})")
    parser.add_argument("--queued", type=whole(0, 100_000), default=QUEUED, help=f"waiting records to start with, 0 leaves that out (default {QUEUED})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = measure(arguments.records, arguments.queued)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"{'peer':<18}{'bytes/byte':>11}{'blocks/byte':>12}{'flushes':>9}{'flushes/MB':>12}{'median ms':>11}{'p95 ms':>9}")
    for row in rows:
        if "written_per_sealed_byte" in row:
            size = f"{row['written_per_sealed_byte']:>11}{row['blocks_per_sealed_byte']:>12}{row['flushes_per_record']:>9}{row['flushes_per_sealed_mb']:>12}"
            print(f"{row['peer']:<18}{size}{row['commit_ms_median']:>11}{row['commit_ms_p95']:>9}")
        else:
            print(f"{row['scenario']} ({row['file_mb']} MB): {row['seconds']} s, {row['rss_mb']} MB resident")
    return 0
