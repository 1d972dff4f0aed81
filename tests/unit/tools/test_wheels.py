"""Packages beside the environment: real pip on a folder of wheels, right and wrong hashes, the second time without asking anybody."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from tools import stubs, wheels


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names one small package that lies on a stick."""
    stick = tmp_path / "stick"
    stick.mkdir()
    wheel = stick / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("os.pyi", "NOT_FOR_THE_ENVIRONMENT = 1\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    made = tmp_path / "tiny.lock"
    made.write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setenv("REKAM_WHEELHOUSE", str(stick))
    return made


def test_is_unpacked_and_never_installed(tmp_path: Path, lock: Path) -> None:
    folder = wheels.ensure(tmp_path / "typings", lock)
    assert (folder / "os.pyi").read_text() == "NOT_FOR_THE_ENVIRONMENT = 1\n"
    assert not list(tmp_path.glob("*.new"))


def test_the_second_time_needs_nobody(tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels.ensure(tmp_path / "typings", lock)
    monkeypatch.setattr(wheels.sys, "executable", "/nowhere")
    assert wheels.ensure(tmp_path / "typings", lock) == tmp_path / "typings"
    lock.write_text(lock.read_text() + "# newer\n")
    assert not wheels.ready(tmp_path / "typings", lock), "another lock, other packages"


def test_another_hash_is_refused_and_leaves_nothing(tmp_path: Path, lock: Path) -> None:
    lock.write_text("tiny==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(wheels.WheelsMissing, match=r"tiny\.lock could not be fetched"):
        wheels.ensure(tmp_path / "typings", lock)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("typings")]


def test_without_a_network_the_type_check_is_skipped_with_a_sentence(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REKAM_WHEELHOUSE", str(tmp_path / "empty"))
    monkeypatch.setattr(stubs, "FOLDER", tmp_path / "stubs")
    monkeypatch.setattr(stubs, "LOCK", lock)
    assert stubs.prepare() is None
    assert stubs.find() is None
    told = capsys.readouterr().out
    assert "tiny.lock could not be fetched (ERROR" in told
    assert "The firmware's type check is skipped." in told
