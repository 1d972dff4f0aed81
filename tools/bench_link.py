"""`./rekam bench link`: what arrives over a bad link, by our custody and by the usual ways, in the same run.

Each sender gets a line of its own of the same kind, with the same seed and the same schedule: two network namespaces with a line between them
that has a rate, a round trip, loss and cuts (simulators/tun_link.py, needs root), a real Mosquitto, real programs at both ends. Without root
a cutting proxy on loopback stands in (simulators/link.py): what arrives is then right, how fast is too kind to everybody. All lines run side
by side. Goodput is distinct payload at the district as a share of what the line could carry while it was up, TCP/IP headers and all.
`rekam-tls` is ours through a broker that wants certificates (TLS 1.3).
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from simulators.shaped_line import Shape
from simulators.tun_link import possible
from tools import bench_link_tus
from tools.amounts import whole
from tools.bench_link_run import PEERS, Row, Run, Scenario, mosquitto

EXAMPLE = "./rekam bench link --scenario a --seconds 300 --json link.json"
SCENARIOS = {
    found.name: found
    for found in (
        Scenario("a", "256 kbit/s, 600 ms, reset every 20 s for 5 s", Shape(256_000, 0.6, 0.0, 20, 5, "rst"), 0.80),
        Scenario("b", "512 kbit/s, 300 ms, 1 % loss, reset every 60 s for 10 s", Shape(512_000, 0.3, 0.01, 60, 10, "rst"), 0.90),
        Scenario("c", "64 kbit/s, 800 ms, 3 % loss, reset every 90 s for 30 s", Shape(64_000, 0.8, 0.03, 90, 30, "rst"), 0.85),
        Scenario("n", "256 kbit/s, 600 ms, every 20 s dead for 5 s and old flows for ever", Shape(256_000, 0.6, 0.0, 20, 5, "nat"), 0.65),
    )
}
STARTING = 4
"""senders that get ready at the same time"""
TELL_EVERY_S = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append", help="only this one; may be given several times")
    parser.add_argument("--peer", choices=list(PEERS), action="append", help="only this one; may be given several times")
    parser.add_argument("--seconds", type=whole(10, 86_400), default=480, help="length of the measurement, rounded up to whole cycles (default 480)")
    parser.add_argument("--seed", type=int, default=1, help="of loss and jitter (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs and data there")


def run(arguments: argparse.Namespace) -> int:
    if mosquitto() is None:
        print("rekam: bench link needs Mosquitto. Install it: apt-get install mosquitto", file=sys.stderr)
        return 2
    if arguments.keep and arguments.keep.exists() and any(arguments.keep.iterdir()):
        print(f"rekam: {arguments.keep} is not empty. Choose another folder for --keep", file=sys.stderr)
        return 2
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="rekam-link-"))
    try:
        rows = asyncio.run(measure_all(arguments, folder))
    except (RuntimeError, TimeoutError) as error:
        print(f"rekam: nothing was measured: {error}", file=sys.stderr)
        return 2
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return 0 if all(row.target is None or row.goodput_share >= row.target for row in rows) else 1


async def measure_all(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """All senders get ready, then all start together."""
    console = Console(highlight=False, soft_wrap=True)
    if possible():
        console.print(f"Lines between namespaces cannot be made ({possible()}): a proxy on loopback without loss stands in, too kind to every sender.")
    scenarios = [SCENARIOS[name] for name in arguments.scenario or SCENARIOS]
    peers = _peers(arguments.peer or list(PEERS), console)
    runs = {
        (scenario.name, peer): Run(folder / scenario.name / peer, scenario, peer, whole_cycles(scenario.shape, arguments.seconds), arguments.seed)
        for scenario in scenarios for peer in peers
    }
    try:
        return await _together(scenarios, peers, runs, console)
    finally:
        await asyncio.gather(*(one.stop() for one in runs.values()), return_exceptions=True)


def _peers(wanted: list[str], console: Console) -> list[str]:
    if "tus" in wanted and (reason := bench_link_tus.missing()):
        console.print(f"tus is left out: {reason}.")
        return [peer for peer in wanted if peer != "tus"]
    return wanted


async def _together(scenarios: list[Scenario], peers: list[str], runs: dict[tuple[str, str], Run], console: Console) -> list[Row]:
    places = asyncio.Semaphore(STARTING)

    async def prepare(one: Run) -> None:
        async with places:
            await one.prepare()

    console.print(f"{len(runs)} senders get ready")
    await asyncio.gather(*(prepare(one) for one in runs.values()))
    rows = {key: asyncio.create_task(one.measure()) for key, one in runs.items()}
    telling = asyncio.create_task(_tell(console))
    for scenario in scenarios:
        found = await asyncio.gather(*(rows[scenario.name, peer] for peer in peers))
        console.print(f"\n{scenario.what}: {found[0].seconds:.0f} s", style="bold")
        for row in found:
            console.print(_line(row))
    telling.cancel()
    return [rows[scenario.name, peer].result() for scenario in scenarios for peer in peers]


async def _tell(console: Console) -> None:
    started = time.monotonic()
    while True:
        console.print(f"all lines run, {time.monotonic() - started:.0f} s")
        await asyncio.sleep(TELL_EVERY_S)


def whole_cycles(shape: Shape, seconds: float) -> float:
    """A cycle cut short would favour whoever starts slowly or quickly."""
    cycle = shape.up_s + shape.down_s
    return -(-seconds // cycle) * cycle


def _line(row: Row) -> str:
    target = f" (target {row.target:.0%})" if row.target is not None else ""
    wire = f"{row.wire_bytes_per_payload_byte:.3f}" if row.wire_bytes_per_payload_byte else "-"
    first = f"{row.first_manifest_s:.1f} s" if row.first_manifest_s else "never"
    return f"  {row.peer:<11} {row.goodput_share:6.1%}{target:<14} records {row.records_delivered:>3}  wire bytes per payload byte {wire}  first {first}"
