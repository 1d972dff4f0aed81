"""The station's half: decides what goes over the link next. Pure: no bytes of records, no clock, no disk, no randomness.

The caller (`edge/uplink`) offers what the outbox holds, tells about the connection and what arrived, carries out the effects that
`next` returns, and calls `receipted` only after a verified receipt is durable in the store. The outbox is the only memory that
counts: a new Sender after a crash asks the district what it has before it sends anything else.

Order: urgent records whole, then the entries (manifests, ledger events) of everything queued, then content, oldest first.
One ask names everything in doubt; its answer is the truth about all that was sent before it. Acknowledgements in between only ever
add. Without an answer nothing but asks goes out, at growing intervals, so a district that is away costs a slow link nothing.
While power is scarce (`permit`) content waits, apart from that of urgent records; entries, asks and receipts go on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Literal

from protocols.custody.jobs import Entry, Item, Job, Line
from protocols.custody.pace import Pace
from protocols.custody.receiver import RECEIPTS_PER_ANSWER
from protocols.custody.spans import Spans
from protocols.custody.wire import MAX_RECORDS, MAX_SPANS, Ask, Have

FIRST_ASK_S = 5.0
"""patience before anything was measured; later a few round trips"""
MAX_ASK_S = 60.0
FREE_TRIES = 2
"""an entry that was sent so often and is still not kept is offered again only at growing intervals"""
MAX_REST_S = 600.0
BLANK_ANSWERS = 2
"""so often content may vanish whole before the entry is shown again: the district may have another one under its number"""
LOOK_MIN_S, LOOK_MAX_S = 0.02, 0.2
"""while the line is full: until the next look"""

Sending = Literal["all", "small", "none"]
"""what may go out: everything; urgent records and what is small (entries, asks); nothing at all"""

PartSpans = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class SendEntry:
    """Publish the signed entry with this sequence."""

    sequence: int


@dataclass(frozen=True, slots=True)
class SendChunk:
    """Publish these bytes of a sealed part."""

    sequence: int
    record_id: bytes
    part: int
    offset: int
    length: int


Effect = SendEntry | SendChunk | Ask


@dataclass(frozen=True, slots=True)
class _Flight:
    """Something under way: bytes, when it left, what stood delivered then and since when."""

    size: int
    sent_s: float
    delivered: int
    delivered_s: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """The ask that waits for its answer, by sequence of the jobs it names."""

    round: int
    entries: frozenset[int]
    contents: frozenset[int]


_Unit = tuple[int, int]
"""(start, end) in a record's row of bytes; _ENTRY: the signed entry"""
_ENTRY = (-1, -1)


class Sender:
    """One station's transfer. `first_round` should differ from life to life, so that an answer to an earlier life is not taken for ours."""

    def __init__(self, pace: Pace | None = None, first_round: int = 0) -> None:
        self.pace = pace or Pace()
        self._jobs: dict[int, Job] = {}
        self._by_record: dict[bytes, Job] = {}
        self._entries = Line(Job.wants_entry)
        self._contents = Line(Job.wants_content)
        self._resting: list[tuple[float, int]] = []
        self._flights: dict[int, dict[_Unit, _Flight]] = {}
        self._under_way = 0
        self._awaiting: dict[int, None] = {}
        """complete jobs that lack only a receipt, longest unasked first"""
        self._online = False
        self._permitted: Sending = "all"
        self._line = 0.0
        """bytes that this end of the line holds, as far as somebody tells"""
        self._look_s = inf
        self._silent = True
        """nothing but asks goes out"""
        self._round = first_round
        self._asked: _Asked | None = None
        self._ask_s = inf
        self._interval_s = FIRST_ASK_S
        self._receipts_due = 0

    # -- what the caller tells

    def offer(self, items: Iterable[Item], *, fresh: bool) -> None:
        """Take on what the outbox holds; known items are passed over. `fresh`: committed just now, the district cannot have it."""
        for item in items:
            if item.sequence not in self._jobs:
                job = self._jobs[item.sequence] = Job(item, doubtful=not fresh)
                if item.record_id is not None:
                    self._by_record[item.record_id] = job
                self._queue(job)
                if self._online and not fresh:
                    self._ask_s = -inf

    def knows(self, sequence: int) -> bool:
        """Whether that entry was offered and has no receipt yet."""
        return sequence in self._jobs

    def connected(self, now_s: float) -> None:
        """A new connection. Its first message is an ask."""
        self._online = True
        self._asked = None
        self._ask_s = now_s
        self._interval_s = self._patience_s()

    def district_came(self, ask_s: float) -> None:
        """Somebody listens again: if nobody answered, ask at `ask_s` (jittered by the caller) instead of at the end of a long interval."""
        if self._online and self._silent:
            self._ask_s = min(self._ask_s, ask_s)
            self._interval_s = self._patience_s()

    def permit(self, sending: Sending) -> None:
        """What may go out from now on; what is under way stays under way."""
        self._permitted = sending

    def line_holds(self, size: float, trip_s: float) -> None:
        """TCP's own figures: bytes that have not left this end of the line, shortest round trip. Told before each `next`, or never."""
        self._line, self.pace.line_trip_s = size, trip_s

    def disconnected(self) -> None:
        """What was under way is in doubt until the next answer."""
        self._online = False
        self._ask_s = self._look_s = inf
        self._line = 0.0
        self._doubt_flights(count=False)
        self.pace.connection_ended()

    def receipted(self, sequence: int, now_s: float) -> None:
        """A verified receipt is durable: custody of this entry has passed."""
        job = self._jobs.pop(sequence, None)
        if job is None:
            return
        self._by_record.pop(job.item.record_id or b"", None)
        self._awaiting.pop(sequence, None)
        self._drop_flights(sequence)
        if self._receipts_due:
            self._receipts_due -= 1
            if not self._receipts_due and self._awaiting and self._online:
                self._ask_s = now_s
        if not self._jobs and not self._silent:
            self._asked, self._ask_s = None, inf

    def disputed(self, sequence: int) -> None:
        """The district has another entry under this number (an old card image, a copied card), so what it said it holds was not ours: show ours."""
        job = self._jobs.get(sequence)
        if job is not None:
            self._drop_flights(sequence)
            job.disputes += 1
            job.tries = job.disputes
            job.entry_lost()
            self._queue(job)

    def unreadable(self, sequence: int) -> None:
        """The caller could not read what `next` asked for: leave that record's content alone for the life of this Sender."""
        if sequence in self._jobs:
            self._jobs[sequence].blocked = True
            self._drop_flights(sequence)

    def have(self, message: Have, now_s: float) -> None:
        """The district told what it has: an acknowledgement, or the answer to an ask."""
        held, done = Spans(message.held), Spans(message.done)
        news = self._mark_entries(held, done, now_s) + self._mark_content(message, now_s)
        if self._asked is not None and message.round == self._asked.round:
            self._judge(self._asked, held, done, dict(message.records))
            self._rest(now_s, reset=news > 0)
            if any(job.doubtful() for job in self._jobs.values()):
                self._ask_s = now_s
        elif news:
            self._rest(now_s, reset=self._asked is None)

    # -- what the caller shall do

    def next(self, now_s: float) -> Effect | None:
        """The next thing to put on the line; None: nothing may go before `wake_s`, or before news."""
        self._look_s = inf
        if not self._online or self._permitted == "none":
            return None
        if now_s >= self._ask_s:
            return self._ask(now_s)
        self._wake_resting(now_s)
        if self._silent or (self._under_way and self._under_way >= self.pace.window()) or self._line_is_full(now_s):
            return None
        entry, content = self._entries.first(self._jobs), self._permitted_content()
        if entry is not None and (content is None or entry.item.urgent or not content.item.urgent):
            return self._send_entry(entry, now_s)
        return self._send_chunk(content, now_s) if content is not None else None

    def wake_s(self) -> float:
        """When `next` must be called again although nothing happened; infinity: never."""
        if not self._online or self._permitted == "none":
            return inf
        return min(self._ask_s, self._look_s, self._resting[0][0] if self._resting else inf)

    def idle(self) -> bool:
        """Everything offered has its receipt."""
        return not self._jobs

    @property
    def under_way(self) -> int:
        """Bytes sent and not yet acknowledged."""
        return self._under_way

    # -- asking

    def _ask(self, now_s: float) -> Ask:
        self._silent = self._silent or self._asked is not None
        self._doubt_flights(count=True)
        unsure = [job for job in self._jobs.values() if job.doubtful()] + [self._jobs[sequence] for sequence in self._rotate_awaiting()]
        spans = Spans(list(Spans((job.item.sequence, job.item.sequence + 1) for job in unsure))[:MAX_SPANS])
        named = [job for job in unsure if spans.covers(job.item.sequence, job.item.sequence + 1)]
        contents = sorted((job for job in named if job.total), key=lambda job: (not job.content_doubt, job.rank()))[:MAX_RECORDS]
        self._round = self._round % 0xFFFFFFFF + 1
        self._asked = _Asked(self._round, frozenset(job.item.sequence for job in named), frozenset(job.item.sequence for job in contents))
        self._ask_s = now_s + self._interval_s
        self._interval_s = min(self._interval_s * 2, MAX_ASK_S)
        return Ask(self._round, tuple(spans), tuple(job.item.record_id for job in contents if job.item.record_id))

    def _rotate_awaiting(self) -> list[int]:
        """Those that wait longest for a receipt; they go to the end of the row."""
        first = list(self._awaiting)[:MAX_RECORDS]
        for sequence in first:
            self._awaiting[sequence] = self._awaiting.pop(sequence)
        return first

    def _judge(self, asked: _Asked, held: Spans, done: Spans, records: dict[bytes, PartSpans]) -> None:
        """The answer is the truth about everything that the ask named."""
        self._asked = None
        self._silent = False
        finished = 0
        for sequence in sorted(asked.entries & self._jobs.keys()):
            job = self._jobs[sequence]
            if done.covers(sequence, sequence + 1):
                finished += 1
                continue
            if not held.covers(sequence, sequence + 1):
                self._drop_flights(sequence)
                job.entry_lost()
            elif sequence in asked.contents:
                spans = records.get(job.item.record_id or b"", ())
                flying = [unit for unit in self._flights.get(sequence, ()) if unit != _ENTRY]
                job.content_is(spans, flying)
                if job.blank > BLANK_ANSWERS:
                    self.disputed(sequence)
            self._queue(job)
        self._receipts_due = RECEIPTS_PER_ANSWER if finished > RECEIPTS_PER_ANSWER else 0

    def _rest(self, now_s: float, *, reset: bool) -> None:
        """The district lives: the next ask is due when no more news comes, or when one thing stays away while others arrive."""
        if reset:
            self._interval_s = self._patience_s()
        oldest_s = min((flight.sent_s for flights in self._flights.values() for flight in flights.values()), default=inf)
        waiting = self._flights or self._awaiting or self._asked is not None
        self._ask_s = max(now_s, min(now_s + self._interval_s, oldest_s + 3 * self._interval_s)) if waiting else inf

    def _patience_s(self) -> float:
        trip_s = self.pace.trip_s
        return FIRST_ASK_S if trip_s is None else min(max(4 * trip_s, FIRST_ASK_S), MAX_ASK_S)

    # -- sending

    def _line_is_full(self, now_s: float) -> bool:
        """Looked at again when the line should have room: nobody tells when it has."""
        excess = self._line - self.pace.line_window()
        if excess >= 0 and (self._entries.first(self._jobs) is not None or self._permitted_content() is not None):
            drained_s = excess / self.pace.rate if self.pace.rate else LOOK_MIN_S
            self._look_s = now_s + min(max(drained_s, LOOK_MIN_S), LOOK_MAX_S)
        return excess >= 0

    def _permitted_content(self) -> Job | None:
        job = self._contents.first(self._jobs)
        return job if self._permitted == "all" or (job is not None and job.item.urgent) else None

    def _send_entry(self, job: Job, now_s: float) -> SendEntry:
        if job.tries > FREE_TRIES and not job.resting:
            job.resting = True
            heappush(self._resting, (now_s + min(MAX_REST_S, FIRST_ASK_S * 2.0**job.tries), job.item.sequence))
        job.entry = Entry.SENT
        self._fly(job, _ENTRY, job.item.size, now_s)
        self._queue(job)
        return SendEntry(job.item.sequence)

    def _send_chunk(self, job: Job, now_s: float) -> SendChunk:
        start, end, part, offset = job.take(self.pace.chunk())
        self._fly(job, (start, end), end - start, now_s)
        assert job.item.record_id is not None
        return SendChunk(job.item.sequence, job.item.record_id, part, offset, end - start)

    def _fly(self, job: Job, unit: _Unit, size: int, now_s: float) -> None:
        if not self._flights and not self._awaiting and self._asked is None:
            self._ask_s = now_s + self._interval_s
        if not self._flights:
            self.pace.delivered_s = now_s
        self._flights.setdefault(job.item.sequence, {})[unit] = _Flight(size, now_s, self.pace.delivered, self.pace.delivered_s)
        self._under_way += size

    def _landed(self, sequence: int, unit: _Unit, now_s: float) -> int:
        """Something under way has arrived."""
        flights = self._flights.get(sequence, {})
        flight = flights.pop(unit, None)
        if flight is None:
            return 0
        if not flights:
            del self._flights[sequence]
        self._under_way -= flight.size
        self.pace.acknowledged(flight.size, flight.sent_s, flight.delivered, flight.delivered_s, now_s)
        return 1

    def _drop_flights(self, sequence: int) -> None:
        self._under_way -= sum(flight.size for flight in self._flights.pop(sequence, {}).values())

    def _doubt_flights(self, *, count: bool) -> None:
        for sequence, flights in self._flights.items():
            job = self._jobs[sequence]
            job.content_doubt = job.content_doubt or any(unit != _ENTRY for unit in flights)
            if _ENTRY in flights:
                job.entry = Entry.DOUBT
                job.tries += count
        self._flights.clear()
        self._under_way = 0

    # -- bookkeeping

    def _queue(self, job: Job) -> None:
        """Put the job where its state belongs."""
        self._entries.join(job)
        self._contents.join(job)
        if job.complete():
            self._awaiting.setdefault(job.item.sequence)
        else:
            self._awaiting.pop(job.item.sequence, None)

    def _wake_resting(self, now_s: float) -> None:
        while self._resting and self._resting[0][0] <= now_s:
            job = self._jobs.get(heappop(self._resting)[1])
            if job is not None:
                job.resting = False
                self._queue(job)

    def _mark_entries(self, held: Spans, done: Spans, now_s: float) -> int:
        news = 0
        for sequence in self._known(held):
            job = self._jobs[sequence]
            news += self._landed(sequence, _ENTRY, now_s) + job.entry_held()
            self._queue(job)
        for sequence in self._known(done):
            job = self._jobs[sequence]
            news += not job.done
            job.done = True
            self._drop_flights(sequence)
            self._queue(job)
        return news

    def _known(self, spans: Spans) -> list[int]:
        if spans.total() > len(self._jobs):
            return [sequence for sequence in self._jobs if spans.covers(sequence, sequence + 1)]
        return [sequence for start, end in spans for sequence in range(start, end) if sequence in self._jobs]

    def _mark_content(self, message: Have, now_s: float) -> int:
        news = 0
        for record_id, spans in message.records:
            job = self._by_record.get(record_id)
            if job is not None:
                news += job.content_held(spans)
                arrived = [unit for unit in self._flights.get(job.item.sequence, ()) if unit != _ENTRY and job.held.covers(*unit)]
                news += sum(self._landed(job.item.sequence, unit, now_s) for unit in arrived)
                self._queue(job)
        return news
