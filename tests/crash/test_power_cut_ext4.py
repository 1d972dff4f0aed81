"""The shipped store in a program of its own on a real ext4, whose disk is taken away (EXT4_IOC_SHUTDOWN) in the middle of its work.

Only what the program had said before the call counts: the call races with a sync under way. Needs root and loop devices.
"""

import fcntl
import hashlib
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.store import Store
from tests.unit.store.stored import make_ledger
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN = XFS_IOC_GOINGDOWN; argument 2: without writing the log"""
CYCLES = 6
PROGRAM = """
import hashlib, os, sys
from pathlib import Path
from edge.store.store import Store
from edge.store.values import SealedPart
from tests.unit.store.stored import WRAPPED, draft, make_ledger
store = Store.open(Path(sys.argv[1]), 0)
ledger = make_ledger(store)
while True:
    record_id = os.urandom(16)
    store.begin(record_id, 1, b"p", WRAPPED)
    for position in range(1, 6):
        sealed = os.urandom(20_000)
        store.commit_part(record_id, SealedPart("finger", position, "image/png", sealed, 0), b"p")
        print("part", record_id.hex(), position, hashlib.sha256(sealed).hexdigest(), flush=True)
    sequence, envelope = ledger.close_record(draft(record_id))
    print("record", record_id.hex(), sequence, hashlib.sha256(envelope).hexdigest(), flush=True)
"""


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """An ext4 image on a loop device: (image, mount point)."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4")
    image, point = tmp_path / "image", tmp_path / "mount"
    with image.open("wb") as file:
        file.truncate(192 << 20)
    point.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True).returncode != 0:
        pytest.skip("this kernel or container has no loop device")
    yield image, point
    subprocess.run(["umount", str(point)], check=False, capture_output=True)


def remount(image: Path, point: Path) -> None:
    subprocess.run(["umount", str(point)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)


def cut(point: Path) -> None:
    descriptor = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", 2))
    finally:
        os.close(descriptor)


def work_until_cut(point: Path, promises: int, log: Path) -> list[list[str]]:
    """What the program said before its disk went away."""
    command = [sys.executable, "-c", PROGRAM, str(point / "store")]
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.PIPE) as program:
        try:
            wait_until(lambda: log.read_bytes().count(b"\n") >= promises or program.poll() is not None, "promises")
            said = log.read_text(encoding="ascii")
            cut(point)
        finally:
            program.kill()
    return [line.split() for line in said[: said.rfind("\n")].splitlines()]


@pytest.mark.root
def test_what_was_said_before_the_cut_is_there_after_it(mounted: tuple[Path, Path], tmp_path: Path) -> None:
    image, point = mounted
    said: list[list[str]] = []
    checked = 0
    for cycle in range(CYCLES):
        said += work_until_cut(point, 3 + 4 * cycle, tmp_path / f"log{cycle}")
        remount(image, point)
        store = Store.open(point / "store", 0)
        found = store.open_enrolment()
        assert store.damage() is None
        for kind, record, number, digest in said:
            if kind == "record":
                assert hashlib.sha256(store.envelope(int(number))).hexdigest() == digest
            else:
                index = int(number) - 1
                assert hashlib.sha256(store.part(bytes.fromhex(record), index, 0, 20_000)).hexdigest() == digest
            checked += 1
        if found is not None and found.committed is None:
            make_ledger(store).abandon(found.record_id, "power_cut")
            said = [line for line in said if line[1] != found.record_id.hex()]
        store.close()
    assert checked >= CYCLES * 3
