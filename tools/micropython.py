"""MicroPython for the bench: Debian 13's package of the unix port, unpacked beside its own libc under .rekam/micropython.

Nothing is installed and root is not needed: apt-get runs with state folders of its own on the mirror that the system already uses.
Debian 12 has no such package and an older libc, so the program is started through the unpacked dynamic linker.
"""

import argparse
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from simulators.micropython import FOLDER, find

EXAMPLE = "./rekam micropython"
SUITE = "trixie"
"""Debian 13: micropython 1.25 with the libraries it was built against"""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""of package debian-archive-keyring; without it apt uses the system's trusted keys"""
FETCH_S = 300


class MicroPythonMissing(Exception):
    """Why there is none, in one plain sentence."""


def ensure() -> list[str]:
    """The command that runs MicroPython, fetching the package first when there is none. Raises MicroPythonMissing."""
    if find() is None:
        _fetch(FOLDER)
    command = find()
    if command is None:
        raise MicroPythonMissing("the unpacked package holds no micropython for this machine")
    return command


def _fetch(folder: Path) -> None:
    for program in ("apt-get", "apt-cache", "dpkg"):
        if shutil.which(program) is None:
            raise MicroPythonMissing(f"{program} is not on this machine, and MicroPython comes as a Debian package")
    work = folder.with_name(folder.name + ".new")
    try:
        _fetch_from_any(work)
        shutil.rmtree(folder, ignore_errors=True)
        (work / "x").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch_from_any(work: Path) -> None:
    reasons = []
    try:
        for archive in _archives():
            shutil.rmtree(work, ignore_errors=True)
            try:
                return _fetch_from(archive, work)
            except subprocess.SubprocessError as error:
                reasons.append(_reason(error))
    except subprocess.SubprocessError as error:
        reasons.append(_reason(error))
    raise MicroPythonMissing("no configured Debian archive gave the package: " + ("; ".join(reasons) or "none is configured"))


def _archives() -> list[str]:
    """The addresses of the system's own archives, those of Debian proper first."""
    lines = _run(["apt-get", "indextargets", "Created-By: Packages"]).splitlines()
    found = {line.removeprefix("Repo-URI: ") for line in lines if line.startswith("Repo-URI: ")}
    return sorted(found, key=lambda uri: (not uri.rstrip("/").endswith("/debian"), uri))


def _fetch_from(archive: str, work: Path) -> None:
    for name in ("state/lists/partial", "cache/archives/partial", "etc", "x"):
        (work / name).mkdir(parents=True)
    signed = f" [signed-by={KEYRING}]" if KEYRING.exists() else ""
    (work / "etc/sources.list").write_text(f"deb{signed} {archive} {SUITE} main\n", encoding="ascii")
    options = _options(work.absolute())
    _run(["apt-get", *options, "-qq", "update"])
    depends = _run(["apt-cache", *options, "depends", "micropython"])
    libraries = {line.split()[-1] for line in depends.splitlines() if line.strip().startswith("Depends:") and "<" not in line}
    _run(["apt-get", *options, "-qq", "download", "micropython", *sorted(libraries | {"libc6"})], cwd=work)
    for package in work.glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(work / "x")])


def _options(work: Path) -> list[str]:
    """Keep apt-get away from the system's state; as root it would otherwise drop to a user who cannot write here."""
    settings = {
        "Dir::Etc::sourcelist": work / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": work / "state",
        "Dir::Cache": work / "cache",
        "Dir::State::status": "/var/lib/dpkg/status",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "15",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=FETCH_S, stdin=subprocess.DEVNULL).stdout


def _reason(error: subprocess.SubprocessError) -> str:
    told = getattr(error, "stderr", None) or str(error)
    lines = [line for line in str(told).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None are needed."""
    del parser


def prepare() -> list[str] | None:
    """The command, fetched first when there is none; says in a sentence when that fails. The bench and the tests then do without."""
    if find() is None:
        print("fetching MicroPython (about 4 MB) ...", flush=True)
    try:
        return ensure()
    except MicroPythonMissing as error:
        print(f"MicroPython could not be fetched: {error}. The bench runs the board's firmware under CPython.")
        return None


def run(args: argparse.Namespace) -> int:
    """Fetch if needed and print the command."""
    del args
    command = prepare()
    print(" ".join(command or []))
    return 0 if command else 1
