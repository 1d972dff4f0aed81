"""One MQTT connection: a fresh paho client for each, driven by the event loop, with the socket set up for bad links.

Everything is QoS 0. Custody acknowledges end to end, so a broker's PUBACK would only cost bytes, and paho's resend queue, which
floods the link after a reconnect, stays empty (paho.mqtt.python#492). CONNECT, SUBSCRIBE and the first messages leave in one flight:
MQTT allows a client to go on before the CONNACK (MQTT 3.1.1 section 3.1.4), which saves a round trip on each reconnect.

Not responsible for what the messages mean, nor for when to connect again.
"""

import asyncio
import logging
import math
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.clock import Clock
from edge.uplink.dial import BBR_PROBE_S, dial, drop, is_lossy, prefer_bbr, tcp_info
from edge.uplink.tls import Tls
from station_config.schema import Broker

CONNACK_TIMEOUT_S = 10.0
STALL_MIN_S, STALL_MAX_S = 2.0, 8.0
PROBE_AFTER_S, PROBE_ANSWER_S = 6.0, 8.0
"""A middlebox may acknowledge TCP for a path that is dead behind it. Something sent and nothing heard: the broker is asked for a word"""
PING_ANSWER_S = 5.0
TICK_S = 0.25

log = logging.getLogger(__name__)


class LinkDown(Exception):
    """No connection. `refused`: somebody answered and said no, so coming back at once is no use."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the station goes without a word."""

    topic: str
    payload: bytes


class SocketClient(paho.Client):
    """paho on a socket that is connected already, TLS included."""

    ready_socket: socket.socket | None = None

    def _create_socket_connection(self) -> socket.socket:
        """The one place where paho opens its socket (2.x)."""
        assert self.ready_socket is not None
        return self.ready_socket


class Connection:
    """Open it, use it until `closed`, throw it away."""

    def __init__(
        self, broker: Broker, station: str, will: Will, protocol: MQTTProtocolVersion, clock: Clock, on_message: Callable[[str, bytes], None], tls: Tls,
    ) -> None:
        self._broker, self._clock, self._on_message, self._tls = broker, clock, on_message, tls
        self.protocol = protocol
        self.accepted = False
        """the broker's CONNACK came"""
        self._opened_s = 0.0
        self._waits_since_s: float | None = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[LinkDown] = self._loop.create_future()
        self._ticker: asyncio.TimerHandle | None = None
        self._socket: Any = None
        self._goodbye = False
        self._heard_s = self._spoke_s = self._probed_s = 0.0
        """last bytes from the broker, first message since then, last probe"""
        self._filter = ""
        self._bbr_s = 0.0
        """when bbr was set last"""
        self._client = self._make_client(station, will)

    async def open(self, *filters: str) -> None:
        """Connect and subscribe to the filters; what is published from here on leaves behind it. Raises LinkDown."""
        try:
            await self._connect()
        except (OSError, ValueError) as error:
            said_no = isinstance(error, ConnectionRefusedError | ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
            raise LinkDown(str(error) or type(error).__name__, refused=said_no) from error
        self._socket = self._client.socket()
        if self._socket is None:
            raise LinkDown("closed while connecting")
        self._opened_s = self._heard_s = self._clock.monotonic_s()
        self._filter = filters[-1]
        self._loop.add_reader(self._socket, self._read)
        self._client.on_socket_register_write = lambda _client, _data, sock: self._loop.add_writer(sock, self._write)
        self._client.on_socket_unregister_write = self._unregister
        self._client.on_socket_close = lambda *_: self._forget_socket()
        for wanted in filters:
            self._client.subscribe(wanted, qos=0)
        self._tick()

    async def _connect(self) -> None:
        """No thread: what paho does on a socket that is ready never waits."""
        sock = await dial(self._broker.host, self._broker.port)
        self._client.ready_socket = await self._tls.wrap(sock, self._broker.host) if self._broker.tls_ca else sock
        self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Put a message on the line; lost without a word when the connection ends."""
        if self._spoke_s < self._heard_s:
            self._spoke_s = self._clock.monotonic_s()
        self._client.publish(topic, payload, qos=0, retain=retain)
        self._write()

    def line(self) -> tuple[float, float] | None:
        """Bytes that have not left this end of the line, and its shortest round trip in seconds; None: the system does not tell."""
        info = tcp_info(self._socket)
        if info is None:
            return None
        return (math.inf if self._client.want_write() else info.held), info.min_rtt_s

    @property
    def closed(self) -> bool:
        return self._ended.done()

    @property
    def why_closed(self) -> LinkDown:
        return self._ended.result() if self._ended.done() else LinkDown("open")

    def on_closed(self, call: Callable[[], None]) -> None:
        self._ended.add_done_callback(lambda _: call())

    def close(self) -> None:
        """Let go at once. What is still unsent goes with it: custody repeats it, and on a path that comes back it would only be in the way."""
        if self._ticker is not None:
            self._ticker.cancel()
        self._end(LinkDown("closed here"))
        self._client.on_disconnect = None
        self._client.on_socket_unregister_write = self._client.on_socket_close = None
        sock = self._socket
        if isinstance(sock, ssl.SSLSocket) and self.accepted:
            self._tls.remember(sock)
        self._forget_socket()
        drop(sock or self._client.ready_socket, abort=not self._goodbye)

    def say_goodbye(self) -> None:
        """Tell the broker that this end is meant: it then keeps the will to itself."""
        self._goodbye = True
        self._client.disconnect()
        self._write()

    # -- paho's side

    def _make_client(self, station: str, will: Will) -> SocketClient:
        clean_session = None if self.protocol is MQTTProtocolVersion.MQTTv5 else True
        client = SocketClient(CallbackAPIVersion.VERSION2, client_id=station, protocol=self.protocol, clean_session=clean_session)
        client.will_set(will.topic, will.payload, qos=0, retain=True)
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = lambda _client, _data, message: self._on_message(message.topic, bytes(message.payload))
        return client

    def _connected(self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None) -> None:
        if reason.is_failure:
            self._end(LinkDown(f"the broker refused: {reason}", refused=True))
        self.accepted = not reason.is_failure

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None) -> None:
        self._end(LinkDown(str(reason), refused=not self.accepted))

    def _read(self) -> None:
        self._heard_s = self._clock.monotonic_s()
        self._check(self._client.loop_read())
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._check(self._client.loop_read())

    def _unregister(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _write(self) -> None:
        self._check(self._client.loop_write())

    def _check(self, code: MQTTErrorCode) -> None:
        if code not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_AGAIN):
            self._end(LinkDown(paho.error_string(code)))

    def _end(self, why: LinkDown) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    def _forget_socket(self) -> None:
        """Before the descriptor is closed and its number used again."""
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket = None

    # -- noticing a dead path

    def _tick(self) -> None:
        if self.closed:
            return
        self._client.loop_misc()
        now_s = self._clock.monotonic_s()
        if not self.accepted and now_s - self._opened_s > CONNACK_TIMEOUT_S:
            self._end(LinkDown("no answer from the broker"))
        if self._unheard(now_s):
            self._end(LinkDown("the broker says nothing any more"))
        if self._stalled(now_s):
            self._end(LinkDown("the path is dead: nothing is acknowledged any more"))
        self._ticker = self._loop.call_later(TICK_S, self._tick)

    def _unheard(self, now_s: float) -> bool:
        """The broker owes an answer to paho's ping or to our probe, a second SUBSCRIBE."""
        if now_s - self._heard_s > self._broker.keepalive_s + PING_ANSWER_S:
            return True
        if self._spoke_s < self._heard_s or now_s - self._spoke_s < PROBE_AFTER_S:
            return False
        if self._probed_s < self._spoke_s:
            self._probed_s = now_s
            self._client.subscribe(self._filter, qos=0)
        return now_s - self._probed_s > PROBE_ANSWER_S

    def _stalled(self, now_s: float) -> bool:
        """TCP data is out and no acknowledgement of any kind came for two round trips and a bit."""
        info = tcp_info(self._socket)
        if info is not None and now_s > self._bbr_s + BBR_PROBE_S and (self._bbr_s > 0 or is_lossy(info)):
            self._bbr_s = now_s if prefer_bbr(self._socket) else math.inf
        if info is None or not info.unacked:
            self._waits_since_s = None
            return False
        if self._waits_since_s is None:
            self._waits_since_s = now_s
        limit_s = min(max(STALL_MIN_S, 2 * info.rtt_s + 0.5), STALL_MAX_S)
        return min(info.last_ack_s, now_s - self._waits_since_s) > limit_s
