"""Every single disk operation of a fixed day at the station fails once, or from then on; then the power goes as well.

N = 1, 2, ... until the day no longer reaches the N-th operation (SQLite's own test method). A refused call promised nothing, an
acknowledged one must survive the cut, and once the disk works again so must the store.
"""

from simulators.disk import Fault
from tools.crash_report import Findings
from tools.crash_store_lives import World, simulated_disk

OPERATIONS_A_DAY = 24


def error_loop(seed: str, kind: str, sticky: bool, stride: int = 1) -> tuple[int, Findings]:
    """How many operations were made to fail, and what was found. `stride` tries only every so many."""
    at = 0
    while True:
        at += stride
        with simulated_disk() as vfs:
            world = World(seed, vfs)
            struck = world.day(Fault(at, kind, sticky), OPERATIONS_A_DAY)
        if not struck or world.result.findings.total:
            return at // stride, world.result.findings
