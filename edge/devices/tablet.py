"""Signature tablets: Wacom ISDv4 on a serial port, and whatever Linux offers as a pen (evdev). Which one: `[devices.tablet] kind`.

Both keep every report with the station's time and hand the series over unchanged. Not here: drawing, exports (protocols/signature.py),
judging.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

from edge.clock import Clock
from edge.devices import evdev
from edge.devices.interfaces import Identity, PenSample, SignatureSeries
from edge.devices.pen_log import PenLog
from edge.errors import DeviceAbsent, DeviceError, DeviceProtocolError, DeviceTimeout
from edge.links.serial_port import SerialPort
from protocols import isdv4
from station_config.schema import Tablet

ANSWER_S = 0.4
QUIET_S = 0.05
STREAM_MAY_TAKE_S = 0.5
"""a tablet that was left streaming stops within one report"""
SILENT_S = 0.3
"""an ISDv4 tablet reports a pen near it 100 times a second, also one that rests"""
PIPE_AXES = evdev.Axes(evdev.Axis(0, 10_000, 100.0), evdev.Axis(0, 3_750, 100.0), evdev.Axis(0, 1023))
"""for a descriptor that is no input device and so can not tell"""


def make_tablet(name: str, config: Tablet, clock: Clock) -> "SerialTablet | EvdevTablet":
    """The driver that the configuration asks for."""
    return SerialTablet(name, config, clock) if config.kind == "isdv4" else EvdevTablet(name, config, clock)


class _Tablet:
    """What both kinds share: the log of one capture and the task that fills it."""

    def __init__(self, name: str, config: Tablet, clock: Clock) -> None:
        self.name = name
        self._config = config
        self._clock = clock
        self._log = PenLog(clock)
        self._reader: asyncio.Task[None] | None = None

    def strokes(self) -> AsyncIterator[PenSample]:
        return self._log.samples()

    def _start_reading(self) -> None:
        self._log = PenLog(self._clock)
        self._reader = asyncio.create_task(self._read_all(self._log), name=f"read {self.name}")

    async def _stop_reading(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        self._log.end()

    async def _read_all(self, log: PenLog) -> None:
        try:
            while True:
                await self._read_some(log)
        except DeviceError as error:
            log.end(error)

    async def _read_some(self, log: PenLog) -> None:
        raise NotImplementedError

    def _series(self, axes: evdev.Axes) -> SignatureSeries:
        if self._log.error:
            raise self._log.error
        pressure_max = axes.pressure.maximum - axes.pressure.minimum
        return SignatureSeries(self._log.touched(), axes.x.maximum - axes.x.minimum, axes.y.maximum - axes.y.minimum, pressure_max, axes.x.units_mm)


class SerialTablet(_Tablet):
    """ISDv4. Reports stream only between `begin` and `finish`."""

    def __init__(self, name: str, config: Tablet, clock: Clock) -> None:
        super().__init__(name, config, clock)
        self._port = SerialPort(name, config.port, config.baud)
        self._decoder = isdv4.Decoder()
        self._maxima = isdv4.Maxima(0, 0, 0)

    async def open(self) -> Identity:
        """Find the tablet at either speed. Raises DeviceAbsent, DeviceTimeout."""
        await self._port.open()
        for baud in dict.fromkeys((self._config.baud, *isdv4.BAUDS)):
            self._port.set_baud(baud)
            await self._silence()
            try:
                self._maxima = await self._query()
            except DeviceTimeout:
                continue
            return Identity("Wacom", f"ISDv4 id {self._maxima.id}", firmware=f"{self._maxima.version >> 8:x}.{self._maxima.version & 0xFF:02x}")
        raise DeviceAbsent("device_silent", self.name, f"no tablet answers on {self._config.port}", "Check plug and power.", wire=self._port.tail.text())

    async def _silence(self) -> None:
        """Stop a stream that an earlier user left running."""
        await self._port.write(isdv4.STOP)
        try:
            async with asyncio.timeout(STREAM_MAY_TAKE_S):
                while await self._port.read(QUIET_S):
                    pass
        except (DeviceTimeout, TimeoutError):
            return

    async def _query(self) -> isdv4.Maxima:
        return await self._port.exchange(isdv4.QUERY, _find_maxima, ANSWER_S)

    async def health(self) -> None:
        """A query, unless reports are streaming."""
        if self._reader is None:
            await self._query()

    async def close(self) -> None:
        await self._stop_reading()
        await self._port.close()

    async def begin(self) -> None:
        await self._stop_reading()
        self._decoder = isdv4.Decoder()
        self._port.drop_input()
        self._port.tail.private = True  # a signature does not belong in a fault report
        self._start_reading()
        await self._port.write(isdv4.START)

    async def finish(self) -> SignatureSeries:
        """Raises DeviceAbsent when the tablet went away, DeviceProtocolError `reports_lost` when reports were damaged on the wire or stopped in a stroke."""
        await self._stop_reading()
        if self._log.error is None:
            await self._port.write(isdv4.STOP)
        if self._decoder.lost:
            raise self._lost(f"{self._decoder.lost} bytes of pen reports were lost")
        if self._log.stopped_touching(SILENT_S):
            raise self._lost("the reports stopped while the pen was on the pad")
        top = self._maxima
        return self._series(evdev.Axes(evdev.Axis(0, top.x, isdv4.UNITS_MM), evdev.Axis(0, top.y, isdv4.UNITS_MM), evdev.Axis(0, top.pressure)))

    def _lost(self, what: str) -> DeviceProtocolError:
        return DeviceProtocolError("reports_lost", self.name, what, "Sign once more; check the cable.", wire=self._port.tail.text())

    async def _read_some(self, log: PenLog) -> None:
        for item in self._decoder.feed(await self._port.read(None)):
            if isinstance(item, isdv4.Pen):
                self._check(item)
                log.add(PenSample(log.now_us(), item.x, item.y, item.pressure, item.tip, item.tilt_x, item.tilt_y))

    def _check(self, pen: isdv4.Pen) -> None:
        if pen.x > self._maxima.x or pen.y > self._maxima.y or pen.pressure > self._maxima.pressure:
            what = f"a pen report beyond the tablet's range of {self._maxima.x}, {self._maxima.y}, {self._maxima.pressure}"
            raise DeviceProtocolError("bad_answer", self.name, what, "Sign once more; check the cable.", wire=self._port.tail.text())


def _find_maxima(got: bytearray) -> isdv4.Maxima | None:
    return next((item for item in isdv4.Decoder().feed(bytes(got)) if isinstance(item, isdv4.Maxima)), None)


class EvdevTablet(_Tablet):
    """Any pen that Linux knows. The kernel's time stamps order the reports within a series."""

    def __init__(self, name: str, config: Tablet, clock: Clock) -> None:
        super().__init__(name, config, clock)
        self._descriptor = -1
        self._axes = PIPE_AXES
        self._touch = True
        self._decoder = evdev.Decoder(PIPE_AXES)
        self._first_us: tuple[int, int] | None = None

    async def open(self) -> Identity:
        """Open and grab. Raises DeviceAbsent."""
        await self.close()
        try:
            self._descriptor = os.open(self._config.port, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._gone(error.strerror or "can not be opened") from error
        return Identity("Linux input", self._adopt())

    def _adopt(self) -> str:
        """Range and name; a pipe has neither."""
        try:
            self._axes, self._touch = evdev.read_axes(self._descriptor), evdev.tells_touch(self._descriptor)
            evdev.use_monotonic_time(self._descriptor)
            evdev.grab(self._descriptor)
            return evdev.read_name(self._descriptor)
        except OSError as error:
            if error.errno == errno.ENOTTY:
                return "pipe"
            if error.errno == errno.EBUSY:
                raise DeviceAbsent("port_busy", self.name, f"{self._config.port} is grabbed by another program", "End that program.") from error
            raise self._gone(error.strerror or "is no pen") from error

    def _present_values(self) -> dict[int, int]:
        try:
            return evdev.present_values(self._descriptor)
        except OSError as error:
            if error.errno == errno.ENOTTY:
                return {}
            raise self._gone(error.strerror or "was unplugged") from error

    async def health(self) -> None:
        """The node is still the one that was opened."""
        if not self._same_node():
            raise self._gone("is gone or another device now")

    def _same_node(self) -> bool:
        try:
            return os.path.samestat(Path(self._config.port).stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    async def close(self) -> None:
        await self._stop_reading()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def begin(self) -> None:
        await self._stop_reading()
        self._first_us = None
        while self._read_now():
            pass
        self._decoder = evdev.Decoder(self._axes, self._touch, self._present_values())
        self._start_reading()

    async def finish(self) -> SignatureSeries:
        """Raises DeviceAbsent when the tablet went away, DeviceProtocolError `reports_lost` when the kernel's queue ran over."""
        await self._stop_reading()
        if self._decoder.dropped:
            raise DeviceProtocolError("reports_lost", self.name, f"{self._decoder.dropped} gaps in the pen's reports", "Sign once more.")
        return self._series(self._axes)

    async def _read_some(self, log: PenLog) -> None:
        await self._readable()
        data = self._read_now()
        if data == b"":
            raise self._gone("was unplugged")
        for report in self._decoder.feed(data or b""):
            log.add(PenSample(self._since_begin_us(log, report.t_us), report.x, report.y, report.pressure, report.tip, report.tilt_x, report.tilt_y))

    def _since_begin_us(self, log: PenLog, event_us: int) -> int:
        """The first report is dated by the station, the others by the kernel's distance from it."""
        if self._first_us is None:
            self._first_us = (log.now_us(), event_us)
        return self._first_us[0] + event_us - self._first_us[1]

    def _read_now(self) -> bytes | None:
        """What is there, b"" at the end of file, None when nothing is waiting. Raises DeviceAbsent."""
        try:
            return os.read(self._descriptor, 64 * evdev.EVENT.size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._gone(error.strerror or "was unplugged") from error

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def _gone(self, what: str) -> DeviceAbsent:
        return DeviceAbsent("port_absent", self.name, f"{self._config.port} {what}", "Plug the tablet in; it is tried again by itself.", port=self._config.port)
