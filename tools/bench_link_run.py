"""One sender of `./rekam bench link` on a line of its own: starts its programs, lets them run, reads what arrived."""

import asyncio
import datetime
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR1

from edge.clock import SystemClock
from simulators.shaped_line import Shape
from tools import bench_link_tus, tls
from tools.bench_link_lines import make_way
from tools.bench_link_rekam import DISTRICT, STATION
from tools.keys import make_site
from tools.paths import ROOT

RECORD_BYTES = 512 * 1024
SPARE_RECORDS = 4
"""more than the line can carry, so that nobody ever runs dry"""
PEERS = {"rekam": 0, "rekam-tls": 0, "mqtt-whole": 0, "mqtt-16k": 16_384, "tus": 0}
"""name -> bytes of a message for the MQTT ones, 0 is a whole record"""
MOSQUITTO = "user root\nlistener {port} {host}\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_type error\n"
DAY = datetime.timedelta(days=1)


def mosquitto() -> str | None:
    """Where the program is; it is no business of everybody's PATH."""
    return shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A line, and the share of it that ours must use."""

    name: str
    what: str
    shape: Shape
    target: float


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

    def signal(self, number: int) -> None:
        assert self._child is not None
        self._child.send_signal(number)

    async def stop(self) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()
            try:
                await asyncio.wait_for(self._child.wait(), 30)
            except TimeoutError:
                self._child.kill()
                await self._child.wait()


class Run:
    """`prepare`, then `measure`, then `stop` whatever happened."""

    def __init__(self, folder: Path, scenario: Scenario, peer: str, seconds: float, seed: int) -> None:
        folder.mkdir(parents=True)
        self._folder, self._scenario, self._peer, self._seconds = folder, scenario, peer, seconds
        self._way = make_way(scenario.name, list(PEERS).index(peer), scenario.shape, folder, seed)
        self._programs: dict[str, Program] = {}
        self._first_s: float | None = None
        records = int(scenario.shape.usable_bytes(seconds) / RECORD_BYTES) + SPARE_RECORDS
        broker = self._broker_files()
        for side, place in (("station", self._way.station), ("district", self._way.district)):
            facts = {"host": place.host, "port": place.port, "records": records, "record_bytes": RECORD_BYTES, "message_bytes": PEERS[peer], "tls": broker}
            (folder / f"{side}.json").write_text(json.dumps(facts), encoding="utf-8")

    async def prepare(self) -> None:
        """Everything runs and waits for the word."""
        self._programs = self._commands()
        for name, program in self._programs.items():
            await program.start(ready=name != "broker")

    async def measure(self) -> Row:
        """The line's schedule and the sender start at the same instant."""
        before, started = self._counts(), time.monotonic()
        self._programs["line"].signal(SIGUSR1)
        self._programs["sender"].go()
        if self._peer == "tus":
            await self._watch_files(started)
        await asyncio.sleep(started + self._seconds - time.monotonic())
        if "receiver" in self._programs:
            await self._programs["receiver"].stop()
        after = self._counts()
        return self._row(self._result(started), after, after["up"]["bytes_sent"] - before.get("up", {"bytes_sent": 0})["bytes_sent"])

    async def stop(self) -> None:
        for program in reversed(self._programs.values()):
            await program.stop()

    async def _watch_files(self, started: float) -> None:
        """tus has no receiver of ours that could note the time."""
        while self._first_s is None and time.monotonic() < started + self._seconds:
            if bench_link_tus.received(self._folder / "files", RECORD_BYTES)["records"]:
                self._first_s = time.monotonic()
            await asyncio.sleep(0.5)

    def _commands(self) -> dict[str, Program]:
        """In the order of their start."""
        here, there = self._way.station.prefix, self._way.district.prefix
        python = [sys.executable, "-m"]
        if self._peer == "tus":
            place = self._way.district
            sender = [*here, *python, "tools.bench_link_peers", "tus-sender", str(self._folder)]
            commands = {"server": [*there, *bench_link_tus.command(place.host, place.port, self._folder / "files")], "sender": sender}
        else:
            commands = {"broker": [*there, mosquitto() or "mosquitto", "-c", str(self._mosquitto())]}
            module, roles = "tools.bench_link_peers", ("mqtt-receiver", "mqtt-sender")
            if self._peer.startswith("rekam"):
                make_site(self._folder / "site", [STATION], district=DISTRICT)
                module, roles = "tools.bench_link_rekam", ("district", "station")
            commands["receiver"] = [*there, *python, module, roles[0], str(self._folder)]
            commands["sender"] = [*here, *python, module, roles[1], str(self._folder)]
        return {name: Program(command, self._folder / f"{name}.log") for name, command in {"line": self._way.command, **commands}.items()}

    def _mosquitto(self) -> Path:
        place, path = self._way.district, self._folder / "mosquitto.conf"
        lines = MOSQUITTO.format(host=place.host, port=place.port) + (tls.MOSQUITTO.format(self._folder) if self._peer == "rekam-tls" else "")
        path.write_text(lines, encoding="utf-8")
        return path

    def _broker_files(self) -> dict[str, str]:
        if self._peer != "rekam-tls":
            return {}
        yesterday = datetime.datetime.fromtimestamp(SystemClock().wall_s(), datetime.UTC) - DAY
        return tls.broker_certificates(self._folder, self._way.station.host, yesterday)

    def _result(self, started: float) -> Mapping[str, float | None]:
        if self._peer == "tus":
            return {**bench_link_tus.received(self._folder / "files", RECORD_BYTES), "first_s": self._first_s and self._first_s - started}
        found = json.loads((self._folder / "result.json").read_text(encoding="utf-8"))
        return {**found, "first_s": found["first_s"] and found["first_s"] - started}

    def _row(self, result: Mapping[str, float | None], counts: dict[str, dict[str, int]], wire_bytes: int) -> Row:
        payload = result["payload_bytes"] or 0
        share = payload / self._scenario.shape.usable_bytes(self._seconds)
        return Row(
            self._scenario.name, self._peer, int(result["records"] or 0), round(share, 4), round(wire_bytes / payload, 3) if payload else None,
            round(result["first_s"], 1) if result["first_s"] else None, self._seconds,
            int(counts["cuts"]),  # type: ignore[call-overload]  # the one plain number
            self._scenario.target if self._peer == "rekam" else None,
        )

    def _counts(self) -> dict[str, dict[str, int]]:
        path = self._way.counts
        counts: dict[str, dict[str, int]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return counts
