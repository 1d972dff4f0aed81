"""The firmware against MicroPython's own type stubs for the Pico: a misspelt pin method shows here and not in a village.

mypy reads the stubs in place of its own standard library; what it finds wrong inside the stubs themselves is not our business.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import stubs
from tools.flash import files

pytestmark = pytest.mark.skipif(stubs.find() is None, reason="no type stubs here: ./rekam test fetches them while there is a network")
STRICT = ("--check-untyped-defs", "--warn-unreachable", "--warn-unused-ignores")


def check(folder: Path) -> list[str]:
    """mypy's complaints about the board's file system in `folder`."""
    options = ["--custom-typeshed-dir", str(stubs.FOLDER), "--config-file", "", "--cache-dir", str(folder.parent / "cache"), "--platform", "rp2"]
    call = [sys.executable, "-m", "mypy", *options, *STRICT, "--no-site-packages", "--explicit-package-bases", "--no-error-summary", *files()]
    done = subprocess.run(call, cwd=folder, env={"MYPYPATH": str(stubs.FOLDER)}, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if "error:" in line and not line.startswith("/")]


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    """As on the board."""
    (tmp_path / "flash/protocols").mkdir(parents=True)
    for name, path in files().items():
        shutil.copy(path, tmp_path / "flash" / name)
    return tmp_path / "flash"


def test_the_firmware_is_clean(flash: Path) -> None:
    assert check(flash) == []


@pytest.mark.parametrize(("name", "right", "wrong"), [
    ("hal_rp2.py", "self._inputs[index].value()", "self._inputs[index].valeu()"),
    ("hal_rp2.py", "WDT(timeout=WATCHDOG_MS)", "WDT(timeout_ms=WATCHDOG_MS)"),
    ("hal_rp2.py", "import ADC, UART, WDT", "import ADC, UART, WDTimer"),
    ("board.py", "gc.collect()", "gc.collect(now)"),
    ("watchdog.py", "dog.silent_ms >= dog.settings.wd_ask_ms", "dog.silent_s >= dog.settings.wd_ask_ms"),
    ("genset.py", "genset.inputs.on_for_ms(power.GENSET_RUNNING) >= BY_HAND_MS", "genset.inputs.on_for(power.GENSET_RUNNING) >= BY_HAND_MS"),
])
def test_what_the_board_does_not_have_is_found(flash: Path, name: str, right: str, wrong: str) -> None:
    text = (flash / name).read_text()
    assert right in text
    (flash / name).write_text(text.replace(right, wrong))
    assert [line for line in check(flash) if line.startswith(name)]
