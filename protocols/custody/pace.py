"""How much may be under way and how large a chunk is, from what the acknowledgements tell about the link.

The window keeps the line full (a few round trips of the measured rate) and is never more than a few seconds of it, so that an urgent
record or a keep-alive does not wait behind a long queue. The chunk balances what each chunk costs (topic, header, acknowledgement)
against what a cut destroys (on average half a chunk): sqrt(2 x cost x bytes that one connection carries).
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Limits:
    """Figures of the pace; the defaults come from trials over shaped links (README, `rekam bench link`)."""

    first_window: int = 32_768
    """bytes under way before anything was measured"""
    min_window: int = 4_096
    max_window: int = 524_288
    round_trips: float = 2.0
    """window = this many round trips of the measured rate ..."""
    max_seconds: float = 6.0
    """... and never more than this long on the line"""
    chunk_cost: int = 120
    """bytes a chunk costs beside its content: header 28, topic and MQTT 35, TCP acknowledgement of the answer 52"""
    min_chunk: int = 1_024
    first_chunk: int = 8_192
    max_chunk: int = 65_536
    memory_s: float = 20.0
    """how long a measured rate or round trip counts"""


class Pace:
    """Measures with every acknowledgement; no clock of its own."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.delivered = 0
        """bytes acknowledged since the start"""
        self._life = 0
        self._lives: deque[int] = deque(maxlen=4)
        self._rates: deque[tuple[float, float]] = deque()
        self._trips: deque[tuple[float, float]] = deque()

    def acknowledged(self, size: int, sent_s: float, delivered_then: int, now_s: float) -> None:
        """`size` bytes sent at `sent_s`, when `delivered` stood at `delivered_then`, have arrived."""
        self.delivered += size
        self._life += size
        trip = max(now_s - sent_s, 0.001)
        _keep_best(self._rates, now_s, (self.delivered - delivered_then) / trip, self.limits.memory_s)
        _keep_best(self._trips, now_s, -trip, self.limits.memory_s)

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
        """Bytes that may be under way."""
        limits = self.limits
        if self.rate is None or self.trip_s is None:
            return limits.first_window
        wanted = min(self.rate * self.trip_s * limits.round_trips + 2 * self.chunk(), self.rate * limits.max_seconds)
        return int(min(max(wanted, limits.min_window), limits.max_window))

    def chunk(self) -> int:
        """Content bytes of the next chunk, whole KiB."""
        limits = self.limits
        carried = max(self._life, *self._lives) if self._lives else self._life
        best = sqrt(2 * limits.chunk_cost * carried) if carried else limits.first_chunk
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
