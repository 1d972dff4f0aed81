"""The systemd units: hardened below the limit, watched, and with a way out of a restart storm."""

import asyncio
import configparser
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import station_config
from edge.power.safe_mode import page, reason, serve
from tests.waiting import until

UNITS = Path(station_config.__file__).parent / "systemd"
EXPOSURE_LIMIT = 2.0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("*.service")))
def test_exposure_is_below_two(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(UNITS / unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert float(said.rsplit(":", 1)[1].split()[0]) <= EXPOSURE_LIMIT, said[-200:]


def test_the_station_is_watched_and_a_storm_ends_in_safe_mode() -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.read(UNITS / "rekam-station.service")
    assert unit["Service"]["Type"] == "notify"
    assert unit["Service"]["WatchdogSec"] == "20"
    assert unit["Unit"]["OnFailure"] == "rekam-safe-mode.service"
    assert (UNITS / "rekam-safe-mode.service").exists()


@pytest.mark.parametrize(
    ("result", "status", "said"), [("watchdog", "SIGABRT", "watchdog SIGABRT"), ("exit-code", "1", "exit-code 1"), ("<script>", "<b>", "?"), ("", "", "?")]
)
def test_the_reason_is_what_systemd_says_and_nothing_else(result: str, status: str, said: str) -> None:
    assert reason({"MONITOR_SERVICE_RESULT": result, "MONITOR_EXIT_STATUS": status}) == said


def test_the_safe_mode_page_is_served_to_a_browser() -> None:
    async def drive() -> tuple[int, str]:
        ready = asyncio.create_task(serve("127.0.0.1", 18_931, page(["Alat berhenti <sendiri>."])))
        try:
            await until(listens, "the page")
            return await asyncio.to_thread(fetch)
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", 18_931)) == 0

    def fetch() -> tuple[int, str]:
        try:
            urllib.request.urlopen("http://127.0.0.1:18931/", timeout=5)
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()
        return 0, ""

    code, text = asyncio.run(drive())
    assert code == 503
    assert "<p>Alat berhenti &lt;sendiri&gt;.</p>" in text
