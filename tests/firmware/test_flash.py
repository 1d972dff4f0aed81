"""`./rekam flash` with the real mpremote against a raw REPL: what arrives, what is proved, what is said."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

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


TWO = ("genset.py", "protocols/crc.py")


@pytest.fixture
def two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for what goes wrong."""
    two = {name: flash.files()[name] for name in TWO}
    monkeypatch.setattr(flash, "files", lambda: two)


def test_all_files_arrive_and_the_board_is_told_to_start(pico: FakePico, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pico) == 0
    for name, path in flash.files().items():
        assert (pico.flash / name).read_bytes() == path.read_bytes()
    assert not (pico.flash / "maintenance").exists()
    assert not (pico.flash / "hal_unix.py").exists()
    assert pico.programs[0].strip() == flash.MAINTENANCE
    assert pico.programs[-1].strip() == flash.FINISH


@pytest.mark.usefixtures("two_files")
def test_what_an_installer_reads(pico: FakePico, capsys: pytest.CaptureFixture[str]) -> None:
    (pico.flash / "genset.py").write_bytes(flash.files()["genset.py"].read_bytes())
    assert run(pico) == 0
    assert capsys.readouterr().out.splitlines() == [
        "stopping the board's program ...",
        "comparing 2 files ...",
        "copying protocols/crc.py (1 of 1) ...",
        "comparing 2 files ...",
        "starting the board's program ...",
        "The board holds this firmware: 2 files, each with the right hash. It is running.",
    ]


@pytest.mark.usefixtures("two_files")
def test_what_did_not_arrive_whole_is_found_and_not_started(pico: FakePico, capsys: pytest.CaptureFixture[str]) -> None:
    pico.worn = "genset.py"
    assert run(pico) == 1
    told = capsys.readouterr().err
    assert "genset.py is different on the board" in told
    assert "The board stays stopped, its outputs safe" in told
    assert (pico.flash / "maintenance").exists()


@pytest.mark.usefixtures("two_files")
@pytest.mark.parametrize("instant", ["import binascii", "os.mkdir", "w(b"], ids=["comparing", "folder", "copying"])
def test_broken_off_anywhere_the_board_stays_stopped_and_the_next_run_mends_it(
    pico: FakePico, instant: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(flash, "CALL_S", 4.0)
        pico.dies_at = instant
        assert run(pico) == 1
    told = capsys.readouterr().err
    assert "unplug the board and plug it in again" in told
    assert "run it again" in told
    assert (pico.flash / "maintenance").exists()
    pico.dies_at = ""
    assert run(pico) == 0
    assert not (pico.flash / "maintenance").exists()
    assert [(pico.flash / name).read_bytes() for name in TWO] == [path.read_bytes() for path in flash.files().values()]


@pytest.mark.usefixtures("two_files")
def test_broken_off_by_hand_says_what_that_means(pico: FakePico, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def ctrl_c(port: str) -> dict[str, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(flash, "install", ctrl_c)
    assert run(pico) == 1
    assert "broken off by hand. The board stays stopped, its outputs safe" in capsys.readouterr().err


def test_check_changes_nothing_names_what_differs_and_starts_the_board_again(pico: FakePico, capsys: pytest.CaptureFixture[str]) -> None:
    (pico.flash / "board.py").write_text("old")
    assert run(pico, check=True) == 1
    told = capsys.readouterr().err
    assert "board.py is different" in told
    assert "main.py is missing" in told
    assert told.rstrip().endswith("install this firmware with ./rekam flash.")
    assert [path.name for path in pico.flash.iterdir()] == ["board.py"]
    assert (pico.flash / "board.py").read_text() == "old"


def test_no_board_is_a_plain_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flash.run(argparse.Namespace(port=str(tmp_path / "none"), check=True)) == 1
    told = capsys.readouterr().err
    assert "check the USB cable" in told
    assert "stays stopped" not in told


def usb(device: str, vid: int | None = flash.RASPBERRY_PI) -> SimpleNamespace:
    return SimpleNamespace(device=device, vid=vid)


@pytest.mark.parametrize(("ports", "told"), [
    ([usb("/dev/ttyUSB0", 0x10C4), usb("/dev/ttyS0", None)], "no Pico on USB: check the cable. A new Pico shows itself as a drive"),
    ([usb("/dev/ttyACM1"), usb("/dev/ttyACM0")], "several Picos on USB: name one, for example --port /dev/ttyACM0 (others: /dev/ttyACM1)"),
])
def test_other_serial_devices_are_left_alone(
    ports: list[SimpleNamespace], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash.list_ports, "comports", lambda: ports)
    assert flash.run(argparse.Namespace(port=None, check=False)) == 1
    assert told in capsys.readouterr().err


def test_the_only_pico_is_taken(pico: FakePico, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flash.list_ports, "comports", lambda: [usb("/dev/ttyUSB0", 0x10C4), usb(pico.port)])
    assert flash.run(argparse.Namespace(port=None, check=False)) == 0
