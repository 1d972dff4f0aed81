"""systemd's notification, the supervisor that feeds only on progress, the Pi's complaints."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.power.host import read_host
from edge.power.picture import HostView
from edge.power.supervisor import Supervisor, sd_notify


class HandClock:
    """Moved by the test."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return 1_780_000_000 + self.now_s

    def trust(self) -> str:
        return "rtc"

    async def sleep_s(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


@pytest.mark.parametrize("address", [lambda folder: f"{folder}/notify", lambda _: f"@rekam-test-{os.getpid()}"])
def test_sd_notify_reaches_a_path_and_an_abstract_socket(address: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = address(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + where[1:] if where.startswith("@") else where)
        monkeypatch.setenv("NOTIFY_SOCKET", where)
        sd_notify("WATCHDOG=1")
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    sd_notify("READY=1")


def test_one_part_that_hangs_starves_the_watchdog_and_is_named_once() -> None:
    clock = HandClock()
    said: list[str] = []
    hung: list[tuple[str, ...]] = []
    supervisor = Supervisor(clock, {"session": 10, "store": 30}, say=said.append, hangs=hung.append)
    supervisor.turn()
    clock.now_s = 15
    supervisor.progress("store")
    supervisor.turn()
    supervisor.turn()
    assert said == ["WATCHDOG=1", "STATUS=waiting for session"]
    assert supervisor.late() == ("session",)
    supervisor.progress("session")
    supervisor.turn()
    assert said[2:] == ["WATCHDOG=1", "STATUS=working"]
    assert hung == [("session",), ()], "left for the safe-mode page, and taken back"


def test_an_unknown_part_is_a_programming_error() -> None:
    with pytest.raises(AssertionError):
        Supervisor(HandClock(), {"session": 10}).progress("sesion")


def test_the_pis_complaints_and_unknown_elsewhere(tmp_path: Path) -> None:
    flags, heat = tmp_path / "throttled", tmp_path / "temp"
    assert read_host(flags, heat) == HostView(None, None)
    flags.write_text("50005\n")
    heat.write_text("61500\n")
    assert read_host(flags, heat) == HostView(under_voltage=True, temperature_c=61.5)
    flags.write_text("50000\n")
    heat.write_text("garbage\n")
    assert read_host(flags, heat) == HostView(under_voltage=False, temperature_c=None)
