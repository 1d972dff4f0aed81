"""`./rekam bench link`: what arrives over a bad link, by our custody and by the usual ways, in the same run.

Each sender gets a link of its own of the same kind: two network namespaces with a line between them that has a rate, a round trip, loss and
a schedule of cuts (simulators/tun_link.py, needs root), a real Mosquitto, real programs at both ends. Without root a cutting proxy on loopback
stands in (simulators/link.py): what arrives is then right, how fast is too kind to everybody. Goodput is distinct payload at the
district as a share of what the line could carry while it was up, TCP/IP headers and all.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from simulators.shaped_line import Shape
from simulators.tun_link import possible
from tools import bench_link_tus
from tools.bench_link_lines import make_way, unique
from tools.bench_link_rekam import DISTRICT, STATION
from tools.keys import make_site
from tools.paths import ROOT

EXAMPLE = "./rekam bench link --scenario a --seconds 300 --json link.json"
RECORD_BYTES = 512 * 1024
SCENARIOS = {
    "a": ("256 kbit/s, 600 ms, reset every 20 s for 5 s", Shape(256_000, 0.6, 0.0, 20, 5, "rst"), 0.80),
    "b": ("64 kbit/s, 800 ms, 3 % loss, reset every 90 s for 30 s", Shape(64_000, 0.8, 0.03, 90, 30, "rst"), 0.85),
    "c": ("512 kbit/s, 300 ms, 1 % loss, reset every 60 s for 10 s", Shape(512_000, 0.3, 0.01, 60, 10, "rst"), 0.90),
    "n": ("256 kbit/s, 600 ms, every 20 s dead for 5 s and old flows for ever", Shape(256_000, 0.6, 0.0, 20, 5, "nat"), 0.65),
}
"""name -> what it is, its line, the share that ours must reach"""
PEERS = {"rekam": 0, "mqtt-whole": 0, "mqtt-16k": 16_384, "tus": 0}
"""name -> bytes of a message for the MQTT ones, 0 is a whole record"""
MOSQUITTO = "listener {port} {host}\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nlog_type error\n"


@dataclass
class Row:
    """One line of the JSON list; names are a contract."""

    scenario: str
    peer: str
    records_delivered: int
    goodput_share: float
    wire_bytes_per_payload_byte: float | None
    first_manifest_s: float | None
    """until the district knew of the first record; for the others until they had a whole one"""
    seconds: float
    cuts: int
    target: float | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append", help="only this one; may be given several times")
    parser.add_argument("--peer", choices=sorted(PEERS), action="append", help="only this one; may be given several times")
    parser.add_argument("--seconds", type=float, default=300, help="length of each measurement, rounded up to whole cycles (default 300)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs and data there")


def run(arguments: argparse.Namespace) -> int:
    if shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        print("rekam: bench link needs Mosquitto. Install it: apt-get install mosquitto", file=sys.stderr)
        return 2
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="rekam-link-"))
    try:
        rows = asyncio.run(measure_all(arguments, folder))
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return 0 if all(row.target is None or row.goodput_share >= row.target for row in rows) else 1


async def measure_all(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """One scenario after the other, all senders of a scenario side by side."""
    console = Console(highlight=False, soft_wrap=True)
    if possible():
        console.print(f"a line between namespaces {possible()}: a proxy on loopback is used instead, which is too kind to every sender")
    peers = arguments.peer or list(PEERS)
    if "tus" in peers and (reason := bench_link_tus.missing()):
        console.print(f"tus is left out: {reason}")
        peers = [peer for peer in peers if peer != "tus"]
    rows: list[Row] = []
    for name in arguments.scenario or SCENARIOS:
        what, shape, _ = SCENARIOS[name]
        seconds = whole_cycles(shape, arguments.seconds)
        console.print(f"\n{what}: {seconds:.0f} s", style="bold")
        found = await asyncio.gather(*(Run(folder / name / peer, name, peer, seconds).measure() for peer in peers))
        for row in found:
            console.print(_line(row))
        rows += found
    return rows


def whole_cycles(shape: Shape, seconds: float) -> float:
    """A cycle cut short would favour whoever starts slowly or quickly."""
    cycle = shape.up_s + shape.down_s
    return -(-seconds // cycle) * cycle


class Program:
    """A child; its first line says that it is ready."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log
        self._child: asyncio.subprocess.Process | None = None

    async def start(self, ready: bool = True) -> None:
        with self._log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT,
            )
        assert self._child.stdout is not None
        if ready:
            line = await asyncio.wait_for(self._child.stdout.readline(), 120)
            if line.strip() != b"ready":
                raise RuntimeError(f"{self._command} did not start: {self._log.read_text(errors='replace')[-800:]}")

    def go(self) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(b"\n")

    async def stop(self) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()
            try:
                await asyncio.wait_for(self._child.wait(), 30)
            except TimeoutError:
                self._child.kill()
                await self._child.wait()


class Run:
    """One sender on a link of its own."""

    def __init__(self, folder: Path, scenario: str, peer: str, seconds: float) -> None:
        folder.mkdir(parents=True)
        self._folder, self._scenario, self._peer, self._seconds = folder, scenario, peer, seconds
        self._shape = SCENARIOS[scenario][1]
        self._way = make_way(unique(scenario, list(PEERS).index(peer)), self._shape, folder)
        records = int(self._shape.usable_bytes(seconds) / RECORD_BYTES) + 4
        for side, place in (("station", self._way.station), ("district", self._way.district)):
            facts = {"host": place.host, "port": place.port, "records": records, "record_bytes": RECORD_BYTES, "message_bytes": PEERS[peer]}
            (folder / f"{side}.json").write_text(json.dumps(facts), encoding="utf-8")

    async def measure(self) -> Row:
        link = Program(self._way.command, self._log("link"))
        await link.start()
        server, receiver, sender = self._programs()
        try:
            await server.start(ready=self._peer == "tus")
            if receiver is not None:
                await receiver.start()
            await sender.start()
            return await self._watch(receiver, sender)
        finally:
            for program in (sender, receiver, server, link):
                if program is not None:
                    await program.stop()

    async def _watch(self, receiver: Program | None, sender: Program) -> Row:
        before, started = self._counts(), time.monotonic()
        sender.go()
        first_s = await self._wait_for_first(started)
        await asyncio.sleep(started + self._seconds - time.monotonic())
        if receiver is not None:
            await receiver.stop()
        after = self._counts()
        return self._row(self._result(first_s, started), after, after["up"]["bytes_sent"] - before.get("up", {"bytes_sent": 0})["bytes_sent"])

    async def _wait_for_first(self, started: float) -> float | None:
        """tus has no receiver of ours that could note the time."""
        while self._peer == "tus" and time.monotonic() < started + self._seconds:
            if bench_link_tus.received(self._folder / "files", RECORD_BYTES)["records"]:
                return time.monotonic()
            await asyncio.sleep(0.5)
        return None

    def _programs(self) -> tuple[Program, Program | None, Program]:
        here, there, host, port = self._way.station.prefix, self._way.district.prefix, self._way.district.host, self._way.district.port
        python = [sys.executable, "-m"]
        if self._peer == "rekam":
            make_site(self._folder / "site", [STATION], district=DISTRICT)
            ends = (["tools.bench_link_rekam", "district"], ["tools.bench_link_rekam", "station"])
        else:
            ends = (["tools.bench_link_peers", "mqtt-receiver"], ["tools.bench_link_peers", "tus-sender" if self._peer == "tus" else "mqtt-sender"])
        receiver = Program([*there, *python, *ends[0], str(self._folder)], self._log("receiver"))
        sender = Program([*here, *python, *ends[1], str(self._folder)], self._log("sender"))
        if self._peer == "tus":
            return Program([*there, *bench_link_tus.command(host, port, self._folder / "files")], self._log("server")), None, sender
        (self._folder / "mosquitto.conf").write_text(MOSQUITTO.format(host=host, port=port), encoding="utf-8")
        broker = Program([*there, "mosquitto", "-c", str(self._folder / "mosquitto.conf")], self._log("broker"))
        return broker, receiver, sender

    def _result(self, first_s: float | None, started: float) -> Mapping[str, float | None]:
        if self._peer == "tus":
            return {**bench_link_tus.received(self._folder / "files", RECORD_BYTES), "first_s": first_s and first_s - started}
        found = json.loads((self._folder / "result.json").read_text(encoding="utf-8"))
        return {**found, "first_s": found["first_s"] and found["first_s"] - started}

    def _row(self, result: Mapping[str, float | None], counts: dict[str, dict[str, int]], wire_bytes: int) -> Row:
        payload = result["payload_bytes"] or 0
        return Row(
            self._scenario, self._peer, int(result["records"] or 0), round(payload / self._shape.usable_bytes(self._seconds), 4),
            round(wire_bytes / payload, 3) if payload else None, round(result["first_s"], 1) if result["first_s"] else None, self._seconds,
            int(counts["cuts"]),  # type: ignore[call-overload]  # the one plain number
            SCENARIOS[self._scenario][2] if self._peer == "rekam" else None,
        )

    def _counts(self) -> dict[str, dict[str, int]]:
        path = self._way.counts
        counts: dict[str, dict[str, int]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return counts

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _line(row: Row) -> str:
    target = f" (target {row.target:.0%})" if row.target is not None else ""
    wire = f"{row.wire_bytes_per_payload_byte:.3f}" if row.wire_bytes_per_payload_byte else "-"
    first = f"{row.first_manifest_s:.1f} s" if row.first_manifest_s else "never"
    return f"  {row.peer:<11} {row.goodput_share:6.1%}{target:<14} records {row.records_delivered:>3}  wire bytes per payload byte {wire}  first {first}"
