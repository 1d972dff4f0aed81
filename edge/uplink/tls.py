"""TLS to the broker: one context and the last session for all connections, and the rule about dates.

A station's clock may be wrong by years until somebody it trusts has told it the time. Until then chain and name of the broker's certificate
are checked and its dates are not; from then on dates count too, also on the connection that is open. TLS 1.3 costs a reconnect one round trip;
a session that is resumed saves some 2 KB of certificates in it.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from edge.clock import Clock
from station_config.schema import Broker

HANDSHAKE_S = 20.0
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME"""
NOT_YET_VALID, EXPIRED = 9, 10
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED"""
TOLD = frozenset({"district", "network"})
"""trust levels of a clock that somebody has set right"""

Dates = Literal["none", "unchecked", "checked", "refused"]
"""of the broker's certificate; none: no TLS"""


@dataclass(slots=True)
class _Known:
    """Belongs together: a session is good for its context alone."""

    context: ssl.SSLContext
    checks_dates: bool
    session: ssl.SSLSession | None = None


class Tls:
    """The station's end."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker, self._clock = broker, clock
        self._known: _Known | None = None
        self._refused = False

    @property
    def dates(self) -> Dates:
        """What the last connection did about them."""
        if not self._broker.tls_ca:
            return "none"
        if self._refused:
            return "refused"
        return "checked" if self._known is not None and self._known.checks_dates else "unchecked"

    def outdated(self) -> bool:
        """The time has become known since the last handshake: a new one has to look at the dates."""
        return self._known is not None and not self._known.checks_dates and self._clock.trust() in TOLD

    async def wrap(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        """Mutual TLS as [broker] configures it, over a connected non-blocking socket, which is closed when it fails. Raises OSError (ssl.SSLError)."""
        try:
            known = self._prepare()
            sock.getpeername()  # of one that was reset already `wrap_socket` would lose the descriptor
            sock = found = known.context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False, session=known.session)
            known.session = None
            async with asyncio.timeout(HANDSHAKE_S):
                await _shake_hands(found)
        except BaseException as error:
            self._refused = isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in (NOT_YET_VALID, EXPIRED)
            sock.close()
            raise
        self._refused = False
        return found

    def remember(self, sock: ssl.SSLSocket) -> None:
        """The session of a connection that ends, to be resumed by the next one."""
        if self._known is not None and sock.context is self._known.context:
            self._known.session = sock.session

    def _prepare(self) -> _Known:
        """Raises OSError when a file is missing or no certificate."""
        told = self._clock.trust() in TOLD
        if self._known is None or self._known.checks_dates != told:
            self._known = _Known(_context(self._broker, told), told)
        return self._known


async def _shake_hands(sock: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return sock.do_handshake()
        except ssl.SSLWantReadError:
            await _until(sock, loop.add_reader, loop.remove_reader)
        except ssl.SSLWantWriteError:
            await _until(sock, loop.add_writer, loop.remove_writer)


async def _until(sock: ssl.SSLSocket, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
    """The socket can be read, or written."""
    can = asyncio.Event()
    add(sock, can.set)
    try:
        await can.wait()
    finally:
        remove(sock)


def _context(broker: Broker, check_dates: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.tls_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not check_dates:
        context.verify_flags |= NO_CHECK_TIME
    if broker.tls_certificate:
        context.load_cert_chain(broker.tls_certificate, broker.tls_key or None)
    return context
