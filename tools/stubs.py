"""MicroPython's type stubs for the Pico under .rekam/stubs, for the type check of the firmware (tests/firmware/test_types.py)."""

from pathlib import Path

from tools import wheels

FOLDER = wheels.ROOT / ".rekam" / "stubs"
LOCK = wheels.ROOT / "requirements-stubs.lock"


def find() -> Path | None:
    """Where they are; None when they have not been fetched."""
    return FOLDER if wheels.ready(FOLDER, LOCK) else None


def prepare() -> Path | None:
    """Fetched first when they are not there; says in a sentence when that fails. The firmware's type check is then skipped."""
    if find() is None:
        print("fetching MicroPython's type stubs (about 0.5 MB) ...", flush=True)
    try:
        return wheels.ensure(FOLDER, LOCK)
    except wheels.WheelsMissing as problem:
        print(f"{problem}. The firmware's type check is skipped.")
        return None
