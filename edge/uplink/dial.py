"""Opens the TCP connection, and looks into it: fresh attempts instead of the kernel's SYN repetitions.

A path that comes back is found sooner by a new SYN each half second, and a connection whose SYN was repeated more than once would start
with a window of one packet (Linux, tcp_init_transfer), which costs a slow link seconds. The first attempt that is answered wins.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

EVERY_S = 0.5
ATTEMPT_S = (2.0, 2.0, 4.0, 8.0)
"""how long the attempts may take, in turn: short ones find a path that was away, long ones a path that is slow"""
ROUND_S = 20.0
"""then the caller may wait before it tries again"""
USER_TIMEOUT_MS = 30_000
"""backstop of the kernel. Its 8 s ended connections that lived: they count on while a box with a full queue lets bytes in drop by drop. Dead
paths are found sooner by TCP_INFO (mqtt.py)"""
LOSSY = 0.004
"""share of segments sent again from which on bbr carries more than cubic; below, its pauses to measure the round trip cost more"""
BBR_PROBE_S = 9.0
ENOUGH_SEGMENTS = 100
SEND_BUFFER = 64 * 1024
"""where the kernel has no bbr, a small buffer keeps cubic from overfilling the modem's queue"""
TCP_INFO = struct.Struct("@8B24I4Q4I")
"""linux/tcp.h struct tcp_info up to min_rtt; u32 [2] snd_mss, [4] unacked, [5] sacked, [6] lost, [7] retrans, [12] last_ack_recv (ms), [15] rtt (us),
[23] total_retrans; then 4 u64; u32 [28] segs_out, [30] notsent_bytes, [31] min_rtt (us)"""


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """What Linux knows about a connection."""

    unacked: int
    """segments sent and not acknowledged"""
    last_ack_s: float
    """since any acknowledgement came, also a repeated one"""
    rtt_s: float
    min_rtt_s: float
    held: int
    """bytes on the line or waiting for it; segments that are known to be lost or to have arrived are neither"""
    segments: int
    """sent in all, repeated ones too"""
    repeated: int


def tcp_info(sock: Any) -> TcpInfo | None:
    """None when the socket is gone or the system does not tell."""
    try:
        words = TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size))[8:]
    except (OSError, AttributeError, struct.error):
        return None
    flying = words[4] - words[5] - words[6] + words[7]
    held = flying * words[2] + words[30]
    return TcpInfo(words[4], words[12] / 1000, words[15] / 1_000_000, min(words[31], words[15]) / 1_000_000, held, words[28], words[23])


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


async def dial(host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket. Raises OSError, TimeoutError when nobody answered for ROUND_S."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        for number in range(int(ROUND_S / EVERY_S)):
            attempts.add(asyncio.create_task(_attempt(found[number % len(found)], ATTEMPT_S[number % len(ATTEMPT_S)])))
            if (sock := await _answered(attempts, EVERY_S)) is not None:
                return sock
        raise TimeoutError("nobody answers")
    finally:
        await _abandon(attempts)


async def _answered(attempts: set[asyncio.Task[socket.socket]], seconds: float) -> socket.socket | None:
    """The first that connects; who answers no has answered too (OSError). What was given up in the meantime leaves the set."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + seconds
    while (left_s := end_s - loop.time()) > 0:
        done, _ = await asyncio.wait(attempts, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        silent = {task for task in done if isinstance(task.exception(), TimeoutError)}
        attempts -= silent
        if done - silent:
            winner = (done - silent).pop()
            attempts.remove(winner)
            return winner.result()
    return None


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
