"""`./rekam flash`: install the firmware on the board through mpremote and prove by hash that it arrived.

The chip's watchdog cannot be stopped once it runs, so the first step leaves a file `maintenance` and resets: main.py then does not start
the board and the REPL is free (firmware/hal_rp2.py). The file goes last. Broken off anywhere between, the board stays stopped with its
outputs safe, and the same command goes on where it was. The link must not run over USB meanwhile: take the USB jumper off.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from serial.tools import list_ports

EXAMPLE = "./rekam flash --port /dev/ttyACM0"
ROOT = Path(__file__).resolve().parent.parent
SHARED = ("__init__", "crc", "cobs", "board_link")
RASPBERRY_PI = 0x2E8A
"""USB vendor: other serial adapters of a station (sensor, UPS) must not be spoken to"""
CALL_S = 60.0
BACK_S = 15.0
"""a Pico is back on USB 2 s after a reset"""
BATCH = 4
"""files in one call: to enter the board's REPL takes longer than to copy one"""
MAINTENANCE = "open('maintenance', 'w').close(); import machine; machine.reset()"
FOLDER = "import os\nif 'protocols' not in os.listdir(): os.mkdir('protocols')"
FINISH = "import os, machine; os.remove('maintenance') if 'maintenance' in os.listdir() else None; machine.reset()"
HASHES = """
import binascii, hashlib
for name in {names}:
    try:
        with open(name, 'rb') as stream:
            print(name, binascii.hexlify(hashlib.sha256(stream.read()).digest()).decode())
    except OSError:
        print(name, 'missing')
"""
DIFFERS = "install this firmware with ./rekam flash"
WORN = "if it is so again the next time, the board's flash memory is worn out"
STAYS = "The board stays stopped, its outputs safe, until ./rekam flash has come to its end: run it again."


class FlashError(Exception):
    """What went wrong and what to do, in one sentence."""


def files() -> dict[str, Path]:
    """Name on the board -> file here. hal_unix is the bench's."""
    own = {path.name: path for path in sorted((ROOT / "firmware").glob("*.py")) if path.name != "hal_unix.py"}
    return own | {f"protocols/{name}.py": ROOT / "protocols" / f"{name}.py" for name in SHARED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", help="serial port of the board's USB (default: the only Raspberry Pi Pico on USB)")
    parser.add_argument("--check", action="store_true", help="compare only, copy nothing (the board stops for some seconds)")


def run(arguments: argparse.Namespace) -> int:
    """0 when every file on the board is the one here."""
    stopped = False
    try:
        if find_spec("mpremote") is None:
            raise FlashError(f"mpremote is missing: install it with {sys.executable} -m pip install mpremote")
        port = arguments.port or _only_pico()
        stop(port)
        stopped = True
        wrong = _different(port) if arguments.check else install(port)
        if not wrong or arguments.check:
            start(port)
            stopped = False
        if wrong:
            raise FlashError(f"{_told(wrong)} on the board: {DIFFERS if arguments.check else WORN}")
    except (FlashError, KeyboardInterrupt) as problem:
        print(f"rekam: {str(problem) or 'broken off by hand'}. {STAYS if stopped else ''}".rstrip(), file=sys.stderr)
        return 1
    print(f"The board holds this firmware: {len(files())} files, each with the right hash. It is running.")
    return 0


def stop(port: str) -> None:
    """The board's program ends, its outputs safe, and does not start again before `start`. Raises FlashError."""
    print("stopping the board's program ...", flush=True)
    mpremote(port, "exec", "--no-follow", MAINTENANCE)
    _wait_for(port)


def install(port: str) -> dict[str, str]:
    """Copy what differs, onto a stopped board, and compare all: name -> what is still wrong. Raises FlashError."""
    wanted, here = list(_different(port)), files()
    for begin in range(0, len(wanted), BATCH):
        names = wanted[begin : begin + BATCH]
        print(f"copying {', '.join(names)} ({begin + len(names)} of {len(wanted)}) ...", flush=True)
        copies = [word for name in names for word in ("+", "fs", "cp", "--force", str(here[name]), f":{name}")]
        mpremote(port, "exec", FOLDER, *copies)
    return _different(port)


def start(port: str) -> None:
    """Let the board's program run again. Raises FlashError."""
    print("starting the board's program ...", flush=True)
    mpremote(port, "exec", "--no-follow", FINISH)


def _different(port: str) -> dict[str, str]:
    """Name -> what is wrong, for each file that is not on the board as it is here."""
    here = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files().items()}
    print(f"comparing {len(here)} files ...", flush=True)
    text = mpremote(port, "exec", HASHES.format(names=sorted(here)))
    there = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    wrong = [name for name in sorted(here) if there.get(name) != here[name]]
    return {name: "missing" if there.get(name, "missing") == "missing" else "different" for name in wrong}


def _told(wrong: Mapping[str, str]) -> str:
    return ", ".join(f"{name} is {what}" for name, what in wrong.items())


def _only_pico() -> str:
    found: Sequence[str] = sorted(port.device for port in list_ports.comports() if port.vid == RASPBERRY_PI)
    if not found:
        raise FlashError("no Pico on USB: check the cable. A new Pico shows itself as a drive; copy MicroPython's UF2 file onto it first")
    if len(found) > 1:
        raise FlashError(f"several Picos on USB: name one, for example --port {found[0]} (others: {', '.join(found[1:])})")
    return found[0]


def _wait_for(port: str) -> None:
    deadline_s = time.monotonic() + BACK_S
    while True:
        try:
            mpremote(port, "exec", "print('here')")
            return
        except FlashError:
            if time.monotonic() > deadline_s:
                raise


def mpremote(port: str, *words: str) -> str:
    """Its output. Raises FlashError with its last line."""
    command = [sys.executable, "-m", "mpremote", "connect", port, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CALL_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise FlashError(f"no answer on port {port} within {CALL_S:g} s: unplug the board and plug it in again") from None
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise FlashError(f"the board on port {port} does not answer ({lines[-1] if lines else 'no reason given'}): check the USB cable and the USB jumper")
    return done.stdout
