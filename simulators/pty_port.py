"""A simulated serial port: a pseudo-terminal behind a stable link, with the time that a real wire needs.

Bytes arrive when their last bit would have left a UART (8N1: 10 bits a byte) in both directions. The port keeps a slave descriptor of
its own, so a client may come and go; nobody reading makes the device wait (about 20 KB fit). Not here: what the bytes mean.
"""

import asyncio
import contextlib
import os
import termios
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

from simulators.faults import WireFaults
from simulators.world import WorldClock

BITS_A_BYTE = 10
SLICE_S = 0.004
"""bytes are handed over in slices of this wire time: fine enough for a 9-byte pen report, cheap for an image"""
READ_SIZE = 512

Receive = Callable[[bytes], None]

TERMIOS_BAUD = {getattr(termios, f"B{rate}"): rate for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)}


class PtyPort:
    """One end of a wire; the client opens `link` as if it were /dev/ttyUSB0."""

    def __init__(
        self,
        link: Path,
        receive: Receive,
        *,
        baud: int,
        faults: WireFaults | None = None,
        strict_baud: bool = False,
        clock: WorldClock | None = None,
    ) -> None:
        """strict_baud: garble both directions while the client's speed (termios) differs from `baud`, as a UART does."""
        self.link = Path(link)
        self.baud = baud
        self.faults = faults
        self._receive = receive
        self._strict = strict_baud
        self._clock = clock or WorldClock()
        self._master = self._slave = -1
        self._queue: deque[tuple[float, bytes, Callable[[], None] | None]] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sender: asyncio.Task[None]
        self._due_s = 0.0
        self._in_flight = 0

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    async def open(self) -> None:
        """Make the pseudo-terminal and point the link at it; nothing happens when it is open."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._point_link(os.ttyname(self._slave))
        self._tasks = [asyncio.create_task(self._receive_loop(), name=f"receive {self.link.name}")]
        self._start_sender()

    def _start_sender(self) -> None:
        self._in_flight = 0
        self._sender = asyncio.create_task(self._send_loop(), name=f"send {self.link.name}")
        self._tasks.append(self._sender)

    def _point_link(self, target: str) -> None:
        self.link.parent.mkdir(parents=True, exist_ok=True)
        new = self.link.with_name(self.link.name + ".new")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(self.link)

    async def close(self) -> None:
        """Hang up: the client sees end of file or EIO, the link is gone, queued bytes are lost."""
        if not self.plugged:
            return
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self._queue.clear()
        self._in_flight = 0
        self._idle.set()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def unplug(self) -> None:
        """Pull the cable."""
        await self.close()

    async def replug(self) -> None:
        """Plug in again: a new pseudo-terminal behind the same link."""
        await self.open()

    def send(self, data: bytes, then: Callable[[], None] | None = None) -> None:
        """Queue one message; `then` runs when its last byte has left. Lost while unplugged."""
        if not self.plugged:
            return
        pieces = self.faults.outgoing(data) if self.faults else [(0.0, data)]
        for index, (delay_s, piece) in enumerate(pieces):
            self._queue.append((delay_s, piece, then if index == len(pieces) - 1 else None))
        if not pieces and then:
            then()
        self._work.set()

    def pause(self, seconds: float) -> None:
        """Silence behind what is queued so far."""
        self._queue.append((seconds, b"", None))

    @property
    def pending(self) -> int:
        """Bytes that have not left yet."""
        return self._in_flight + sum(len(piece) for _, piece, _ in self._queue)

    async def drained(self) -> None:
        """Wait until all has left, or the port is unplugged."""
        while self.pending and self.plugged:
            self._idle.clear()
            await self._idle.wait()

    def discard(self) -> None:
        """Forget what has not left yet: a fault that held it up is over."""
        self._queue.clear()
        if self.plugged:
            self._sender.cancel()
            self._start_sender()

    def host_baud(self) -> int | None:
        """The speed that the client set on its end, None for one that no table knows."""
        return TERMIOS_BAUD.get(termios.tcgetattr(self._slave)[5])

    def _on_the_wire(self, data: bytes) -> bytes:
        if self._strict and self.host_baud() != self.baud:
            return bytes((byte * 37 & 0x7F) | 0x80 for byte in data)
        return data

    async def _send_loop(self) -> None:
        self._due_s = self._clock.now_s()
        while True:
            while self._queue:
                delay_s, piece, then = self._queue.popleft()
                self._in_flight = len(piece)
                if delay_s:
                    await self._clock.sleep_s(delay_s)
                    self._due_s = self._clock.now_s()
                await self._pace(piece)
                self._in_flight = 0
                if then:
                    then()
            self._work.clear()
            self._idle.set()
            await self._work.wait()
            self._due_s = self._clock.now_s()

    async def _pace(self, piece: bytes) -> None:
        slice_s = max(SLICE_S, self.faults.burst_s if self.faults else 0.0)
        size = max(1, int(self.baud / BITS_A_BYTE * slice_s))
        for start in range(0, len(piece), size):
            part = piece[start : start + size]
            await self._wait_for_wire(len(part))
            await self._write(self._on_the_wire(part))

    async def _wait_for_wire(self, count: int) -> None:
        """An absolute timetable while bytes are queued: a late wake-up is made good by the next slice."""
        self._due_s += count * BITS_A_BYTE / self.baud
        ahead_s = self._due_s - self._clock.now_s()
        if ahead_s > 0:
            await self._clock.sleep_s(ahead_s)

    async def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await self._ready(write=True)
                self._due_s = self._clock.now_s()

    async def _receive_loop(self) -> None:
        while True:
            await self._ready(write=False)
            with contextlib.suppress(BlockingIOError):
                data = os.read(self._master, READ_SIZE)
                await self._clock.sleep_s(len(data) * BITS_A_BYTE / self.baud)
                self._receive(self._on_the_wire(data))

    async def _ready(self, *, write: bool) -> None:
        """Wait until the descriptor can be written or read."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
        add(self._master, _settle, ready)
        try:
            await ready
        finally:
            remove(self._master)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
