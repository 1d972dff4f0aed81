"""`./rekam flash` with the real mpremote against a raw REPL: what arrives, what is proved, what is said."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators import micropython
from tests.firmware.raw_repl import FakePico
from tools import flash

pytestmark = pytest.mark.skipif(micropython.find() is None, reason="no MicroPython here: ./rekam micropython fetches it")


@pytest.fixture
def pico(tmp_path: Path) -> Iterator[FakePico]:
    folder = tmp_path / "flash"
    folder.mkdir()
    made = FakePico(folder)
    yield made
    made.close()


def run(pico: FakePico, check: bool = False) -> int:
    return flash.run(argparse.Namespace(port=pico.port, check=check))


def test_all_files_arrive_and_the_board_is_told_to_start(pico: FakePico, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pico) == 0
    for name, path in flash.files().items():
        assert (pico.flash / name).read_bytes() == path.read_bytes()
    assert not (pico.flash / "maintenance").exists()
    assert not (pico.flash / "hal_unix.py").exists()
    assert pico.programs[0].strip() == flash.MAINTENANCE
    assert pico.programs[-1].strip() == flash.FINISH
    assert "each with the right hash" in capsys.readouterr().out


def test_what_did_not_arrive_whole_is_found(pico: FakePico, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    two = {name: flash.files()[name] for name in ("genset.py", "protocols/crc.py")}
    monkeypatch.setattr(flash, "files", lambda: two)
    pico.worn = "genset.py"
    assert run(pico) == 1
    assert "genset.py is different on the board: run ./rekam flash again" in capsys.readouterr().err


def test_check_changes_nothing_and_names_what_differs(pico: FakePico, capsys: pytest.CaptureFixture[str]) -> None:
    (pico.flash / "board.py").write_text("old")
    assert run(pico, check=True) == 1
    told = capsys.readouterr().err
    assert "board.py is different" in told
    assert "main.py is missing" in told
    assert (pico.flash / "board.py").read_text() == "old"


def test_no_board_is_a_plain_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flash.run(argparse.Namespace(port=str(tmp_path / "none"), check=True)) == 1
    assert "check the USB cable" in capsys.readouterr().err
