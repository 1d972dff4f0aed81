"""What this process asks of interpreter and libc, once at its start."""

import ctypes
import sys

TURN_S = 0.001
"""of a thread that computes: the loop waits so long at most, at each of its turns, while a picture is judged (Python's own is 5 ms)"""
MALLOC = {-8: 2, -3: 128 * 1024, -1: 128 * 1024}
"""M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD"""


def tune() -> None:
    """Pictures come and go: glibc returns each at once instead of keeping it in one of eight heaps a core (mallopt(3))."""
    sys.setswitchinterval(TURN_S)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for parameter, value in MALLOC.items():
            libc.mallopt(parameter, value)


def give_back() -> None:
    """What lies free between blocks in use, too (malloc_trim(3)): a millisecond or two, so at a good moment."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
