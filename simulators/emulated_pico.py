"""A Raspberry Pi Pico without the Pico: an emulated RP2040 that runs real MicroPython (`./rekam pico` provides both).

Its USB and its UART are pseudo-terminals, its pins are read and driven here. Not the bench's board, which must keep up with real time
(simulators/board.py): this chip's time runs 5 to 50 times slower than ours.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from simulators.micropython import ROOT

GIVEN = "REKAM_PICO_IMAGE"
IMAGE = ROOT / ".rekam" / "pico" / "firmware.uf2"
EMULATOR = ROOT / ".rekam" / "emulator"
PROCESS = ROOT / "simulators" / "standins" / "rp2040.py"


def image() -> Path | None:
    """MicroPython for the Pico as UF2; None when there is none."""
    found = Path(os.environ.get(GIVEN) or IMAGE)
    return found if found.is_file() else None


def missing() -> str:
    """Why there is no emulated Pico here and what to do, in one sentence; empty when there is one."""
    if image() is not None and (EMULATOR / "rp2040py").is_dir():
        return ""
    return f"no emulated Pico here: ./rekam pico fetches the emulator and builds MicroPython for it ({GIVEN}=FILE.uf2 takes an image of yours)"


class EmulatedPico:
    """One chip, running from the start."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(EMULATOR)}
        command = [sys.executable, str(PROCESS), str(image())]
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.usb, self.uart = self._process.stdout.readline().split()
        self.levels: dict[int, int] = {}
        """GP number -> level, of outputs"""
        self.history: list[tuple[int, int, int]] = []
        """(chip's microseconds, GP number, level)"""
        self._reader = threading.Thread(target=self._watch, daemon=True)
        self._reader.start()

    def set(self, number: int, level: int) -> None:
        """Drive an input."""
        self._say(f"i {number} {level}")

    def measure(self, channel: int, volts: float) -> None:
        """What a converter finds at its pin."""
        self._say(f"a {channel} {round(volts / 3.3 * 4095)}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _watch(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            _, number, level, at_us = line.split()
            if self.levels.get(int(number)) != int(level):
                self.levels[int(number)] = int(level)
                self.history.append((int(at_us), int(number), int(level)))
