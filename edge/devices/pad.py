"""What every kind of signature tablet shares: one capture, from `begin` to `finish`, read by a task of its own.

A signature whose last stroke was never lifted is broken off, not finished: a tablet that froze would else pass half a name as a whole one. A
person who rests the pen on the pad is waited for. Not here: how a kind of tablet is asked, drawing, judging.
"""

import asyncio
from collections.abc import AsyncIterator

from edge.clock import Clock
from edge.devices.evdev import Axes
from edge.devices.interfaces import PenSample, SignatureSeries
from edge.devices.pen_log import PenLog
from edge.errors import DeviceProtocolError
from edge.links.reader import start_reader, stop_reader
from station_config.schema import Tablet

LIFT_S = 1.0
"""what a pen on the pad gets to leave it once the capture is ended: operators touch `done` a moment early"""
LIFT_POLL_S = 0.02


class Pad:
    """Base of the drivers."""

    SILENT_S: float
    """a pen on the pad that is silent for longer when the capture is ended reports no more"""

    def __init__(self, name: str, config: Tablet, clock: Clock) -> None:
        self.name = name
        self._config = config
        self._clock = clock
        self._log = PenLog(clock)
        self._reader: asyncio.Task[None] | None = None

    def strokes(self) -> AsyncIterator[PenSample]:
        return self._log.samples()

    def _start_reading(self) -> None:
        log = self._log = PenLog(self._clock)
        self._reader = start_reader(self.name, self._read_all(log), log.end)

    async def _stop_reading(self) -> None:
        reader, self._reader = self._reader, None
        await stop_reader(reader)
        self._log.end()

    async def _read_all(self, log: PenLog) -> None:
        while True:
            await self._read_some(log)

    async def _read_some(self, log: PenLog) -> None:
        raise NotImplementedError

    async def _end_capture(self) -> None:
        """Stop reading, once the pen is up if it only now leaves the pad. A pen that still rests there and reports is taken at the operator's word."""
        end_s = self._clock.monotonic_s() + LIFT_S
        while self._log.touching and self._clock.monotonic_s() < end_s:
            await self._clock.sleep_s(LIFT_POLL_S)
        silent_s = self._log.silent_s()
        await self._stop_reading()
        if self._log.broken_off and silent_s >= self.SILENT_S:
            self._log.end(self._stopped(silent_s))

    def _series(self, axes: Axes) -> SignatureSeries:
        """Raises the error that ended the reports."""
        if self._log.error:
            raise self._log.error
        pressure_max = axes.pressure.maximum - axes.pressure.minimum
        return SignatureSeries(self._log.touched(), axes.x.maximum - axes.x.minimum, axes.y.maximum - axes.y.minimum, pressure_max, axes.x.units_mm)

    def _stopped(self, silent_s: float) -> DeviceProtocolError:
        return self._lost(f"the reports stopped {silent_s:.1f} s ago while the pen was on the pad", silent_s=round(silent_s, 1))

    def _lost(self, what: str, **values: object) -> DeviceProtocolError:
        return DeviceProtocolError("reports_lost", self.name, what, "Sign once more; check the cable.", **values)
