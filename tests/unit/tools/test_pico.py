"""The emulated Pico: its image's format, and what is said when it cannot be had."""

import argparse
import struct
from pathlib import Path

import pytest

from simulators import emulated_pico, micropython
from tools import bench_board, debian, pico, wheels


def test_an_image_has_blocks_of_256_bytes_as_the_datasheet_draws_them() -> None:
    """RP2040 datasheet 2.8.4.2, Microsoft's UF2 specification: 512 bytes a block."""
    made = pico.uf2(bytes(range(256)) + b"tail")
    assert len(made) == 1024
    assert made[:32] == bytes.fromhex("5546320a 57515d9e 00200000 00000010 00010000 00000000 02000000 56ff8be4")
    assert made[32:288] == bytes(range(256))
    assert made[508:512] == bytes.fromhex("306fb10a")
    assert struct.unpack_from("<I", made, 512 + 12) == (0x10000100,)
    assert made[512 + 32 : 512 + 36] == b"tail"


def refuse(problem: Exception) -> object:
    def refusing(*words: object, **named: object) -> None:
        raise problem

    return refusing


@pytest.mark.parametrize(("place", "problem", "told"), [
    ((wheels, "ensure"), wheels.WheelsMissing("the packages of requirements-emulator.lock could not be fetched"), "requirements-emulator.lock"),
    ((debian, "fetch"), debian.NoPackages("no configured Debian archive gave the package"), "REKAM_PICO_IMAGE=FILE.uf2"),
    ((debian, "fetch"), FileNotFoundError(2, "No such file or directory", "cmake"), "cmake"),
])
def test_what_is_missing_is_a_sentence(
    place: tuple[object, str], problem: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(emulated_pico.GIVEN, raising=False)
    for module in (pico, emulated_pico):
        monkeypatch.setattr(module, "IMAGE", tmp_path / "pico/firmware.uf2")
    monkeypatch.setattr(wheels, "ensure", lambda folder, lock: folder)
    monkeypatch.setattr(*place, refuse(problem))
    assert pico.run(argparse.Namespace()) == 1
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_image_of_ones_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.uf2"
    monkeypatch.setenv(emulated_pico.GIVEN, str(own))
    assert emulated_pico.image() is None
    assert "./rekam pico fetches the emulator and builds MicroPython" in emulated_pico.missing()
    own.write_bytes(pico.uf2(b"x"))
    assert emulated_pico.image() == own


def test_another_micropython_than_the_one_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text("nothing of the kind\n")
    with pytest.raises(pico.PicoMissing, match="Debian's MicroPython has changed"):
        pico._replace(tmp_path / "CMakeLists.txt", *pico.CUTS[0][1:])


@pytest.mark.skipif(micropython.find() is None, reason="no MicroPython here: ./rekam micropython fetches it")
def test_the_bench_says_what_the_board_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_board.run(argparse.Namespace(chip=False, json=tmp_path / "board.json")) == 0
    told = capsys.readouterr().out
    assert "bytes in 16 files" in told
    assert "periodic steps allocate nothing" in told
    assert '"unix"' in (tmp_path / "board.json").read_text()
