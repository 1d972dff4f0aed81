"""The link and the broker between a station and its district, at their worst: they lose, repeat, reorder, damage, hold back and invent."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from simulators.timeline import Timeline

REMEMBERED = 60

Deliver = Callable[[str, bytes], None]
"""(last word of the topic, frame)"""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is; the defaults are a storm."""

    drop: float = 0.25
    repeat: float = 0.10
    flip: float = 0.05
    replay: float = 0.03
    """with a message comes an old one, of this direction"""
    delay_s: float = 3.0
    """mean of an exponential distribution, so messages overtake each other"""


FAIR = Weather(drop=0.05, repeat=0.01, flip=0, replay=0, delay_s=0.1)
"""an ordinary good day"""
TRIP_S = 0.3


class Air:
    """Both directions. `up` and `down` are what the ends call; `to_district` and `to_station` are told."""

    def __init__(self, rng: random.Random, timeline: Timeline) -> None:
        self._rng, self._timeline = rng, timeline
        self.weather = Weather()
        self.cut_until_s = 0.0
        """nothing passes until then"""
        self.to_district: Deliver = lambda _word, _frame: None
        self.to_station: Deliver = lambda _word, _frame: None
        self._old: dict[str, deque[tuple[str, bytes]]] = {"up": deque(maxlen=REMEMBERED), "down": deque(maxlen=REMEMBERED)}
        self.messages = 0

    def up(self, word: str, frame: bytes) -> None:
        self._send("up", word, frame)

    def down(self, word: str, frame: bytes) -> None:
        self._send("down", word, frame)

    def partition(self, seconds: float) -> None:
        """Nobody hears anybody for that long."""
        self.cut_until_s = max(self.cut_until_s, self._timeline.now_s + seconds)

    def calm(self) -> None:
        """From now on most of it arrives; what is under way keeps its fate."""
        self.weather = FAIR
        self.cut_until_s = 0.0

    def _send(self, way: str, word: str, frame: bytes) -> None:
        self.messages += 1
        weather, rng = self.weather, self._rng
        if self._old[way] and rng.random() < weather.replay:
            self._pass(way, *rng.choice(self._old[way]))
        self._old[way].append((word, frame))
        if rng.random() < weather.drop or self._timeline.now_s < self.cut_until_s:
            return
        for _ in range(2 if rng.random() < weather.repeat else 1):
            self._pass(way, word, self._damaged(frame) if rng.random() < weather.flip else frame)

    def _pass(self, way: str, word: str, frame: bytes) -> None:
        delay_s = TRIP_S + (self._rng.expovariate(1 / self.weather.delay_s) if self.weather.delay_s else 0)
        self._timeline.after(delay_s, lambda: (self.to_district if way == "up" else self.to_station)(word, frame))

    def _damaged(self, frame: bytes) -> bytes:
        bad = bytearray(frame)
        bit = self._rng.randrange(max(1, len(bad)) * 8)
        for byte in range(bit // 8, min(bit // 8 + 1, len(bad))):
            bad[byte] ^= 1 << bit % 8
        return bytes(bad)


def worse(weather: Weather, rng: random.Random) -> Weather:
    """The weather of another day."""
    return replace(weather, drop=rng.choice((0.0, 0.1, 0.25, 0.5)), delay_s=rng.choice((0.0, 1.0, 3.0, 10.0)))
