"""One flipped bit in a store at rest is noticed or does not matter: nothing else is ever shown as what was saved.

After an orderly end, because a power cut leaves the last seconds in the write-ahead log, and there a flipped bit looks like the
torn end of the log: it takes the commits after it away without a trace (DECISIONS). Every other bit flips in the header of the main
file: no row is touched by that, so none may be missing afterwards.
"""

import copy
import random

from edge.errors import StoreError
from edge.store.database import FILE_NAME
from edge.store.store import Store
from simulators.disk import Disk
from tools.crash_report import Findings
from tools.crash_store_lives import FOLDER, RECORD_BYTES, RESERVE, VFS, World, simulated_disk
from tools.crash_store_model import SET_ASIDE, State, differences

CUTS_BEFORE = 8
HEADER_BYTES = 100
"""SQLite's file format, 1.3"""


def rot_world(seed: str, flips: int) -> tuple[int, Findings]:
    """How many bits were flipped, one at a time in a copy of the disk, and what was found."""
    rng = random.Random(f"{seed} rot")
    with simulated_disk() as vfs:
        world = World(seed, vfs)
        world.disk.capacity = 1 << 30
        world.run(CUTS_BEFORE)
        world.rest()
        for number in range(flips):
            vfs.disk = copy.deepcopy(world.disk)
            in_header = number % 2 == 1
            place = _flip(vfs.disk, rng, in_header)
            _judge(vfs.disk, world.state, world.result.findings, f"world {seed}, {place}", in_header)
    return flips, world.result.findings


def _flip(disk: Disk, rng: random.Random, in_header: bool) -> str:
    files = [name for name, inode in sorted(disk.names.items()) if inode.seen and name.startswith(str(FOLDER))]
    name = str(FOLDER / FILE_NAME) if in_header else rng.choice(files)
    bit = rng.randrange((HEADER_BYTES if in_header else len(disk.names[name].seen)) * 8)
    for data in (disk.names[name].seen, disk.names[name].durable):
        data[bit // 8] ^= 1 << bit % 8
    return f"bit {bit} of {name}"


def _judge(disk: Disk, promised: State, findings: Findings, place: str, all_readable: bool) -> None:
    """Corruption that SQLite meets while reading closes the store; the next call looks at every page and sets it aside."""
    store = Store.open(FOLDER, RESERVE, record_bytes=RECORD_BYTES, vfs=VFS, files=disk)
    try:
        found = _look(store, promised, all_readable)
    except StoreError:
        found = _look(store, promised, all_readable)
    for kind, text in found:
        findings.add(kind, f"{place}: {text}")


def _look(store: Store, promised: State, all_readable: bool) -> list[tuple[str, str]]:
    try:
        noticed = store.damage() is not None
        return [(kind, text) for kind, text in differences(store, promised) if not _excused(kind, text, noticed, all_readable)]
    except StoreError as error:
        if error.code != "content_unreadable":
            raise
        return []


def _excused(kind: str, text: str, noticed: bool, all_readable: bool) -> bool:
    """What is missing after a notice is no lie, unless it could have been read; other bytes always are."""
    if all_readable:
        return text.startswith(SET_ASIDE)
    if kind == "forged" and text.startswith(("entry", "parts")):
        return False
    return noticed or "cannot be read back" in text
