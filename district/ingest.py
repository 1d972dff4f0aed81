"""Messages from the broker to the store and answers back: the district's ear.

paho's thread only looks at a message's length and topic and puts it into a bounded queue of its station; one batch after the other
goes to the store's thread, where `protocols.custody.Receiver` does the rest and `settle` commits before anything is answered. What
does not fit into the queue is dropped: custody sends it again. Nothing here trusts the broker or a topic.
"""

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import apsw
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from district.clock import Clock
from protocols import topics
from protocols.custody import Receiver, Shelf
from protocols.custody.wire import MAX_FRAME, Kind
from station_config.schema import Broker

STATION_QUEUE_BYTES = 2 * 1024 * 1024
"""of one station; it keeps at most a few seconds of its link under way"""
QUEUE_BYTES = 64 * 1024 * 1024
BATCH_MESSAGES = 512
BATCH_BYTES = 8 * 1024 * 1024
STRANGERS = 10_000
STRANGER_S = 60.0
"""messages of a station that is not known are dropped unread for so long"""
TROUBLE_S = 2.0
STORAGE = (OSError, apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError, apsw.ReadOnlyError)
"""errors that are not one message's fault"""

Incoming = tuple[str, str, bytes]
"""station, last word of the topic, frame"""
Outgoing = list[tuple[str, bytes]]

log = logging.getLogger(__name__)


class Health(Protocol):
    """Who keeps the stations' last words (district/health.py)."""

    def heard(self, station: str, word: str, payload: bytes, retained: bool) -> str | None:
        """Any thread, memory only. Returns why it was refused."""


class Queues:
    """One bounded queue a station, emptied in turns, so that a loud station takes nothing from the others. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[Incoming]] = {}
        self._bytes: Counter[str] = Counter()

    def put(self, message: Incoming) -> bool:
        """False: full, dropped."""
        station, size = message[0], len(message[2])
        with self._lock:
            if self._bytes[station] + size > STATION_QUEUE_BYTES or self._bytes.total() + size > QUEUE_BYTES:
                return False
            self._bytes[station] += size
            self._queues.setdefault(station, deque()).append(message)
        return True

    def take(self) -> list[Incoming]:
        """The next batch: one message of each station in turn."""
        batch: list[Incoming] = []
        room = BATCH_BYTES
        with self._lock:
            while self._queues and room > 0 and len(batch) < BATCH_MESSAGES:
                for station in list(self._queues):
                    batch.append(self._pop(station))
                    room -= len(batch[-1][2])
        return batch

    def _pop(self, station: str) -> Incoming:
        message = self._queues[station].popleft()
        self._bytes[station] -= len(message[2])
        if not self._queues[station]:
            del self._queues[station], self._bytes[station]
        return message


class Ingest:
    """`run` until cancelled. `in_store` runs a function in the one thread that may touch the store."""

    def __init__(self, store: Shelf, health: Health, broker: Broker, in_store: Callable[[Callable[[], Outgoing]], Awaitable[Outgoing]], clock: Clock) -> None:
        self._health, self._broker, self._in_store, self._clock = health, broker, in_store, clock
        self._receiver = Receiver(store)
        self._queues = Queues()
        self._news = asyncio.Event()
        self._refused: Counter[str] = Counter()
        self._strangers: dict[str, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._retained: dict[str, bytes] = {}
        self._came: set[str] = set()
        self._client = self._make_client()

    def hand_out(self, station: str, frame: bytes) -> None:
        """Leave a frame at the broker for a station to find whenever it connects; said again at each connection, since brokers forget."""
        topic = topics.down(station, Kind(frame[1]).name.lower())
        if self._retained.get(topic) != frame:
            self._retained[topic] = frame
            self._client.publish(topic, frame, qos=0, retain=True)

    def send(self, station: str, frame: bytes) -> None:
        """Once, to who listens now."""
        self._client.publish(topics.down(station, Kind(frame[1]).name.lower()), frame, qos=0)

    def came(self) -> set[str]:
        """Stations that connected since the last time this was asked."""
        came, self._came = self._came, set()
        return came

    def link(self) -> dict[str, object]:
        """For the page."""
        return {"broker": f"{self._broker.host}:{self._broker.port}", "connected": self._client.is_connected(), "refused": dict(self._refused)}

    async def run(self) -> None:
        """Connect, now or when a broker is there, and take in batch after batch."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._broker.host, self._broker.port, self._broker.keepalive_s)
        self._client.loop_start()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while batch := self._queues.take():
                    await self._work(batch)
        finally:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    async def _work(self, batch: list[Incoming]) -> None:
        """A single message that the store cannot stand must not hold up the others; storage that fails again stops the rest."""
        if await self._answer(batch) is None:
            return
        await self._clock.sleep_s(TROUBLE_S)
        for message in batch if len(batch) > 1 else ():
            if isinstance(await self._answer([message]), STORAGE):
                return

    async def _answer(self, batch: list[Incoming]) -> Exception | None:
        """Take in and say what was kept. Returns what went wrong; then nothing of it is kept or acknowledged."""
        try:
            answers = await self._in_store(lambda: self._take_in(batch))
        except Exception as error:
            log.exception("nothing of %d messages is acknowledged; the stations will send them again", len(batch))
            return error
        for station, frame in answers:
            self.send(station, frame)
        return None

    def _take_in(self, batch: list[Incoming]) -> Outgoing:
        """In the store's thread: everything is committed when this returns."""
        try:
            for station, word, frame in batch:
                refusal = self._receiver.handle(station, word, frame)
                if refusal is not None:
                    self._refuse(station, refusal)
            return self._receiver.settle()
        finally:
            self._receiver.forget()

    def _refuse(self, station: str, reason: str) -> None:
        self._refused[reason] += 1
        log.debug("message of %s refused: %s", station, reason)
        if reason == "unknown station":
            if len(self._strangers) >= STRANGERS:
                self._strangers.clear()
            self._strangers[station] = self._clock.monotonic_s() + STRANGER_S

    # -- paho's thread

    def _make_client(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311, clean_session=True)
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls_ca:
            client.tls_set(self._broker.tls_ca, self._broker.tls_certificate or None, self._broker.tls_key or None)
        client.reconnect_delay_set(1, 5)
        client.on_connect = self._connected
        client.on_message = self._arrived
        return client

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None) -> None:
        if reason.is_failure:
            log.warning("the broker refused: %s", reason)
            return
        log.info("listening at %s:%d", self._broker.host, self._broker.port)
        client.subscribe([(topics.ALL_UP, 0), (topics.ALL_STATES, 0)])
        client.publish(topics.HELLO, b"", qos=0)
        for topic, frame in list(self._retained.items()):
            client.publish(topic, frame, qos=0, retain=True)

    def _arrived(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        refusal = self._sort(message)
        if refusal is not None:
            self._refused[refusal] += 1

    def _sort(self, message: paho.MQTTMessage) -> str | None:
        """Into its station's queue, or to the health page. Returns why not."""
        try:
            topic = topics.parse(message.topic)
        except UnicodeDecodeError:
            topic = None
        if topic is None:
            return "topic"
        if len(message.payload) > MAX_FRAME:
            return "length"
        if topic.direction == "state" and topic.word == "alive" and not message.retain and len(self._came) < STRANGERS:
            self._came.add(topic.station)
        if topic.direction == "state":
            return self._health.heard(topic.station, topic.word, bytes(message.payload), bool(message.retain))
        if topic.direction != "up" or message.retain:
            return "topic"
        if self._strangers.get(topic.station, 0.0) > self._clock.monotonic_s():
            return "unknown station"
        if not self._queues.put((topic.station, topic.word, bytes(message.payload))):
            return "queue full"
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._news.set)
        return None
