"""How much may be under way and how large a chunk is, from what the acknowledgements tell about the link.

Two bounds keep the line full and its queues short, so that an urgent record does not wait behind others. `line_window` bounds what this end
of the line has not got rid of, as TCP knows it: a bit more than a round trip of the measured rate, so that a lost segment is repaired soon.
`window` bounds what the district has not acknowledged, a few seconds of the rate: acknowledgements may be late by the repair of a loss, in
either direction, before the line runs dry. Where TCP tells nothing, or its round trip is far shorter than the district's (a box that
acknowledges for a satellite, and would lose its queue at a cut), `window` is two round trips.

The chunk balances what each one costs (topic, header, acknowledgement) against what a cut destroys (on average half a chunk):
sqrt(2 x cost x bytes that one connection carries).
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Limits:
    """Figures of the pace; the defaults come from trials over shaped links (README, `rekam bench link`)."""

    first_window: int = 16_384
    """bytes under way while little was measured"""
    first_bytes: int = 65_536
    """so little"""
    min_window: int = 4_096
    max_window: int = 524_288
    max_seconds: float = 6.0
    """of the measured rate may be unacknowledged"""
    round_trips: float = 2.0
    """may be, where TCP does not tell what the line holds"""
    line_share: float = 0.1
    """TCP's round trip is at least this share of the district's, or it is another line's"""
    line_trips: float = 1.25
    """of the measured rate may be on the line ..."""
    line_spare_s: float = 0.6
    """... and what it carries in this time, until somebody looks again"""
    chunk_cost: int = 120
    """bytes a chunk costs beside its content: header 28, topic and MQTT 35, TCP acknowledgement of the answer 52"""
    min_chunk: int = 1_024
    max_chunk: int = 65_536
    first_life: int = 262_144
    """bytes that a connection may carry, until the first has ended"""
    memory_s: float = 20.0
    """how long a measured rate or round trip counts"""


class Pace:
    """Measures with every acknowledgement; no clock of its own."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.delivered = 0
        """bytes acknowledged since the start ..."""
        self.delivered_s = 0.0
        """... and when that was, or when sending began again after a pause"""
        self.line_trip_s: float | None = None
        """shortest round trip of the line as TCP knows it"""
        self._life = 0
        self._lives: deque[int] = deque(maxlen=4)
        self._rates: deque[tuple[float, float]] = deque()
        self._trips: deque[tuple[float, float]] = deque()

    def acknowledged(self, size: int, sent_s: float, delivered_then: int, delivered_then_s: float, now_s: float) -> None:
        """`size` bytes sent at `sent_s` have arrived; when they were sent, `delivered` stood at `delivered_then` since `delivered_then_s`.

        Counted from that earlier instant, a burst of late acknowledgements does not look like a fast line.
        """
        self.delivered += size
        self.delivered_s = now_s
        self._life += size
        _keep_best(self._rates, now_s, (self.delivered - delivered_then) / max(now_s - delivered_then_s, 0.001), self.limits.memory_s)
        _keep_best(self._trips, now_s, -max(now_s - sent_s, 0.001), self.limits.memory_s)

    def connection_ended(self) -> None:
        """What one connection carried decides the size of a chunk."""
        if self._life:
            self._lives.append(self._life)
        self._life = 0

    @property
    def rate(self) -> float | None:
        """Bytes a second, the best of the last seconds; None before the first acknowledgement."""
        return self._rates[0][1] if self._rates else None

    @property
    def trip_s(self) -> float | None:
        """Shortest time from sending to acknowledgement."""
        return -self._trips[0][1] if self._trips else None

    def window(self) -> int:
        """Bytes that may be unacknowledged."""
        limits = self.limits
        if self.rate is None or self.trip_s is None:
            return limits.first_window
        wanted = self.rate * limits.max_seconds
        if not self._told():
            wanted = min(wanted, self.rate * self.trip_s * limits.round_trips + 2 * self.chunk())
        return int(min(max(wanted, self._least()), limits.max_window))

    def line_window(self) -> float:
        """Bytes that this end of the line may hold, sent or not."""
        if self.rate is None or self.line_trip_s is None:
            return self.limits.first_window
        return max(self.rate * (self.line_trip_s * self.limits.line_trips + self.limits.line_spare_s), self._least())

    def _told(self) -> bool:
        """Whether TCP's figures are about the line."""
        return self.line_trip_s is not None and self.trip_s is not None and self.line_trip_s >= self.trip_s * self.limits.line_share

    def _least(self) -> int:
        return self.limits.first_window if self.delivered < self.limits.first_bytes else self.limits.min_window

    def chunk(self) -> int:
        """Content bytes of the next chunk, whole KiB."""
        limits = self.limits
        carried = max(self._life, *self._lives) if self._lives else max(self._life, limits.first_life)
        best = sqrt(2 * limits.chunk_cost * carried)
        if self.rate is not None:
            best = min(best, self.rate)
        return int(min(max(best, limits.min_chunk), limits.max_chunk)) // 1024 * 1024


def _keep_best(window: deque[tuple[float, float]], now_s: float, value: float, memory_s: float) -> None:
    """Sliding maximum: the first element is the best of the last `memory_s`; the newest one always stays."""
    while window and window[-1][1] <= value:
        window.pop()
    window.append((now_s, value))
    while window[0][0] < now_s - memory_s:
        window.popleft()
