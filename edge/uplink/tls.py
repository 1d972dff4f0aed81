"""TLS to the broker: one context and the last session for all connections, and the rule about dates.

A station's clock may be wrong by years until somebody it trusts has told it the time. Until then chain and name of the broker's certificate
are checked and its dates are not; from then on dates count too, also on the connection that is open. They are compared here with the station's
own clock, because the machine's clock, which OpenSSL asks, may stay wrong for ever. TLS 1.3 costs a reconnect one round trip; a session that is
resumed saves some 2 KB of certificates in it.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from edge.clock import Clock
from station_config.schema import Broker

HANDSHAKE_S = 20.0
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME"""
TOLD = frozenset({"district", "network"})
"""trust levels of a clock that somebody has set right"""

Dates = Literal["none", "unchecked", "checked", "refused"]
"""of the broker's certificate; none: no TLS"""


class DatesRefused(ssl.SSLError):
    """A certificate is not valid today."""

    def __str__(self) -> str:
        return str(self.args[-1])


@dataclass(frozen=True, slots=True)
class _Dates:
    """From when to when a certificate is valid, as seconds since 1970."""

    start_s: float
    end_s: float

    @classmethod
    def of(cls, certificate: Mapping[str, Any]) -> "_Dates":
        """certificate: as `ssl` shows it."""
        return cls(ssl.cert_time_to_seconds(certificate["notBefore"]), ssl.cert_time_to_seconds(certificate["notAfter"]))

    def problem(self, wall_s: float) -> str:
        """Empty when it is valid then."""
        if wall_s < self.start_s:
            return f"is not yet valid: it begins {_day(self.start_s)}, today is {_day(wall_s)}"
        if wall_s > self.end_s:
            return f"has expired: it ended {_day(self.end_s)}, today is {_day(wall_s)}"
        return ""


def _day(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).date().isoformat()


class Tls:
    """The station's end."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker, self._clock = broker, clock
        self._context: ssl.SSLContext | None = None
        self._session: ssl.SSLSession | None = None
        self._chain: tuple[tuple[str, list[_Dates]], ...] = ()
        """of the last connection: whose certificate, and the dates of all that could stand there (an authority's old one beside its new one)"""
        self.dates: Dates = "unchecked" if broker.tls_ca else "none"

    def check_dates(self) -> None:
        """Of the last connection's certificates, as soon as the time is known. Raises DatesRefused."""
        if not self._chain or self._clock.trust() not in TOLD:
            return
        wall_s = self._clock.wall_s()
        self.dates = "refused"
        for whose, certificates in self._chain:
            problems = [dates.problem(wall_s) for dates in certificates]
            if all(problems):
                raise DatesRefused(f"the certificate of {whose} {problems[-1]}")
        self.dates = "checked"

    async def wrap(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        """Mutual TLS as [broker] configures it, over a connected non-blocking socket, which is closed when it fails. Raises OSError (ssl.SSLError)."""
        self.dates = "unchecked"
        try:
            context = self._context = self._context or _context(self._broker)
            sock.getpeername()  # of one that was reset already `wrap_socket` would lose the descriptor
            sock = found = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False, session=self._session)
            self._session = None
            async with asyncio.timeout(HANDSHAKE_S):
                await _shake_hands(found)
            self._chain = _chain(found)
            self.check_dates()
        except BaseException:
            sock.close()
            raise
        return found

    def remember(self, sock: ssl.SSLSocket) -> None:
        """The session of a connection that ends, to be resumed by the next one."""
        self._session = sock.session


def _chain(sock: ssl.SSLSocket) -> tuple[tuple[str, list[_Dates]], ...]:
    own = sock.getpeercert()
    assert own, "a handshake without a certificate ends before"
    authorities = [_Dates.of(found) for found in sock.context.get_ca_certs() if found["subject"] == own["issuer"]]
    broker = "the broker", [_Dates.of(own)]
    return (broker, ("the broker's authority", authorities)) if authorities else (broker,)


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


def _context(broker: Broker) -> ssl.SSLContext:
    """Raises OSError when a file is missing or no certificate."""
    context = ssl.create_default_context(cafile=broker.tls_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= NO_CHECK_TIME
    if broker.tls_certificate:
        context.load_cert_chain(broker.tls_certificate, broker.tls_key or None)
    return context
