"""Time and randomness for the district: the only module of `district` that asks the operating system for either."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of the district knows of time."""

    def monotonic_s(self) -> float:
        """Seconds since some instant of this run; never decreases."""

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    async def sleep_s(self, seconds: float) -> None:
        """Give way for that long."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wall_s(self) -> float:
        return time.time()

    async def sleep_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
