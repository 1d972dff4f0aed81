"""What the sender knows about one ledger entry and its content: what is still to send, what the district said it holds.

A record's parts are one row of bytes here, [0, total), in the manifest's order; a chunk never crosses a part's end.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from heapq import heappop, heappush
from itertools import accumulate

from protocols.custody.spans import Span, Spans

Rank = tuple[bool, int]
"""(not urgent, sequence): smallest first"""


@dataclass(frozen=True, slots=True)
class Item:
    """One waiting entry of the outbox."""

    sequence: int
    record_id: bytes | None = None
    """None: a ledger event"""
    sizes: tuple[int, ...] = ()
    """sealed size of each part"""
    size: int = 0
    """bytes of the signed entry"""
    urgent: bool = False
    readable: bool = True
    """False: its content cannot be read, so the entry goes alone"""


class Entry(Enum):
    """Where the signed entry is."""

    TODO = auto()
    SENT = auto()
    DOUBT = auto()
    HELD = auto()


class Job:
    """State of one item. The sender moves it; it never looks at time."""

    __slots__ = ("_starts", "blank", "blocked", "content_doubt", "disputes", "done", "entry", "held", "item", "resting", "todo", "total", "tries")

    def __init__(self, item: Item, *, doubtful: bool) -> None:
        self.item = item
        self._starts = [0, *accumulate(item.sizes)]
        self.total = self._starts[-1]
        self.entry = Entry.DOUBT if doubtful else Entry.TODO
        self.todo = Spans([(0, self.total)])
        self.held = Spans()
        self.content_doubt = False
        """bytes went out whose fate is unknown"""
        self.done = False
        """the district says that it signed a receipt"""
        self.resting = False
        """refused several times, waits for its next try"""
        self.blocked = not item.readable
        """the content cannot be read here"""
        self.tries = 0
        self.disputes = 0
        """how often the district spoke of another entry under this number"""
        self.blank = 0
        """answers without a byte of the content that had gone out, one after the other"""

    def rank(self) -> Rank:
        return (not self.item.urgent, self.item.sequence)

    def doubtful(self) -> bool:
        return not self.done and (self.content_doubt or self.entry is Entry.DOUBT)

    def wants_entry(self) -> bool:
        return self.entry is Entry.TODO and not self.resting and not self.done

    def wants_content(self) -> bool:
        return self.entry in (Entry.SENT, Entry.HELD) and not self.done and not self.blocked and bool(self.todo)

    def complete(self) -> bool:
        """Nothing is missing at the district but the receipt here."""
        return self.done or (self.entry is Entry.HELD and self.held.total() == self.total)

    def take(self, length: int) -> tuple[int, int, int, int]:
        """The next bytes to send, at most `length`: (start, end, part, offset in the part)."""
        start, end = self.todo.first() or (0, 0)
        part = bisect_right(self._starts, start) - 1
        end = min(end, start + length, self._starts[part + 1])
        self.todo.remove(start, end)
        return start, end, part, start - self._starts[part]

    def entry_held(self) -> bool:
        """The district keeps the entry; whether that is news."""
        news = self.entry is not Entry.HELD
        self.entry = Entry.HELD
        self.tries = 0
        return news

    def entry_lost(self) -> None:
        """The district does not have the entry, and so none of its content."""
        self.entry = Entry.TODO
        self.done = self.content_doubt = False
        self.blank = 0
        self.held = Spans()
        self.todo = Spans([(0, self.total)])

    def content_held(self, spans: Iterable[tuple[int, int, int]]) -> int:
        """The district has these (part, start, end), and maybe more; how many bytes of that are news."""
        before = self.held.total()
        for start, end in self._rows(spans):
            self.held.add(start, end)
            self.todo.remove(start, end)
        return self.held.total() - before

    def content_is(self, spans: Collection[tuple[int, int, int]], flying: Iterable[Span]) -> None:
        """The district has these and no more; what is flying was sent after the question."""
        self.blank = self.blank + 1 if self.content_doubt and not spans else 0
        self.done = self.content_doubt = False
        self.held = Spans(self._rows(spans))
        self.todo = Spans([(0, self.total)])
        for start, end in [*self.held, *flying]:
            self.todo.remove(start, end)

    def _rows(self, spans: Iterable[tuple[int, int, int]]) -> list[Span]:
        """Part spans as spans of the row; what lies outside a part is a lie and is left out."""
        sizes = self.item.sizes
        return [(self._starts[part] + start, self._starts[part] + end) for part, start, end in spans if part < len(sizes) and start < end <= sizes[part]]


class Line:
    """Jobs waiting their turn by rank. What became stale while it waited is passed over."""

    def __init__(self, wanted: Callable[[Job], bool]) -> None:
        self._wanted = wanted
        self._heap: list[Rank] = []
        self._inside: set[Rank] = set()

    def join(self, job: Job) -> None:
        if self._wanted(job) and job.rank() not in self._inside:
            self._inside.add(job.rank())
            heappush(self._heap, job.rank())

    def first(self, jobs: Mapping[int, Job]) -> Job | None:
        while self._heap:
            job = jobs.get(self._heap[0][1])
            if job is not None and self._wanted(job):
                return job
            self._inside.discard(heappop(self._heap))
        return None
