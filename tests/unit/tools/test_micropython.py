"""Fetching MicroPython with apt-get, apt-cache and dpkg played by scripts: what is asked of them, what is said when they fail."""

from pathlib import Path

import pytest

import simulators.micropython
from tools import micropython

APT_GET = """#!/bin/sh
echo "apt-get $*" >> "$LOG"
case "$*" in
  indextargets*) printf 'Repo-URI: http://other.example/rpi/\\nRepo-URI: http://mirror.example/debian/\\nRepo-URI: http://mirror.example/debian/\\n';;
  *update) grep -h ^deb */etc/sources.list .rekam/*/etc/sources.list 2>/dev/null >> "$LOG"; [ -z "$BROKEN" ] || { echo "E: no network" >&2; exit 100; };;
  *download*) : > one.deb;;
esac
"""
APT_CACHE = """#!/bin/sh
printf 'micropython\\n  Depends: libffi8\\n  Depends: libmbedtls21\\n  Depends: <virtual>\\n'
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib/riscv64-linux-gnu"
: > "$3/usr/bin/micropython"; : > "$3/usr/lib/riscv64-linux-gnu/ld-linux-riscv64-lp64d.so.1"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with scripts for the three programs and nothing else."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("apt-get", APT_GET), ("apt-cache", APT_CACHE), ("dpkg", DPKG)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    folder = tmp_path / ".rekam" / "micropython"
    for module in (micropython, simulators.micropython):
        monkeypatch.setattr(module, "FOLDER", folder)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(simulators.micropython.shutil, "which", lambda name: str(programs / name) if (programs / name).exists() else None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_fetches_from_the_systems_own_mirror_and_starts_through_the_linker(here: Path) -> None:
    command = micropython.ensure()
    assert [Path(word).name for word in command] == ["ld-linux-riscv64-lp64d.so.1", "--library-path", "riscv64-linux-gnu", "micropython"]
    log = (here / "log").read_text()
    assert "http://mirror.example/debian/ trixie main" in log
    assert "other.example" not in log, "Debian's own archive comes first and sufficed"
    assert "download micropython libc6 libffi8 libmbedtls21" in log
    assert [path.name for path in (here / ".rekam").iterdir()] == ["micropython"]


def test_the_second_time_nothing_is_asked(here: Path) -> None:
    micropython.ensure()
    (here / "log").unlink()
    assert micropython.ensure() == micropython.ensure()
    assert not (here / "log").exists()


def test_without_a_network_it_says_so_and_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BROKEN", "yes")
    assert micropython.prepare() is None
    assert "E: no network" in capsys.readouterr().out
    assert list((here / ".rekam").iterdir()) == []


def test_on_another_system_it_says_what_is_missing(here: Path) -> None:
    (here / "bin/apt-cache").unlink()
    with pytest.raises(micropython.MicroPythonMissing, match="apt-cache is not on this machine"):
        micropython.ensure()
