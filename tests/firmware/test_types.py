"""The firmware against MicroPython's own type stubs, where both tools are: a misspelt pin method shows here and not in a village."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from simulators.micropython import ROOT

STUBS = ROOT / "typings"
HOW = "pip install pyright, and pip install --target typings micropython-rp2-rpi_pico-stubs (never into the environment: it shadows the standard library)"

pytestmark = pytest.mark.skipif(shutil.which("pyright") is None or not STUBS.is_dir(), reason=f"no type stubs here: {HOW}")


def check(folder: Path) -> list[str]:
    """pyright's complaints about the board's file system in `folder`."""
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeshedPath": str(STUBS), "stubPath": str(STUBS), "reportMissingModuleSource": False}))
    done = subprocess.run(["pyright", "--outputjson"], cwd=folder, capture_output=True, text=True, check=False)
    return [f"{Path(found['file']).name}:{found['range']['start']['line'] + 1} {found['message']}" for found in json.loads(done.stdout)["generalDiagnostics"]]


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "firmware", tmp_path / "flash", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "flash/protocols").mkdir()
    for name in ("__init__", "crc", "cobs", "board_link"):
        shutil.copy(ROOT / "protocols" / f"{name}.py", tmp_path / "flash/protocols")
    return tmp_path / "flash"


def test_the_firmware_is_clean(flash: Path) -> None:
    assert check(flash) == []


def test_a_misspelt_pin_method_is_found(flash: Path) -> None:
    hal = flash / "hal_rp2.py"
    hal.write_text(hal.read_text().replace("self._inputs[index].value()", "self._inputs[index].valeu()"))
    assert any("valeu" in complaint for complaint in check(flash))
