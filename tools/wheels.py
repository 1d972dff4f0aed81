"""Python packages beside the environment: fetched by pip against hashes and unpacked, never installed.

For what must not be on the station's import path: MicroPython's type stubs would shadow the standard library.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FETCH_S = 300
STAMP = "stamp"


class WheelsMissing(Exception):
    """Why they could not be fetched, in one plain sentence."""


def ready(folder: Path, lock: Path) -> bool:
    """Does the folder hold what the lock file names?"""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == _mark(lock)


def ensure(folder: Path, lock: Path) -> Path:
    """The folder with all packages of the lock file; asks the network only when they are not there. Raises WheelsMissing."""
    if not ready(folder, lock):
        new = folder.with_name(folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            _fetch(new, lock)
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder


def _mark(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _fetch(folder: Path, lock: Path) -> None:
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    stick = os.environ.get("REKAM_WHEELHOUSE")
    source = ["--no-index", "--find-links", stick] if stick else []
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "1", "--timeout", "15"]
    command = [sys.executable, "-m", "pip", "download", *options, *source, "--dest", str(wheels), "--requirement", str(lock)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise WheelsMissing(f"the packages of {lock.name} did not come within {FETCH_S} s") from None
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
        raise WheelsMissing(f"the packages of {lock.name} could not be fetched ({lines[-1] if lines else 'pip gave no reason'})") from error
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    shutil.rmtree(wheels)
    (folder / STAMP).write_text(_mark(lock), encoding="ascii")
