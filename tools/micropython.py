"""MicroPython for the bench: Debian 13's package of the unix port, unpacked beside its own libc under .rekam/micropython.

Nothing is installed and root is not needed. Debian 12 has no such package and an older libc, so the program is started through the
unpacked dynamic linker.
"""

import argparse
import shutil

from simulators.micropython import FOLDER, find
from tools import debian

EXAMPLE = "./rekam micropython"


class MicroPythonMissing(Exception):
    """Why there is none, in one plain sentence."""


def ensure() -> list[str]:
    """The command that runs MicroPython, fetching the package first when there is none. Raises MicroPythonMissing."""
    if find() is None:
        _fetch()
    command = find()
    if command is None:
        raise MicroPythonMissing("the unpacked package holds no micropython for this machine")
    return command


def _fetch() -> None:
    work = FOLDER.with_name(FOLDER.name + ".new")
    try:
        debian.fetch(work, _take)
    except debian.NoPackages as problem:
        raise MicroPythonMissing(str(problem)) from problem
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _take(apt: debian.Apt) -> None:
    unpacked = apt.unpack(["micropython", *sorted(apt.depends("micropython") | {"libc6"})])
    shutil.rmtree(FOLDER, ignore_errors=True)
    unpacked.rename(FOLDER)


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
