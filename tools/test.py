"""`./rekam test`: everything that must hold before a change lands. `./rekam` has installed what the tests need."""

import argparse
import importlib
import sys
from pathlib import Path

from tools import micropython, stubs

EXAMPLE = "./rekam test tests/unit -k ledger"
ALL = ("-n", "2", "--dist", "loadfile")
"""the whole suite: most of it waits for wires, so two files at a time; a file stays together, because some count at their end what they did"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="arguments for pytest; none: all tests")


def run(arguments: argparse.Namespace) -> int:
    """pytest's exit code."""
    root = Path(__file__).resolve().parent.parent
    micropython.prepare()
    stubs.prepare()
    pytest = importlib.import_module("pytest")
    sys.stdout.flush()
    return int(pytest.main(["--rootdir", str(root), *(arguments.pytest or [*ALL, str(root / "tests")])]))
