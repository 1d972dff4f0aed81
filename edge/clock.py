"""Time and randomness for the station: the only module of `edge` that asks the operating system for either.

Vocabulary: `monotonic_s` counts within one boot and never goes back; `wall_s` is what the station believes the date to be and may be
wrong by years. Order, identity and expiry never depend on `wall_s` (DESIGN section 5, decision 5).
"""

import asyncio
import math
import os
import time
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RTC = Path("/sys/class/rtc/rtc0")
NTP_REACHED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd touches it at the first answer of a server in this boot"""
RELEASED_S = 1_767_225_600.0
"""2026-01-01: an earlier date is a clock that never was set"""
STAND_STILL_S = 600.0
AGREES_S = 60.0
RECENT_S = 600.0
DATED_S = 86_400.0
"""a date that is wrong by no more does no harm on a slip, nor beside a certificate"""


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
    """The machine's own clocks, and what is known about their truth.

    `wall_s` never goes back inside a boot. Found ahead by little it stands still until the truth has caught up; found ahead by more
    (a dead RTC that woke up in another year) it counts on from where it was, with trust "none", and is right from the next boot on.
    """

    def __init__(self, rtc: Path = RTC, network: Path = NTP_REACHED) -> None:
        """rtc: exists where a real-time clock is; network: exists once GPS or NTP has set the time in this boot."""
        self._rtc, self._network = rtc, network
        self._shown_s = 0.0
        self._shown_at_s = time.monotonic()
        self._district_offset_s: float | None = None
        self._by_district = ""
        """what its word is good for: a trust level; empty: it has said nothing that counts"""
        self._ahead_s = 0.0

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wall_s(self) -> float:
        now_s = time.monotonic()
        offset_s = self._district_offset_s
        truth_s = time.time() if offset_s is None or self._network.exists() else now_s + offset_s
        self._ahead_s = max(0.0, self._shown_s - truth_s)
        if self._ahead_s > STAND_STILL_S:
            self._shown_s += now_s - self._shown_at_s
        else:
            self._shown_s = max(self._shown_s, truth_s)
        self._shown_at_s = now_s
        return self._shown_s

    def trust(self) -> str:
        self.wall_s()
        if self._ahead_s > STAND_STILL_S or self._shown_s < RELEASED_S:
            return "none"
        if self._network.exists():
            return "network"
        return self._by_district or ("rtc" if self._rtc.exists() else "none")

    def district_says(self, wall_s: float, within_s: float = math.inf) -> None:
        """Time out of a message that the district signed (receipt, policy) at most `within_s` ago; infinite: nobody knows when.

        Better than an RTC, worse than NTP, beside which it is not heard. It is a floor; a recent one also confirms a clock that agrees,
        and unmasks one that is ahead. One that cannot be dated to the day is a floor alone: it may be months old; whoever stands far below knows no time.
        """
        if self._network.exists():
            return
        ahead_s, now_s, dated = self.wall_s() - wall_s, time.monotonic(), within_s <= DATED_S
        if ahead_s < 0 or ahead_s > within_s + AGREES_S:
            self._district_offset_s = wall_s - now_s
            self._by_district = "district" if dated else self._by_district or ("none" if ahead_s < -AGREES_S else "")
        elif within_s <= RECENT_S and self._by_district != "district":
            self._district_offset_s, self._by_district = self._shown_s - now_s, "district"

    async def sleep_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def local_day_minute(wall_s: float) -> tuple[str, int]:
    """Local date (YYYY-MM-DD) and minute of the day (0..1439)."""
    at = time.localtime(wall_s)
    return f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}", at.tm_hour * 60 + at.tm_min


def random_bytes(count: int) -> bytes:
    """Unpredictable bytes for identifiers and keys."""
    return os.urandom(count)


def boot_id(path: Path = BOOT_ID) -> bytes:
    """16 bytes that name this power life of the machine (Linux: /proc/sys/kernel/random/boot_id)."""
    return bytes.fromhex(path.read_text(encoding="ascii").strip().replace("-", ""))
