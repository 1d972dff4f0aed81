"""`./rekam bench capture`: each serial driver, the live picture and a whole enrolment against what wires and devices need at least.

A limit is bytes x 10 bits / baud plus the device's own times; the simulated wires take exactly that. Fingerprint figures come from a
sensor in another process, so CPU is the driver's alone. Needs the bench.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

from edge.clock import SystemClock
from edge.devices.fingerprint import ZfmSensor
from edge.devices.printer import EscPosPrinter
from edge.devices.tablet import make_tablet
from protocols import zfm
from protocols.escpos import Slip
from simulators import fingerprint, printer, tablet
from simulators.printer import LINE_S
from simulators.tablet import SerialTablet
from simulators.world import World
from station_config.schema import Fingerprint, Printer, Tablet
from tools import bench_capture_enrolment as enrolment
from tools.children import Child
from tools.paths import samples_folder
from tools.usage import added_rss_mb

EXAMPLE = "./rekam bench capture --json capture.json"
BAUDS = (57_600, 115_200, 230_400, 460_800, 921_600)
FINGERS = 10
CORE_SHARE = 0.25
"""of one core, for the live picture"""
REPEATS = 3
"""the middle one counts: a busy machine spoils single runs of half a second"""
BITS = 10
EXCHANGE_BYTES = 12 + 12
"""a plain command and its acknowledge"""
IMAGE_BYTES = 256 * 288 // 2


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `target`: highest ratio (or milliseconds of lag) that is good enough."""

    device: str
    what: str
    measured_s: float
    limit_s: float
    ratio: float
    target: float
    good: bool
    cpu_s: float
    rss_mb: float
    """what the driver adds to a process; of a station its peak"""
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)
    """of an enrolment: seconds of each step, and the devices' own among them"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--quick", action="store_true", help="fastest speed only, no whole enrolment")


def run(arguments: argparse.Namespace) -> int:
    """0 when every driver is within its target."""
    rows = measure(quick=arguments.quick, tell=lambda line: print(line, flush=True))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row["good"] for row in rows) else 1


def measure(*, quick: bool = False, tell: Callable[[str], None] = lambda line: None) -> list[dict[str, object]]:
    """All rows as plain values."""
    with tempfile.TemporaryDirectory(prefix="rekam-bench-") as folder:
        rows = asyncio.run(_measure(Path(folder), quick, tell))
    return [asdict(row) for row in rows]


async def _measure(folder: Path, quick: bool, tell: Callable[[str], None]) -> list[Row]:
    bauds = BAUDS[-1:] if quick else BAUDS
    rows: list[Row] = []

    def note(row: Row) -> None:
        rows.append(row)
        mark = "" if row.good else "  MISSED"
        against = f"{row.measured_s:8.3f} s   limit {row.limit_s:7.3f} s   ratio {row.ratio:5.3f}"
        tell(f"{row.device:<12} {row.what:<34} {against}   CPU {row.cpu_s:.3f} s   RSS {row.rss_mb:5.1f} MB{mark}")

    sensor = Child("sensor", [sys.executable, "-m", "tools.bench_capture_sensor", str(folder / "finger")], folder / "sensor.log")
    await sensor.start()
    try:
        await asyncio.to_thread(_wait_for, folder / "finger")
        for baud in bauds:
            note(await _image(folder / "finger", baud))
        note(await _ten_fingers(folder / "finger", bauds[-1]))
        note(await _finger_polls(folder / "finger", bauds[-1]))
    finally:
        await sensor.stop()
    note(await _tablet_lag(folder / "tablet"))
    note(await _slip(folder / "printer"))
    for row in [] if quick else _station(await enrolment.measure()):
        note(row)
        for step, (took_s, device_s) in row.steps.items():
            tell(f"{'':<12} {step:<34} {took_s:8.3f} s   limit {device_s:7.3f} s")
    return rows


def _station(figures: enrolment.Figures) -> list[Row]:
    """A whole station: the middle one of several people, and the live picture as fast as it comes and at the pace asked for."""
    middle, (paced, fastest) = figures.middle, figures.previews
    steps = {one.step: (round(one.seconds, 3), round(one.device_s, 3)) for one in middle.steps}
    whole = _row("station", "whole enrolment, instant operator", (middle.seconds, middle.cpu_s), middle.device_s, 1.15, figures.peak_mb)
    frame = _row("camera", f"a preview picture, {fastest.fps:.0f} a second", (1 / fastest.fps, fastest.core_share / fastest.fps), 1 / paced.asked_fps, 1.0)
    share = _row("camera", f"CPU a second, {paced.fps:.0f} pictures a second", (paced.core_share, paced.core_share), CORE_SHARE, 1.0)
    return [replace(whole, steps=steps), frame, share]


def _wait_for(link: Path) -> None:
    """Another process makes it."""
    end_s = time.monotonic() + 20
    while not link.exists():
        if time.monotonic() > end_s:
            raise TimeoutError(f"no sensor came up at {link}")
        time.sleep(0.05)


async def _timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _row(device: str, what: str, measured: tuple[float, float], limit_s: float, target: float, rss_mb: float | None = None) -> Row:
    ratio = measured[0] / limit_s
    resident_mb = _driver_mb(device) if rss_mb is None else rss_mb
    return Row(device, what, round(measured[0], 4), round(limit_s, 4), round(ratio, 3), target, ratio <= target, round(measured[1], 4), round(resident_mb, 1))


@cache
def _driver_mb(device: str) -> float:
    return added_rss_mb(f"edge.devices.{device}")


async def _opened(link: Path, baud: int) -> ZfmSensor:
    driver = ZfmSensor("fingerprint", Fingerprint(port=str(link), fastest_baud=baud), SystemClock())
    await driver.open()
    assert driver.baud == baud
    return driver


def _image_limit_s(driver: ZfmSensor) -> float:
    """GenImg with its exposure, UpImage, all data packets."""
    on_wire = 2 * EXCHANGE_BYTES + zfm.wire_bytes(IMAGE_BYTES, driver.packet_size)
    return on_wire * BITS / driver.baud + fingerprint.EXPOSURE_S


async def _image(link: Path, baud: int) -> Row:
    driver = await _opened(link, baud)
    try:
        runs = [await _timed(lambda: driver.capture(lambda done: None)) for _ in range(REPEATS)]
        return _row("fingerprint", f"image at {baud} baud", statistics.median_low(runs), _image_limit_s(driver), 1.05)
    finally:
        await driver.close()


async def _ten_fingers(link: Path, baud: int) -> Row:
    driver = await _opened(link, baud)

    async def all_ten() -> None:
        for _ in range(FINGERS):
            await driver.capture(lambda done: None)

    try:
        return _row("fingerprint", f"ten images at {baud} baud", await _timed(all_ten), FINGERS * _image_limit_s(driver), 1.1)
    finally:
        await driver.close()


async def _finger_polls(link: Path, baud: int) -> Row:
    """Ten looks for a finger; 2 s are five a second."""
    driver = await _opened(link, baud)

    async def looks() -> None:
        for _ in range(FINGERS):
            await driver.finger_present()

    try:
        limit_s = FINGERS * (EXCHANGE_BYTES * BITS / baud + fingerprint.EXPOSURE_S)
        return _row("fingerprint", "ten looks for a finger", await _timed(looks), limit_s, 2.0 / limit_s)
    finally:
        await driver.close()


async def _tablet_lag(link: Path) -> Row:
    """From the pen's instant to the sample in the driver's hands, slowest of 95 % of a signature; CPU with the simulator's share."""
    world = World(1, people=1, samples=samples_folder())
    device = tablet.build(world, link)
    assert isinstance(device, SerialTablet)
    driver = make_tablet("tablet", Tablet(port=str(link)), SystemClock())
    points = world.images.signature(world.people[0])
    await device.start()
    await driver.open()
    arrived: list[float] = []

    async def sign() -> None:
        await driver.begin()
        world.desk.signing = True
        async for _ in driver.strokes():
            arrived.append(time.monotonic())
            if len(arrived) == len(points):
                return

    try:
        _, cpu_s = await _timed(sign)
        await driver.finish()
    finally:
        await driver.close()
        await device.stop()
    lags = [seen - device.began_s - point[0] / 1000 for seen, point in zip(arrived, points, strict=True)]
    slowest = statistics.quantiles(lags, n=20)[-1]
    return _row("tablet", f"lag of a pen report ({len(points)} reports)", (slowest, cpu_s), 9 * BITS / 38_400, 0.020 / (9 * BITS / 38_400))


async def _slip(link: Path) -> Row:
    world = World(1, people=1)
    device = printer.build(world, link)
    driver = EscPosPrinter("printer", Printer(port=str(link)), SystemClock())
    slip = Slip(80).title("BUKTI PEREKAMAN").rule()
    for number in range(12):
        slip.pair(f"Baris {number}", "isi")
    document = slip.qr("poso-1/1").cut().document
    await device.start()
    await driver.open()
    try:
        measured = await _timed(lambda: driver.print(document))
    finally:
        await driver.close()
        await device.stop()
    limit_s = (len(document) + 9) * BITS / 115_200 + LINE_S * document.count(b"\n")
    return _row("printer", f"slip of {len(document)} bytes", measured, limit_s, 1.25)
