"""Opens the TCP connection, and looks into it: fresh attempts instead of the kernel's SYN repetitions.

A path that comes back is found sooner by a new SYN each half second, and a connection whose SYN was repeated more than once would start
with a window of one packet (Linux, tcp_init_transfer), which costs a slow link seconds. The first attempt that is answered wins.
"""

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

EVERY_S = 0.5
ATTEMPT_S = (2.0, 2.0, 4.0, 8.0)
"""how long an attempt of each round may take: short ones find a path that was away, long ones a path that is slow"""
USER_TIMEOUT_MS = 8_000
"""data without a TCP acknowledgement for so long ends the connection: 115 instead of 37 kbit/s where a path dies silently"""
LOSSY = 0.004
"""share of segments sent again from which on bbr carries more than cubic; below, its pauses to measure the round trip cost more"""
BBR_PROBE_S = 9.0
ENOUGH_SEGMENTS = 100
SEND_BUFFER = 64 * 1024
"""where the kernel has no bbr, a small buffer keeps cubic from overfilling the modem's queue"""
TCP_INFO = struct.Struct("@8B24I4QI")
"""linux/tcp.h struct tcp_info up to segs_out; u32 [4] unacked, [12] last_ack_recv (ms), [15] rtt (us), [23] total_retrans; then 4 u64, segs_out"""


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """What Linux knows about a connection."""

    unacked: int
    """segments sent and not acknowledged"""
    last_ack_s: float
    """since any acknowledgement came, also a repeated one"""
    rtt_s: float
    segments: int
    """sent in all, repeated ones too"""
    repeated: int


def tcp_info(sock: Any) -> TcpInfo | None:
    """None when the socket is gone or the system does not tell."""
    try:
        words = TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size))[8:]
    except (OSError, AttributeError, struct.error):
        return None
    return TcpInfo(words[4], words[12] / 1000, words[15] / 1_000_000, words[28], words[23])


def prefer_bbr(sock: Any) -> bool:
    """Change the congestion control of a lossy line, also in the middle of a connection. False: this kernel has no bbr.

    Ten seconds after it was set (BBR_PROBE_S) bbr stops for two round trips to measure the shortest one, and again every ten: 5 to 10 % of
    a slow line. Our own window bounds the queue, so nothing depends on that measurement; setting it anew starts the clock again.
    """
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
    except OSError:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        return False
    return True


def is_lossy(info: TcpInfo) -> bool:
    """Whether the line itself loses packets."""
    return info.segments >= ENOUGH_SEGMENTS and info.repeated > LOSSY * info.segments


async def dial(host: str, port: int, round_number: int) -> socket.socket:
    """A connected, non-blocking socket. Raises OSError, TimeoutError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    patience_s = ATTEMPT_S[round_number % len(ATTEMPT_S)]
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        for number in range(int(patience_s / EVERY_S)):
            attempts.add(asyncio.create_task(_attempt(found[number % len(found)], patience_s)))
            done, attempts = await asyncio.wait(attempts, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return _winner(list(done))
        done, attempts = await asyncio.wait(attempts, return_when=asyncio.FIRST_COMPLETED)
        return _winner(list(done))
    finally:
        await _abandon(attempts)


def _winner(done: Sequence[asyncio.Task[socket.socket]]) -> socket.socket:
    """The first of them; a refusal is an answer too."""
    for task in done[1:]:
        if task.exception() is None:
            task.result().close()
    return done[0].result()


async def _abandon(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for task in attempts:
        task.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


async def _attempt(address: tuple[Any, ...], patience_s: float) -> socket.socket:
    family, kind, protocol, _, place = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        async with asyncio.timeout(patience_s):
            await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


def drop(sock: Any, *, abort: bool = True) -> None:
    """Close; with `abort` by a reset, so that the kernel does not go on sending what is buffered."""
    if sock is not None:
        with suppress(OSError):
            if abort:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
