"""Takes what the store holds to the district and brings the receipts back, whenever there is a link.

The decisions are `protocols.custody.Sender`'s, the connection is `mqtt.Connection`'s; this file carries bytes between them and the
store. A record's state changes in one place: `mark_received`, with a receipt whose signature was verified. It starts without a broker
and with a district that comes later, and never blocks the event loop: the store works in its own thread, connecting in another.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from paho.mqtt.enums import MQTTProtocolVersion

from edge.clock import Clock, random_bytes
from edge.errors import StoreError
from edge.store.store import Store
from edge.store.worker import StoreWorker
from edge.uplink.backoff import Backoff
from edge.uplink.carrier import UNREADABLE, Carrier, Disputed, VerifyReceipt
from edge.uplink.carrier import receipt_verifier as receipt_verifier
from edge.uplink.mqtt import Connection, LinkDown, Will
from edge.uplink.tls import Dates, DatesRefused, Tls
from protocols import topics
from protocols.custody import Effect, Have, Policy, Receipt, SendChunk, SendEntry, Sender, Sending, WireError, decode
from station_config.schema import Broker

OUTBOX_LIMIT = 20_000
ITEMS_A_TURN = 100
"""records whose part sizes are read in one go of the store's thread, so that a capture never waits for them"""
INBOX = 512
HEALTH_BYTES_MAX = 1_024
HEALTH_EVERY_S = 60.0
HEALTH_LEAST_S = 20.0
"""between two of them, however often the power flickers"""
HELLO_JITTER_S = 0.5
LOOK_S = 2.0
"""while not everything may go out: how often the permission is looked at"""
SENDS_S = 3.0
"""so long after a chunk the line is still taken to be at work"""
STEADY_S = 2.0
"""a connection that lived so long was a good one"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """For the page, the health document and the doctor."""

    connected: bool = False
    since_s: float = 0.0
    """monotonic time of the last change of `connected`"""
    receipts: int = 0
    refused_receipts: int = 0
    """messages on the receipt topic that no district key had signed for this station"""
    why: str = ""
    """what ended the last connection"""
    sending: Sending = "all"
    """what power permits to go out"""
    dates: Dates = "none"
    """what is done about the dates of the broker's certificate"""


class Uplink:
    """`run` until cancelled; `wake` after each commit; `status` at any time. Constructed and used in the event loop."""

    def __init__(
        self, store: StoreWorker, broker: Broker, station: str, verify_receipt: VerifyReceipt, clock: Clock,
        health: Callable[[], Mapping[str, object]], boot: int, on_receipt: Callable[[], None] = lambda: None,
        on_unreadable: Callable[[int], None] = lambda _sequence: None, sending: Callable[[], Sending] = lambda: "all",
        on_policy: Callable[[bytes], object] = lambda _signed: None,
    ) -> None:
        """`on_policy` runs in the store's thread and verifies for itself."""
        self._store, self._broker, self._station = store, broker, station
        self._carrier = Carrier(store.store, station, verify_receipt)
        self._clock, self._health, self._boot, self._on_receipt, self._on_unreadable = clock, health, boot, on_receipt, on_unreadable
        self._sending, self._on_policy = sending, on_policy
        self._told_unreadable: set[int] = set()
        self._sender = Sender(first_round=int.from_bytes(random_bytes(4), "big"))
        self._backoff = Backoff()
        self._tls = Tls(broker, clock)
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._protocol_known = False
        self._inbox: deque[tuple[str, bytes]] = deque(maxlen=INBOX)
        self._news = asyncio.Event()
        self._committed = True
        self._old_until: int | None = None
        self._health_due_s = self._health_told_s = -inf
        self._health_sent = b""
        self._sent_s = -inf
        self._status = LinkStatus()

    def wake(self) -> None:
        """Something new is committed."""
        self._committed = True
        self._news.set()

    def tell_health(self) -> None:
        """Something changed that the district should know at once."""
        self._health_due_s = min(self._health_due_s, self._health_told_s + HEALTH_LEAST_S)
        self._news.set()

    def status(self) -> LinkStatus:
        return self._status

    def sends(self) -> bool:
        """Something of a record went on the line a moment ago."""
        return self._clock.monotonic_s() - self._sent_s < SENDS_S

    async def run(self) -> None:
        """Connect, send, come back, for ever; a store that fails is asked again with the next connection."""
        while True:
            connection = self._connection()
            try:
                await connection.open(topics.all_down(self._station), topics.HELLO)
                await self._serve(connection)
            except LinkDown as down:
                self._lost(connection, down)
            except StoreError as error:
                self._committed = True
                self._lost(connection, LinkDown(f"the store cannot be read: {error}", refused=True))
            except asyncio.CancelledError:
                self._say_goodbye(connection)
                raise
            finally:
                connection.close()
                self._sender.disconnected()
            await self._clock.sleep_s(self._backoff.delay_s(_fraction()))

    # -- one connection

    def _connection(self) -> Connection:
        will = Will(topics.state(self._station, "alive"), self._alive(False))
        return Connection(self._broker, self._station, will, self._protocol, self._clock, self._arrived, self._tls)

    async def _serve(self, connection: Connection) -> None:
        """Until the connection ends, which raises LinkDown."""
        connection.on_closed(self._news.set)
        opened_s = self._clock.monotonic_s()
        self._inbox.clear()
        self._health_due_s = -inf
        self._sender.connected(opened_s)
        while not connection.closed:
            self._news.clear()
            await self._take_in()
            self._check_dates()
            await self._load()
            await self._pump(connection)
            self._show(connection)
            self._say_health(connection)
            await self._wait()
            if connection.accepted and self._clock.monotonic_s() - opened_s > STEADY_S:
                self._backoff.succeeded()
        raise connection.why_closed

    def _check_dates(self) -> None:
        """The time may have become known on this connection. Raises LinkDown."""
        try:
            self._tls.check_dates()
        except DatesRefused as error:
            raise LinkDown(str(error), refused=True) from error
        if self._status.connected and self._status.dates != self._tls.dates:
            self._status = replace(self._status, dates=self._tls.dates)

    async def _wait(self) -> None:
        """For a message, a commit, the end, or the time that sender or health document named."""
        until_s = min(self._sender.wake_s(), self._health_due_s) - self._clock.monotonic_s()
        if self._status.sending != "all":
            until_s = min(until_s, LOOK_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until_s)):
                await self._news.wait()

    def _arrived(self, topic: str, payload: bytes) -> None:
        self._inbox.append((topic, payload))
        self._news.set()

    def _lost(self, connection: Connection, down: LinkDown) -> None:
        self._backoff.failed(refused=down.refused)
        if self._status.connected or self._status.why != str(down):
            log.info("no link to %s:%d: %s", self._broker.host, self._broker.port, down)
        if self._status.connected:
            self._status = replace(self._status, connected=False, since_s=self._clock.monotonic_s())
        self._status = replace(self._status, why=str(down), dates=self._tls.dates)
        if not connection.accepted and not self._protocol_known:
            v5 = self._protocol is MQTTProtocolVersion.MQTTv5
            self._protocol = MQTTProtocolVersion.MQTTv311 if v5 else MQTTProtocolVersion.MQTTv5

    def _show(self, connection: Connection) -> None:
        if connection.accepted and not self._status.connected:
            self._protocol_known = True
            self._status = replace(self._status, connected=True, since_s=self._clock.monotonic_s(), why="", dates=self._tls.dates)
            log.info("link to %s:%d is up", self._broker.host, self._broker.port)

    def _say_goodbye(self, connection: Connection) -> None:
        if connection.accepted and not connection.closed:
            connection.publish(topics.state(self._station, "alive"), self._alive(False), retain=True)
            connection.say_goodbye()

    # -- out

    async def _load(self) -> None:
        """Offer what was committed since the last look."""
        if not self._committed:
            return
        if self._old_until is None:
            self._old_until = (await self._store.call(Store.head)).sequence
        self._committed = False
        waiting = [item for item in await self._store.call(Store.outbox, OUTBOX_LIMIT) if not self._sender.knows(item.sequence)]
        for at in range(0, len(waiting), ITEMS_A_TURN):
            items = await self._store.run(partial(self._carrier.items, waiting[at : at + ITEMS_A_TURN]))
            self._sender.offer([item for item in items if item.sequence <= self._old_until], fresh=False)
            self._sender.offer([item for item in items if item.sequence > self._old_until], fresh=True)
            for item in items:
                if not item.readable:
                    self._unreadable(item.sequence)

    def _unreadable(self, sequence: int) -> None:
        """Leave that record's content alone, and say so once."""
        self._sender.unreadable(sequence)
        if sequence not in self._told_unreadable:
            self._told_unreadable.add(sequence)
            log.warning("entry %d: its content cannot be read back; everything else is sent", sequence)
            self._on_unreadable(sequence)

    async def _pump(self, connection: Connection) -> None:
        """Put on the line what the sender wants there now, as far as power permits. Raises StoreError when the disk fails."""
        self._permit()
        while not connection.closed and (effect := self._next(connection)) is not None:
            try:
                word, payload = await self._store.run(partial(self._carrier.frame, effect))
            except StoreError as error:
                if error.code != UNREADABLE or not isinstance(effect, SendChunk | SendEntry):
                    raise
                self._unreadable(effect.sequence)
                continue
            connection.publish(topics.up(self._station, word), payload)
            self._sent_s = self._clock.monotonic_s() if isinstance(effect, SendChunk) else self._sent_s

    def _next(self, connection: Connection) -> Effect | None:
        if (line := connection.line()) is not None:
            self._sender.line_holds(*line)
        return self._sender.next(self._clock.monotonic_s())

    def _permit(self) -> None:
        sending = self._sending()
        if sending != self._status.sending:
            self._status = replace(self._status, sending=sending)
            log.info("power permits to send: %s", sending)
        self._sender.permit(sending)

    def _say_health(self, connection: Connection) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._health_due_s:
            return
        if self._health_due_s == -inf:
            connection.publish(topics.state(self._station, "alive"), self._alive(True), retain=True)
            self._health_sent = b""
        document = health_document(self._health())
        if document != self._health_sent:
            connection.publish(topics.state(self._station, "health"), document, retain=True)
            self._health_sent, self._health_told_s = document, now_s
        self._health_due_s = now_s + HEALTH_EVERY_S

    def _alive(self, alive: bool) -> bytes:
        return json.dumps({"alive": alive, "boot": self._boot}, separators=(",", ":")).encode()

    # -- in

    async def _take_in(self) -> None:
        while self._inbox:
            topic, payload = self._inbox.popleft()
            if topic == topics.HELLO:
                self._sender.district_came(self._clock.monotonic_s() + HELLO_JITTER_S * _fraction())
            parsed = topics.parse(topic)
            if parsed is None or parsed.direction != "down" or parsed.station != self._station:
                continue
            try:
                message = decode(payload)
            except WireError as error:
                log.warning("a message on %s is no custody message: %s", topic, error)
                continue
            if isinstance(message, Have):
                self._sender.have(message, self._clock.monotonic_s())
            elif isinstance(message, Receipt):
                await self._receipt(message.envelope)
            elif isinstance(message, Policy):
                await self._policy(message.envelope)

    async def _policy(self, signed: bytes) -> None:
        try:
            await self._store.run(partial(self._on_policy, signed))
        except StoreError as error:
            log.warning("a policy cannot be kept, it is at the broker still: %s", error)
            return
        self._committed = True

    async def _receipt(self, signed: bytes) -> None:
        try:
            sequence = await self._store.run(partial(self._carrier.receipt, signed))
        except Disputed as disputed:
            self._sender.disputed(disputed.sequence)
            sequence = None
        except StoreError as error:
            log.warning("a receipt cannot be kept, the district will send it again: %s", error)
            return
        if sequence is None:
            self._status = replace(self._status, refused_receipts=self._status.refused_receipts + 1)
            return
        self._sender.receipted(sequence, self._clock.monotonic_s())
        self._status = replace(self._status, receipts=self._status.receipts + 1)
        self._on_receipt()


def _fraction() -> float:
    """Random, in [0, 1)."""
    return random_bytes(1)[0] / 256


def health_document(facts: Mapping[str, object]) -> bytes:
    """Compact JSON under 1 KB; facts that do not fit are left out from the end, and it says how many."""
    kept = dict(facts)
    left_out = 0
    while True:
        document = json.dumps(kept | ({"left_out": left_out} if left_out else {}), separators=(",", ":"), ensure_ascii=False).encode()
        if len(document) < HEALTH_BYTES_MAX:
            return document
        kept.popitem()
        left_out += 1
