"""Time and randomness for the station: the only module of `edge` that asks the operating system for either.

Vocabulary: `monotonic_s` counts within one boot and never goes back; `wall_s` is what the station believes the date to be and may be
wrong by years. Order, identity and expiry never depend on `wall_s` (DESIGN section 5, decision 5).
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the rest of the station knows of time."""

    def monotonic_s(self) -> float:
        """Seconds since some instant of this boot; never decreases."""

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC as far as the station knows."""

    def trust(self) -> str:
        """How far `wall_s` can be believed: none, rtc, district or network."""

    async def sleep_s(self, seconds: float) -> None:
        """Give way for that long."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wall_s(self) -> float:
        return time.time()

    def trust(self) -> str:
        return "none"

    async def sleep_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def random_bytes(count: int) -> bytes:
    """Unpredictable bytes for identifiers and keys."""
    return os.urandom(count)


def boot_id() -> bytes:
    """16 bytes that name this power life of the machine (Linux: /proc/sys/kernel/random/boot_id)."""
    return bytes.fromhex(BOOT_ID.read_text(encoding="ascii").strip().replace("-", ""))
