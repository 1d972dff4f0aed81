"""Brokers for tests: the real Mosquitto on a free loopback port, ended by the test."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Mosquitto:
    """Start, kill and start again on the same port; sessions die with it."""

    def __init__(self, folder: Path, port: int, lines: str = "allow_anonymous true") -> None:
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / f"mosquitto-{port}.conf"
        self._config.write_text(f"listener {port} 127.0.0.1\nuser root\npersistence false\nmax_packet_size 262144\n{lines}\n")

    def start(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if program is None:
            pytest.skip("Mosquitto is not installed")
        self._process = subprocess.Popen([program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), "the broker to listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def mosquitto(folder: Path, lines: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    """A running broker."""
    broker = Mosquitto(folder, free_port(), lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
