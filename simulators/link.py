"""A bad link as a TCP proxy on loopback: rate, round trip, cuts. Needs no rights; good for correctness, too kind for rates.

One line a direction that all connections share; each piece of at most 1,400 bytes leaves when the line is free and arrives half a round trip
later. At a cut everything under way is lost and both ends get a reset, or (`nat`) hear nothing any more. It overstates goodput by a sixth,
because TCP's own slow start and repetition happen on loopback (`simulators/tun_link.py` has them on the line).

    python -m simulators.link LISTEN_PORT TARGET_PORT '{"rate_bps": 256000, "trip_s": 0.6, "up_s": 20, "down_s": 5}' STATISTICS_FILE

The schedule of cuts starts at SIGUSR1.
"""

import asyncio
import json
import signal
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from simulators.shaped_line import Counts, Shape
from simulators.world import WorldClock

PIECE = 1_400
LIMIT = 4_096
RECEIVE_BUFFER = 8_192
UNDER_WAY = 32_768
"""bytes of a direction on the line; then it stops reading, so that the sender feels it"""
HOST = "127.0.0.1"


class CuttingProxy:
    """`start`, then connect to `port`; `stop` ends every connection."""

    def __init__(self, shape: Shape, target_port: int, port: int = 0) -> None:
        self._shape, self._target_port, self.port = shape, target_port, port
        self._clock = WorldClock()
        self._start_s = self._clock.now_s()
        self._schedule_s = 0.0
        self._free_s = [0.0, 0.0]
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._silent: list[asyncio.StreamWriter] = []
        """old connections behind a NAT that forgot them"""
        self._cutter: asyncio.Task[None] | None = None
        self.counts = (Counts(), Counts())
        self.cuts = 0

    async def start(self, *, cuts: bool = True) -> None:
        """`cuts`: the schedule starts now, otherwise with `start_cuts`."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, PIECE)  # loopback's own 64 KB would not fit into that and be repeated
        listening.bind((HOST, self.port))
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=LIMIT)
        if cuts:
            self.start_cuts()

    def start_cuts(self) -> None:
        self._schedule_s = self.now_s()
        if self._shape.down_s and self._cutter is None:
            self._cutter = asyncio.create_task(self._cut_again_and_again())

    async def stop(self) -> None:
        for task in [*self._calls, *([self._cutter] if self._cutter else [])]:
            task.cancel()
        await asyncio.gather(*self._calls, *([self._cutter] if self._cutter else []), return_exceptions=True)
        for writer in self._silent:
            _reset(writer)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def now_s(self) -> float:
        return self._clock.now_s() - self._start_s

    def cut(self) -> None:
        """Everything under way is lost."""
        self.cuts += 1
        self._free_s = [self.now_s()] * 2
        for call in list(self._calls):
            call.cancel()

    async def _cut_again_and_again(self) -> None:
        while True:
            await self._clock.sleep_s(self._shape.up_s - (self.now_s() - self._schedule_s) % (self._shape.up_s + self._shape.down_s))
            self.cut()
            await self._clock.sleep_s(self._shape.down_s)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cutter is not None and not self._shape.is_up(self.now_s() - self._schedule_s):
            _reset(writer)
            return
        call = asyncio.create_task(self._call(reader, writer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: the hidden SYN exchange, then both directions until one ends or the line is cut."""
        far: asyncio.StreamWriter | None = None
        try:
            await self._clock.sleep_s(self._shape.trip_s)
            far_reader, far = await asyncio.open_connection(HOST, self._target_port, limit=LIMIT)
            ways = [asyncio.create_task(self._carry(0, reader, far)), asyncio.create_task(self._carry(1, far_reader, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            if self._shape.after == "nat":
                self._silent.append(writer)
            else:
                _reset(writer)
            if far is not None:
                _reset(far)

    async def _carry(self, way: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY // PIECE)
        deliver = asyncio.create_task(self._deliver(under_way, writer))
        try:
            while piece := await reader.read(PIECE):
                self._free_s[way] = max(self._free_s[way], self.now_s()) + len(piece) * 8 / self._shape.rate_bps
                self.counts[way].packets += 1
                self.counts[way].bytes_sent += len(piece)
                await under_way.put((self._free_s[way] + self._shape.trip_s / 2, piece))
        finally:
            deliver.cancel()

    async def _deliver(self, under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                due_s, piece = await under_way.get()
                await self._clock.sleep_s(max(0.0, due_s - self.now_s()))
                writer.write(piece)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Both ends hear an RST."""
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _main(port: int, target: int, shape: Shape, statistics: Path) -> None:
    """Until SIGTERM; counts go to the file each second."""
    proxy = CuttingProxy(shape, target, port)
    await proxy.start(cuts=False)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, proxy.start_cuts)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        counts = {"cuts": proxy.cuts, "up": asdict(proxy.counts[0]), "down": asdict(proxy.counts[1])}
        temporary = statistics.with_suffix(".tmp")
        await asyncio.to_thread(temporary.write_text, json.dumps(counts), encoding="utf-8")
        temporary.replace(statistics)
        await WorldClock().sleep_s(1.0)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), Shape(**json.loads(sys.argv[3])), Path(sys.argv[4])))
