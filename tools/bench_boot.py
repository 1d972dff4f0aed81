"""`./rekam bench boot`: from the start of the station's process to a page that is ready at the same step of the same person.

The whole process with every driver and modality, 5,000 sealed records of 0.5 MB waiting to be sent and one enrolment that a cut left
open. Cold: the store, Python and its libraries are read from the disk again. Devices are fitted and absent, as after a cut of their
supply; the machine's own boot is not in it.
"""

import argparse
import asyncio
import json
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge.clock import random_bytes
from edge.enrolment.state import Progress, StepTime, encode_progress
from edge.store.database import FILE_NAME
from edge.store.files import DiskFiles
from edge.store.store import Store
from edge.store.values import SealedPart
from simulators.world import WorldClock
from tools.amounts import whole
from tools.auto_operator import StationAway, StationPage
from tools.bench_store import WRAPPED, fill, work_folder
from tools.children import Child, free_port
from tools.demo_site import STATION, new_boot, write_toml
from tools.keys import make_site
from tools.usage import peak_rss_mb

EXAMPLE = "./rekam bench boot --json boot.json"
QUEUED, RUNS, LIMIT_S = 5_000, 3, 5.0
GIVEN_UP_S = 120.0
LOOK_S = 0.005
TICKET = 17
MB = 1024 * 1024
TAKEN = (("population", 0), ("face", 0), ("signature", 0), ("finger", 2), ("finger", 3))


def measure(queued: int, runs: int) -> list[dict[str, Any]]:
    """Rows for --json; names are a contract."""
    with TemporaryDirectory(dir=work_folder()) as name:
        folder = Path(name)
        config, port = _site(folder, queued)
        store = folder / "station/store" / FILE_NAME
        rows: list[dict[str, Any]] = []
        for start, forget in (("cold", [store, *_program_files()]), ("warm", [])):
            found = [asyncio.run(_boot(folder, config, port, forget)) for _ in range(runs)]
            rows.append({
                "scenario": f"{start} start with {queued} waiting records", "seconds": min(each["seconds"] for each in found),
                "seconds_worst": max(each["seconds"] for each in found), "rss_mb": found[0]["rss_mb"], "file_mb": round(store.stat().st_size / MB),
            })
        return rows


def _site(folder: Path, queued: int) -> tuple[Path, int]:
    """A station with everything fitted, its queue, and somebody at the desk."""
    keys, port = make_site(folder / "keys", [STATION]), free_port()
    unplugged = {f"devices.{name}": {"port": str(folder / name)} for name in ("fingerprint", "board", "tablet", "printer")}
    config = write_toml(folder / "station.toml", {
        "station": {"id": STATION, "name": "Kecamatan Poso Kota", "data_dir": str(folder / "station"), "page_port": port, "reserve_mb": 16},
        "keys": keys.station_section(STATION), "broker": {"host": "127.0.0.1", "port": free_port()}, "clock": {"boot_id": str(folder / "boot_id")},
        "devices.camera": {"index": 0}, "devices.iris": {"index": 1}, **unplugged, "[devices.ups]": {"name": "rekam", "port": free_port()},
        "devices.genset": {"kind": "gencomm-tcp", "host": "127.0.0.1", "port": str(free_port())},
    })
    fill(folder / "station/store", queued)
    with closing(Store.open(folder / "station/store", 0)) as store:
        record_id, progress = random_bytes(16), encode_progress(Progress(letter=True, times=(StepTime("letter", 9_000),)))
        store.begin(record_id, TICKET, progress, WRAPPED)
        for kind, position in TAKEN:
            store.commit_part(record_id, SealedPart(kind, position, "image/png", random_bytes(24_000), 0), progress)  # type: ignore[arg-type]  # of the table above
    return config, port


def _program_files() -> list[Path]:
    """What a start reads beside the store."""
    places = {path for path in (*map(Path, filter(None, sys.path)), Path(__file__).parent.parent) if path.is_dir()}
    return [path for place in places for pattern in ("*.py", "*.pyc", "*.so*") for path in place.rglob(pattern)]


async def _boot(folder: Path, config: Path, port: int, forget: list[Path]) -> dict[str, Any]:
    for path in forget:
        DiskFiles().forget_cache(path)
    new_boot(folder)
    child = Child("station", [sys.executable, "-m", "tools.cli", "station", "--config", str(config)], folder / "station.log")
    page, clock = StationPage("127.0.0.1", port), WorldClock()
    began_s = time.perf_counter()
    await child.start()
    try:
        async with asyncio.timeout(GIVEN_UP_S):
            while not await _ready(page):
                await clock.sleep_s(LOOK_S)
        return {"seconds": round(time.perf_counter() - began_s, 2), "rss_mb": round(peak_rss_mb(child.pid), 1)}
    except TimeoutError:
        raise RuntimeError(f"the station was not ready within {GIVEN_UP_S:g} s:\n{child.tail()}") from None
    finally:
        await child.stop()


async def _ready(page: StationPage) -> bool:
    """The page offers to log in, at the fingers of the person with this ticket, and says that the power was out."""
    try:
        found = await page.state()
    except StationAway:
        return False
    resumed = any(notice["id"].startswith("power_was_out") for notice in found["notices"])
    return resumed and found["step"] == "fingers" and found["person"]["ticket"] == TICKET and "log_in" in found["actions"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--queued", type=whole(0, 100_000), default=QUEUED, help=f"records that wait (default {QUEUED})")
    parser.add_argument("--runs", type=whole(1, 100), default=RUNS, help=f"starts of each kind (default {RUNS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")


def run(arguments: argparse.Namespace) -> int:
    """0 when the best cold start was within the limit."""
    print(f"filling a store with {arguments.queued} records ...", flush=True)
    rows = measure(arguments.queued, arguments.runs)
    for row in rows:
        print(f"{row['scenario']} ({row['file_mb']} MB): ready in {row['seconds']} s (worst {row['seconds_worst']} s), {row['rss_mb']} MB resident")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if rows[0]["seconds"] <= LIMIT_S else 1
