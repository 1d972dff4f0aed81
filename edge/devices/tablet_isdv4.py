"""Wacom ISDv4 on a serial port: query, start, stop, and a stream of pen reports (protocols/isdv4.py)."""

import asyncio

from edge.clock import Clock
from edge.devices.evdev import Axes, Axis
from edge.devices.interfaces import Identity, PenSample, SignatureSeries
from edge.devices.pad import Pad
from edge.devices.pen_log import PenLog
from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceTimeout
from edge.links.serial_port import SerialPort
from protocols import isdv4
from station_config.schema import Tablet

ANSWER_S = 0.4
QUIET_S = 0.05
STREAM_MAY_TAKE_S = 0.5
"""a tablet that was left streaming stops within one report"""
SILENT_LOOKS = 3
"""silent looks in a row at a pen on the pad before it counts as frozen: one alone may be a busy machine's"""


class SerialTablet(Pad):
    """Reports stream only between `begin` and `finish`."""

    SILENT_S = 0.3
    """a pen near the tablet reports 100 times a second, also one that rests"""

    def __init__(self, name: str, config: Tablet, clock: Clock) -> None:
        super().__init__(name, config, clock)
        self._port = SerialPort(name, config.port, config.baud)
        self._decoder = isdv4.Decoder()
        self._maxima = isdv4.Maxima(0, 0, 0)

    async def open(self) -> Identity:
        """Find the tablet at either speed. Raises DeviceAbsent, DeviceTimeout."""
        await self._port.open()
        for baud in self._bauds():
            await self._port.set_baud(baud)
            await self._silence()
            try:
                self._maxima = await self._query()
            except DeviceTimeout:
                continue
            return Identity("Wacom", f"ISDv4 id {self._maxima.id}", firmware=f"{self._maxima.version >> 8:x}.{self._maxima.version & 0xFF:02x}")
        what, asked_s = f"no tablet answers on {self._config.port}", ANSWER_S * len(self._bauds())
        raise DeviceAbsent("device_silent", self.name, what, "Check plug and power.", port=self._config.port, waited_s=asked_s)

    def _bauds(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((self._config.baud, *isdv4.BAUDS)))

    async def _silence(self) -> None:
        """Stop a stream, also one that an earlier user left running. Until it is quiet, what comes may be a piece of a signature."""
        await self._port.write(isdv4.STOP)
        self._port.tail.private = "<"
        try:
            async with asyncio.timeout(STREAM_MAY_TAKE_S):
                while await self._port.read(QUIET_S):
                    pass
        except DeviceTimeout:
            self._port.tail.private = ""
        except TimeoutError:
            return  # it streams on

    async def _query(self) -> isdv4.Maxima:
        return await self._port.exchange(isdv4.QUERY, _find_maxima, ANSWER_S)

    async def health(self) -> None:
        """A query; a stream that a cancelled capture left running is stopped first."""
        if self._reader is not None:
            await self._stop_reading()
            await self._silence()
        await self._query()

    async def close(self) -> None:
        await self._stop_reading()
        await self._port.close()

    def wire(self) -> str:
        return self._port.tail.text()

    async def begin(self) -> None:
        await self._stop_reading()
        self._decoder = isdv4.Decoder()
        self._port.tail.private = "<"  # a signature does not belong in a fault report
        self._port.drop_input()
        self._start_reading()
        await self._port.write(isdv4.START)

    async def finish(self) -> SignatureSeries:
        """Raises DeviceAbsent when the tablet went away, DeviceProtocolError `reports_lost` when reports were damaged on the wire or stopped in a stroke."""
        await self._end_capture()
        if not isinstance(self._log.error, DeviceAbsent):
            await self._silence()
        if lost := self._decoder.lost:
            raise self._lost(f"{lost} bytes of pen reports were lost", lost_bytes=lost)
        top = self._maxima
        return self._series(Axes(Axis(0, top.x, isdv4.UNITS_MM), Axis(0, top.y, isdv4.UNITS_MM), Axis(0, top.pressure)))

    async def _read_some(self, log: PenLog) -> None:
        for item in self._decoder.feed(await self._hear(log)):
            if isinstance(item, isdv4.Pen):
                self._check(item)
                log.add(PenSample(log.now_us(), item.x, item.y, item.pressure, item.tip, item.tilt_x, item.tilt_y))

    async def _hear(self, log: PenLog) -> bytes:
        for _ in range(SILENT_LOOKS):
            try:
                return await self._port.read(self.SILENT_S if log.touching else None)
            except DeviceTimeout:
                continue
        raise self._stopped(log.silent_s())

    def _check(self, pen: isdv4.Pen) -> None:
        """A flipped bit is seen only where it leaves the range. Raises DeviceProtocolError."""
        most = self._maxima
        if pen.x > most.x or pen.y > most.y or pen.pressure > most.pressure:
            what = f"a pen report beyond the tablet's range of {most.x}, {most.y}, {most.pressure}"
            next_step = "Sign once more; check the cable."
            raise DeviceProtocolError("bad_answer", self.name, what, next_step, x_max=most.x, y_max=most.y, pressure_max=most.pressure)


def _find_maxima(got: bytearray) -> isdv4.Maxima | None:
    return next((item for item in isdv4.Decoder().feed(bytes(got)) if isinstance(item, isdv4.Maxima)), None)
