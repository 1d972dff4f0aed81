"""Any pen that Linux knows, through its input events (edge/devices/evdev.py). The kernel's time stamps order the reports within a series.

The kernel tells changes only: a pen that rests perfectly still is as silent as a tablet that froze. A hand never is that still for long.
"""

import asyncio
import errno
import os
from contextlib import suppress
from pathlib import Path

from edge.clock import Clock
from edge.devices import evdev
from edge.devices.interfaces import Identity, PenSample, SignatureSeries
from edge.devices.pad import LIFT_S, Pad
from edge.devices.pen_log import PenLog
from edge.errors import DeviceAbsent, DeviceTimeout
from edge.links.tail import WireTail
from edge.links.worker import run_blocking
from station_config.schema import Tablet

OPEN_S = 3.0
"""a USB pen that is wedged holds its opening up until the kernel gives up"""
CLOSE_S = 2.0
FROZEN_S = 10.0
"""no hand holds a pen on the pad this long without the least change of place or pressure"""
PIPE_AXES = evdev.Axes(evdev.Axis(0, 10_000, 100.0), evdev.Axis(0, 3_750, 100.0), evdev.Axis(0, 1023))
"""for a descriptor that is no input device and so can not tell"""


class EvdevTablet(Pad):
    """One input device, or a pipe that speaks like one."""

    SILENT_S = LIFT_S

    def __init__(self, name: str, config: Tablet, clock: Clock) -> None:
        super().__init__(name, config, clock)
        self._descriptor = -1
        self._axes = PIPE_AXES
        self._touch = True
        self._decoder = evdev.Decoder(PIPE_AXES)
        self._first_us: tuple[int, int] | None = None
        self._tail = WireTail()
        self._tail.private = "<"  # a signature does not belong in a fault report

    async def open(self) -> Identity:
        """Open and grab. Raises DeviceAbsent, DeviceTimeout."""
        await self.close()
        try:
            model = await run_blocking(f"open {self.name}", self._open_node, OPEN_S, undo=self._close_node)
        except TimeoutError as error:
            what = f"waited {OPEN_S:g} s for {self._config.port} to open"
            raise DeviceTimeout("device_silent", self.name, what, "Pull the tablet's plug and put it in again.", waited_s=OPEN_S) from error
        return Identity("Linux input", model)

    def _open_node(self) -> str:
        try:
            self._descriptor = os.open(self._config.port, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._gone(error.strerror or "can not be opened") from error
        return self._adopt()

    def _close_node(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _adopt(self) -> str:
        """Range and name; a pipe has neither. A touch screen is never grabbed: a wrong path may lead to the operator's own."""
        try:
            self._axes, self._touch = evdev.read_axes(self._descriptor), evdev.tells_touch(self._descriptor)
            evdev.use_monotonic_time(self._descriptor)
            if not evdev.is_touch_screen(self._descriptor):
                evdev.grab(self._descriptor)
            return evdev.read_name(self._descriptor)
        except OSError as error:
            if error.errno == errno.ENOTTY:
                return "pipe"
            if error.errno == errno.EBUSY:
                what = f"{self._config.port} is grabbed by another program"
                raise DeviceAbsent("port_busy", self.name, what, "End that program.", port=self._config.port) from error
            raise self._gone(error.strerror or "is no pen") from error

    def _fresh_decoder(self) -> evdev.Decoder:
        """Knows where the pen stands now: the kernel tells changes only."""
        try:
            values, tip = evdev.present_values(self._descriptor), evdev.touches_now(self._descriptor)
        except OSError as error:
            if error.errno != errno.ENOTTY:
                raise self._gone(error.strerror or "was unplugged") from error
            values, tip = {}, False  # a pipe
        return evdev.Decoder(self._axes, self._touch, values, tip)

    async def health(self) -> None:
        """The node is still the one that was opened; a cancelled capture is read no further."""
        await self._stop_reading()
        if not self._same_node():
            raise self._gone("is gone or another device now")

    def _same_node(self) -> bool:
        try:
            return os.path.samestat(Path(self._config.port).stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    async def close(self) -> None:
        await self._stop_reading()
        with suppress(TimeoutError, OSError):
            await run_blocking(f"close {self.name}", self._close_node, CLOSE_S)

    def wire(self) -> str:
        return self._tail.text()

    async def begin(self) -> None:
        await self._stop_reading()
        self._first_us = None
        while self._read_now():
            pass
        self._decoder = self._fresh_decoder()
        self._start_reading()

    async def finish(self) -> SignatureSeries:
        """Raises DeviceAbsent when the tablet went away, DeviceProtocolError `reports_lost` when the kernel's queue ran over or reports stopped in a stroke."""
        await self._end_capture()
        if gaps := self._decoder.dropped:
            raise self._lost(f"{gaps} gaps in the pen's reports", gaps=gaps)
        return self._series(self._axes)

    async def _read_some(self, log: PenLog) -> None:
        data = await self._hear(log)
        if data == b"":
            raise self._gone("was unplugged")
        for report in self._decoder.feed(data):
            log.add(PenSample(self._since_begin_us(log, report.t_us), report.x, report.y, report.pressure, report.tip, report.tilt_x, report.tilt_y))

    async def _hear(self, log: PenLog) -> bytes:
        """Bytes, b"" at the end of file."""
        while True:
            in_time = await self._readable(FROZEN_S if log.touching else None)
            data = self._read_now()
            if data is not None:
                return data
            if not in_time:
                raise self._stopped(log.silent_s())

    def _since_begin_us(self, log: PenLog, event_us: int) -> int:
        """The first report is dated by the station, the others by the kernel's distance from it."""
        if self._first_us is None:
            self._first_us = (log.now_us(), event_us)
        return self._first_us[0] + event_us - self._first_us[1]

    def _read_now(self) -> bytes | None:
        """What is there, b"" at the end of file, None when nothing is waiting. Raises DeviceAbsent."""
        try:
            data = os.read(self._descriptor, 64 * evdev.EVENT.size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._gone(error.strerror or "was unplugged") from error
        self._tail.add("<", data)
        return data

    async def _readable(self, deadline_s: float | None) -> bool:
        """False when nothing came in time."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._descriptor, ready.set)
        try:
            async with asyncio.timeout(deadline_s):
                return await ready.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._descriptor)

    def _gone(self, what: str) -> DeviceAbsent:
        return DeviceAbsent("port_absent", self.name, f"{self._config.port} {what}", "Plug the tablet in; it is tried again by itself.", port=self._config.port)
