"""A serial port for drivers: reopen, a deadline on every exchange, one request in flight, the last bytes for the fault report.

Two ways in, never at once (`exchange` and `in_thread` share one lock): awaiting bytes on the loop, or a blocking library in a thread
with the `serial.Serial` object. 8N1 only: a pseudo-terminal refuses to be set to parity or 7 bits a second time, and none of
our devices needs them. Not responsible for framing, for retries, or for when to reopen: the driver and its presence do that.
"""

import asyncio
import errno
import fcntl
import os
import termios
from collections.abc import Callable
from typing import TypeVar

import serial

from edge.errors import DeviceAbsent, DeviceError, DeviceTimeout
from edge.links.tail import WireTail
from edge.links.worker import run_blocking

T = TypeVar("T")

READ_CHUNK = 4096
AGAIN = "Check plug and power; it is tried again by itself."
CLOSE_S = 2.0
"""a UART's driver may wait up to 30 s for unsent bytes when it is closed (closing_wait); we do not"""
SPEED_S = 2.0
"""a USB adapter is told by a message that the kernel waits for, a wedged one up to 5 s"""


class TracedSerial(serial.Serial):
    """pyserial's port that notes what passes, for libraries that read and write by themselves."""

    tail: WireTail

    def read(self, size: int = 1) -> bytes:
        data = bytes(super().read(size))
        self.tail.add("<", data)
        return data

    def write(self, b: bytes, /) -> int | None:  # type: ignore[override]
        self.tail.add(">", b)
        return super().write(b)


class SerialPort:
    """One port, by path (a udev or simulator link), reopened as often as needed."""

    def __init__(self, device: str, path: str, baud: int) -> None:
        self.device = device
        self.path = path
        self.baud = baud
        self.tail = WireTail()
        self._serial: TracedSerial | None = None
        self._lock = asyncio.Lock()
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`, also while the device is unplugged and nobody has noticed yet."""
        return self._serial is not None

    async def open(self, deadline_s: float = 3.0) -> None:
        """Open the port, closing it first if it was open. Raises DeviceAbsent, DeviceTimeout."""
        await self.close()
        try:
            port = self._new()
            await run_blocking(f"open {self.device}", port.open, deadline_s, undo=port.close)
            self._serial = port
        except TimeoutError as error:
            raise self.timed_out("opening the port", deadline_s) from error
        except OSError as error:
            raise self._gone(error) from error

    def _new(self) -> TracedSerial:
        port = TracedSerial(baudrate=self.baud, timeout=0, write_timeout=0, exclusive=True)
        port.tail = self.tail
        port.port = self.path
        return port

    async def close(self) -> None:
        """Let go; whoever waits for bytes gets DeviceAbsent. Never raises."""
        port, self._serial = self._serial, None
        if port is None:
            return
        self._stop_waiting(port)
        try:
            await run_blocking(f"close {self.device}", lambda: _close_blocking(port), CLOSE_S)
        except TimeoutError:
            return

    def _stop_waiting(self, port: TracedSerial) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(port.fileno())
        loop.remove_writer(port.fileno())
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(DeviceAbsent("port_absent", self.device, f"port {self.path} was closed", AGAIN, port=self.path))

    async def set_baud(self, baud: int, deadline_s: float = SPEED_S) -> None:
        """Change the rate of the open port. Raises DeviceAbsent, DeviceTimeout (then the port is closed)."""
        port = self.opened()
        try:
            await run_blocking(f"speed of {self.device}", lambda: setattr(port, "baudrate", baud), deadline_s)
        except TimeoutError as error:
            await self.close()
            raise self.timed_out("the port to change its speed", deadline_s) from error
        except termios.error as error:
            raise self._gone(OSError(*error.args)) from error
        except OSError as error:
            raise self._gone(error) from error
        self.baud = baud

    async def read(self, deadline_s: float | None) -> bytes:
        """At least one byte, at most 4096; None waits for ever. Raises DeviceTimeout, DeviceAbsent."""
        try:
            async with asyncio.timeout(deadline_s):
                return await self._read_some()
        except TimeoutError as error:
            raise self.timed_out("an answer", deadline_s or 0) from error

    async def _read_some(self) -> bytes:
        port = self.opened()
        await self._ready(asyncio.get_running_loop().add_reader, asyncio.get_running_loop().remove_reader, port.fileno())
        try:
            data = os.read(port.fileno(), READ_CHUNK)
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(OSError(errno.EIO, "the line hung up"))
        self.tail.add("<", data)
        return data

    async def read_exactly(self, count: int, deadline_s: float) -> bytes:
        """`count` bytes; what came beyond them is dropped. Raises DeviceTimeout, DeviceAbsent."""
        return await self.read_until(lambda got: bytes(got[:count]) if len(got) >= count else None, deadline_s)

    async def read_until(self, complete: Callable[[bytearray], T | None], deadline_s: float) -> T:
        """Collect bytes until `complete(all so far)` is not None. Raises DeviceTimeout, DeviceAbsent and what `complete` raises."""
        got = bytearray()
        try:
            async with asyncio.timeout(deadline_s):
                while (answer := complete(got)) is None:
                    got += await self._read_some()
        except TimeoutError as error:
            raise self.timed_out(f"a whole answer ({len(got)} bytes came)", deadline_s, got_bytes=len(got)) from error
        return answer

    async def write(self, data: bytes, deadline_s: float = 2.0) -> None:
        """Hand all of `data` to the line. Raises DeviceTimeout when the line takes no more, DeviceAbsent."""
        self.tail.add(">", data)
        try:
            async with asyncio.timeout(deadline_s):
                await self._write_all(data)
        except TimeoutError as error:
            raise self.timed_out("the line to take our bytes", deadline_s) from error

    async def _write_all(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        left = memoryview(data)
        while left:
            port = self.opened()
            try:
                left = left[os.write(port.fileno(), left) :]
            except BlockingIOError:
                await self._ready(loop.add_writer, loop.remove_writer, port.fileno())
            except OSError as error:
                raise self._gone(error) from error

    async def exchange(self, request: bytes, complete: Callable[[bytearray], T | None], deadline_s: float) -> T:
        """Drop old input, send, and collect the answer: one request in flight. Raises as `read_until`."""
        async with self._lock:
            self.drop_input()
            await self.write(request, deadline_s)
            return await self.read_until(complete, deadline_s)

    async def in_thread(self, work: Callable[[serial.Serial], T], deadline_s: float, read_timeout_s: float = 1.0) -> T:
        """Give the open `serial.Serial` to a blocking library. After the deadline the port is closed under it and DeviceTimeout raised."""
        async with self._lock:
            port = self.opened()
            try:
                port.timeout = read_timeout_s
                return await run_blocking(self.device, lambda: work(port), deadline_s)
            except TimeoutError as error:
                await self.close()
                raise self.timed_out("the exchange to end", deadline_s) from error
            except OSError as error:
                raise self._gone(error) from error

    def drop_input(self) -> bytes:
        """Take away and return what lies unread. Raises DeviceAbsent."""
        port = self.opened()
        try:
            stale = os.read(port.fileno(), READ_CHUNK) if port.in_waiting else b""
        except OSError as error:
            raise self._gone(error) from error
        self.tail.add("<", stale)
        return stale

    async def _ready(self, add: Callable[..., None], remove: Callable[[int], bool], descriptor: int) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        add(descriptor, _wake, waiting)
        try:
            await waiting
        finally:
            if self._serial is not None:
                remove(descriptor)

    def opened(self) -> TracedSerial:
        """Raises DeviceAbsent."""
        if self._serial is None:
            raise DeviceAbsent("port_absent", self.device, f"port {self.path} is not open", AGAIN, port=self.path)
        return self._serial

    def timed_out(self, what: str, deadline_s: float, **values: object) -> DeviceTimeout:
        """The error for an exchange that did not end."""
        text = f"waited {deadline_s:g} s for {what} on {self.path}"
        return DeviceTimeout("device_silent", self.device, text, "Check cable and power.", port=self.path, waited_s=deadline_s, **values)

    def _gone(self, error: OSError) -> DeviceError:
        code, next_step = _PORT_ERRORS.get(_number(error), ("port_absent", AGAIN))
        return DeviceAbsent(code, self.device, f"port {self.path}: {error.strerror or error}", next_step, port=self.path)


_PORT_ERRORS: dict[int | None, tuple[str, str]] = {
    errno.EACCES: ("port_denied", "Let the station's user into the group that owns the port (dialout), then log in again."),
    errno.EPERM: ("port_denied", "Let the station's user into the group that owns the port (dialout), then log in again."),
    errno.EBUSY: ("port_busy", "Another program holds the port: end it."),
    errno.EWOULDBLOCK: ("port_busy", "Another program holds the port: end it."),
}


def _number(error: OSError) -> int | None:
    """pyserial wraps the system's error when opening; the number is inside."""
    inner = error.__context__
    return error.errno or (inner.errno if isinstance(inner, OSError) else None)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _close_blocking(port: TracedSerial) -> None:
    """Also wakes a library that hangs in read or write on the same object."""
    try:
        port.cancel_read()
        port.cancel_write()
        # a library that still waits in select() keeps the file, and so its lock, alive for a moment after close()
        fcntl.flock(port.fileno(), fcntl.LOCK_UN)
        port.close()
    except OSError:
        return
