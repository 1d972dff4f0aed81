"""`./rekam flash`: install the firmware on the board through mpremote and prove by hash that it arrived.

The chip's watchdog cannot be stopped once it runs, so the first step leaves a file `maintenance` and resets: main.py then does not start
the board and the REPL is free (firmware/hal_rp2.py). The link must not run over USB meanwhile: take the USB jumper off.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

EXAMPLE = "./rekam flash --port /dev/ttyACM0"
ROOT = Path(__file__).resolve().parent.parent
SHARED = ("__init__", "crc", "cobs", "board_link")
CALL_S = 60
BACK_S = 15
"""a Pico is back on USB 2 s after a reset"""
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


class FlashError(Exception):
    """What went wrong and what to do, in one sentence."""


def files() -> dict[str, Path]:
    """Name on the board -> file here. hal_unix is the bench's."""
    own = {path.name: path for path in sorted((ROOT / "firmware").glob("*.py")) if path.name != "hal_unix.py"}
    return own | {f"protocols/{name}.py": ROOT / "protocols" / f"{name}.py" for name in SHARED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", default="auto", help="serial port of the board's USB (default: the first one that answers)")
    parser.add_argument("--check", action="store_true", help="compare only, change nothing")


def run(arguments: argparse.Namespace) -> int:
    """0 when every file on the board is the one here."""
    try:
        if find_spec("mpremote") is None:
            raise FlashError(f"mpremote is missing: install it with {sys.executable} -m pip install mpremote")
        if not arguments.check:
            _install(arguments.port)
        _verify(arguments.port)
        if not arguments.check:
            _mpremote(arguments.port, "exec", "--no-follow", FINISH)
    except FlashError as problem:
        print(f"rekam: {problem}", file=sys.stderr)
        return 1
    print(f"The board holds this firmware: {len(files())} files, each with the right hash.")
    return 0


def _install(port: str) -> None:
    print("stopping the board's program ...", flush=True)
    _mpremote(port, "exec", "--no-follow", MAINTENANCE)
    _wait_for(port)
    here = files()
    print(f"copying {len(here)} files, {sum(path.stat().st_size for path in here.values()) // 1024} KB ...", flush=True)
    _mpremote(port, "exec", FOLDER)
    steps = [["fs", "cp", "--force", str(path), f":{name}"] for name, path in here.items()]
    _mpremote(port, *(word for step in steps for word in ("+", *step)))


def _verify(port: str) -> None:
    here = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files().items()}
    text = _mpremote(port, "exec", HASHES.format(names=sorted(here)))
    there = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    wrong = [name for name in sorted(here) if there.get(name) != here[name]]
    if wrong:
        raise FlashError(f"{_told(wrong, there)} on the board: run ./rekam flash again; if it stays so, the board's flash memory is worn out")


def _told(wrong: Sequence[str], there: Mapping[str, str]) -> str:
    return ", ".join(f"{name} is {'missing' if there.get(name, 'missing') == 'missing' else 'different'}" for name in wrong)


def _wait_for(port: str) -> None:
    deadline_s = time.monotonic() + BACK_S
    while True:
        try:
            _mpremote(port, "exec", "print('here')")
            return
        except FlashError:
            if time.monotonic() > deadline_s:
                raise


def _mpremote(port: str, *words: str) -> str:
    """Its output; `+` parts several steps of one call. Raises FlashError with its last line."""
    command = [sys.executable, "-m", "mpremote", "connect", port, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CALL_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise FlashError(f"no answer on port {port} within {CALL_S} s: unplug the board and plug it in again") from None
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise FlashError(f"the board on port {port} does not answer ({lines[-1] if lines else 'no reason given'}): check the USB cable and the USB jumper")
    return done.stdout
