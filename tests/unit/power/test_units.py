"""The systemd units: hardened below the limit, watched, and with a way out of a restart storm."""

import asyncio
import configparser
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import station_config
from edge.clock import SystemClock
from edge.devices.interfaces import Board
from edge.devices.presence import Presence
from edge.errors import DeviceTimeout, StoreError
from edge.power import last_words
from edge.power.last_words import LastWords
from edge.power.safe_mode import Told, by_systemd, keep_board_quiet, sentences, serve
from station_config.load import load_texts
from tests.waiting import until
from tools.children import Child, free_port
from tools.demo_site import write_toml

UNITS = Path(station_config.__file__).parent / "systemd"
EXPOSURE_LIMIT = 2.0
MOUNTS = {"rekam-stick@.service": 3.5}
"""mounting needs the most powerful capability there is; everything else is closed"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _fetch(port: int) -> tuple[int, str]:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()
    return 0, ""


class VirtualClock:
    """Sleeping costs no time."""

    def __init__(self) -> None:
        self.now_s = self.longest_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s

    def trust(self) -> str:
        return "none"

    async def sleep_s(self, seconds: float) -> None:
        self.longest_s = max(self.longest_s, min(seconds, 10.0))
        await SystemClock().sleep_s(0)
        self.now_s += seconds


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("*.service")))
def test_exposure_is_below_two(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(UNITS / unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert float(said.rsplit(":", 1)[1].split()[0]) <= MOUNTS.get(unit, EXPOSURE_LIMIT), said[-200:]


def test_the_station_is_watched_and_a_storm_ends_in_safe_mode() -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.read(UNITS / "rekam-station.service")
    assert unit["Service"]["Type"] == "notify"
    assert unit["Service"]["WatchdogSec"] == "20"
    assert unit["Unit"]["OnFailure"] == "rekam-safe-mode.service"
    assert (UNITS / "rekam-safe-mode.service").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    for path in UNITS.glob("*.service"):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(re.sub(r"^WorkingDirectory=.*$", "WorkingDirectory=/", text, flags=re.MULTILINE), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", *sorted(map(str, tmp_path.glob("*.service")))], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("result", "status", "said"),
    [
        ("watchdog", "SIGABRT", "Satu bagian program tidak menjawab (watchdog SIGABRT)."), ("oom-kill", "", "Memori komputer habis."),
        ("exit-code", "1", "Tidak diketahui (exit-code 1)."), ("<script>", "<b>", "Tidak diketahui (?)."), ("", "", "Tidak diketahui (?)."),
    ],
)
def test_without_last_words_the_reason_is_what_systemd_says_and_nothing_else(result: str, status: str, said: str) -> None:
    words = by_systemd({"MONITOR_SERVICE_RESULT": result, "MONITOR_EXIT_STATUS": status})
    assert sentences(words, load_texts()["id"])[1] == f"Sebabnya: {said}"


def test_last_words_name_the_place_of_a_fault_and_an_expected_failure_in_its_own_words(tmp_path: Path) -> None:
    texts = load_texts()["id"]
    try:
        raise ExceptionGroup("tasks", [ValueError("secret")])
    except ExceptionGroup as group:
        last_words.leave(tmp_path, last_words.of(group))
    crash = last_words.read(tmp_path)
    assert crash is not None
    assert sentences(crash, texts)[1].startswith("Sebabnya: Kesalahan program (ValueError")
    assert "secret" not in str(crash), "a value may be somebody's name"
    last_words.leave(tmp_path, last_words.of(StoreError("store_full", "the card is full", "Send first.")))
    full = last_words.read(tmp_path)
    assert full is not None
    assert texts["store_full"] in sentences(full, texts)[1]
    last_words.forget(tmp_path)
    assert last_words.read(tmp_path) is None
    (tmp_path / last_words.NAME).write_bytes(b"\xff" * 10_000)
    assert last_words.read(tmp_path) is None
    last_words.leave(tmp_path / "gone", LastWords("crash"))  # a dead card is no further trouble


KEYS = ("station_key", "station_certificate", "district_certificate", "audience_intake", "audience_vault")


@pytest.mark.parametrize("broken", ["keys", "configuration"])
def test_a_storm_ends_on_a_page_at_the_same_address_that_says_why(broken: str, tmp_path: Path) -> None:
    """What systemd would do, step by step: the station fails at each start, then the safe-mode unit is started."""
    port, data = free_port(), tmp_path / "data"
    data.mkdir()
    config = write_toml(tmp_path / "station.toml", {
        "station": {"id": "s-1", "name": "Poso", "data_dir": str(data), "page_port": port, "reserve_mb": 1},
        "keys": dict.fromkeys(KEYS if broken == "keys" else KEYS[1:], str(tmp_path / "gone")),
    })

    async def storm() -> tuple[int, str]:
        station = Child("station", [sys.executable, "-m", "tools.cli", "station", "--config", str(config)], tmp_path / "log")
        await station.start()
        assert await station.ended() != 0, station.tail()
        safe = Child("safe mode", [sys.executable, "-m", "edge.power.safe_mode", "--config", str(config)], tmp_path / "log")
        await safe.start()
        try:
            await until(lambda: _listens(port), "the page")
            return await asyncio.to_thread(_fetch, port)
        finally:
            await safe.stop()

    code, text = asyncio.run(storm())
    assert code == 503
    assert "berulang kali berhenti sendiri" in text
    assert (str(tmp_path / "gone") if broken == "keys" else "station_key") in text, "the reason names what is missing"
    assert "Lepas kabel daya stasiun" in text


class Beaten:
    """A board that counts, and fails now and then."""

    def __init__(self) -> None:
        self.beats = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def wire(self) -> str:
        return ""

    async def health(self) -> None: ...

    async def heartbeat(self) -> None:
        self.beats += 1
        if self.beats == 2:
            raise DeviceTimeout("device_silent", "board", "no answer", "Look at the cable.")


def test_safe_mode_keeps_the_board_from_cutting_the_supply() -> None:
    clock, board = VirtualClock(), Beaten()
    presence: Presence[Board] = Presence("board", lambda: board, clock, lambda _: None)  # type: ignore[arg-type,return-value]  # only what is used

    async def drive() -> None:
        beating = asyncio.create_task(keep_board_quiet(presence, clock))
        await until(lambda: board.beats >= 5, "five beats")
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)

    asyncio.run(drive())
    assert clock.longest_s <= 10, "the board warns after 30 s of silence"


def test_the_safe_mode_page_is_served_to_a_browser() -> None:
    async def drive() -> tuple[int, str]:
        ready = asyncio.create_task(serve("127.0.0.1", 18_931, Told(["Alat berhenti <sendiri>."]).answer))
        try:
            await until(lambda: _listens(18_931), "the page")
            return await asyncio.to_thread(_fetch, 18_931)
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    code, text = asyncio.run(drive())
    assert code == 503
    assert "<h1>Alat berhenti &lt;sendiri&gt;.</h1>" in text
