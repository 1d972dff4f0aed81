"""A simulated device's TCP port: serves many clients, with the same faults of the wire as a serial port has.

Each answer passes `WireFaults`; pulled out, it hangs up and accepts nobody. Not here: what the bytes mean.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from simulators.faults import WireFaults
from simulators.world import WorldClock

LINE_LIMIT_BYTES = 4096
Send = Callable[[bytes], Awaitable[None]]
Serve = Callable[[asyncio.StreamReader, Send], Awaitable[None]]
"""talks to one client until it has gone"""


class TcpPort:
    """host:port (port 0: the system picks one, which is kept over a replug)."""

    def __init__(self, address: str, serve: Serve, *, faults: WireFaults, clock: WorldClock) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host or "127.0.0.1", int(port)
        self._serve, self._faults, self._clock = serve, faults, clock
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    def plugged(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        """Listen; nothing happens when it does already. Raises OSError when the port is taken."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accepted, self._host, self._port, limit=LINE_LIMIT_BYTES)
            self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Hang up on everybody."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._serve(reader, lambda data: self._send(writer, data))
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass  # gone, pulled out, or it talks nonsense: hung up on
        finally:
            self._clients.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Raises ConnectionError when the device resets itself in the middle."""
        for delay_s, piece in self._faults.outgoing(data):
            await self._clock.sleep_s(delay_s or self._faults.burst_s)
            writer.write(piece)
            await writer.drain()
        if "reset-middle" in self._faults.active:
            raise ConnectionError("the device restarts")
