"""The samples of one signature while it is written: kept whole, and told to whoever draws them. Used by every kind of tablet."""

import asyncio
from collections.abc import AsyncIterator

from edge.clock import Clock
from edge.devices.interfaces import PenSample
from edge.errors import DeviceError


class PenLog:
    """From `begin` to `finish` of one capture."""

    def __init__(self, clock: Clock) -> None:
        self.error: DeviceError | None = None
        self._clock = clock
        self._began_s = self._heard_s = clock.monotonic_s()
        self._samples: list[PenSample] = []
        self._ended = False
        self._news = asyncio.Event()

    def now_us(self) -> int:
        """Microseconds since the capture began."""
        return round((self._clock.monotonic_s() - self._began_s) * 1e6)

    def add(self, sample: PenSample) -> None:
        """Time never goes back within a series."""
        self._samples.append(sample)
        self._heard_s = self._clock.monotonic_s()
        self._news.set()

    def end(self, error: DeviceError | None = None) -> None:
        """No more samples: the capture is over, or the tablet is gone."""
        self._ended = True
        self.error = self.error or error
        self._news.set()

    async def samples(self) -> AsyncIterator[PenSample]:
        """All from the first on, as they come, until the end. Raises the error that ended them."""
        told = 0
        while True:
            self._news.clear()
            while told < len(self._samples):
                told += 1
                yield self._samples[told - 1]
            if self._ended:
                break
            await self._news.wait()
        if self.error:
            raise self.error

    @property
    def touching(self) -> bool:
        """The last report has the pen on the pad, and more are to come."""
        return not self._ended and self.broken_off

    @property
    def broken_off(self) -> bool:
        """The last report has the pen on the pad."""
        return bool(self._samples) and self._samples[-1].tip

    def silent_s(self) -> float:
        """Since the last report."""
        return self._clock.monotonic_s() - self._heard_s

    def touched(self) -> tuple[PenSample, ...]:
        """First to last touch, with the moves in the air between them; empty when the pen never touched."""
        touches = [index for index, sample in enumerate(self._samples) if sample.tip]
        return tuple(self._samples[touches[0] : touches[-1] + 1]) if touches else ()
