"""The simulated world: who sits at the desk, what they do with their body, what each device handed over.

The only module of the bench that asks the operating system for time; everything else is seeded. Real time by default, so that real
programs can talk to it; tests drive the models through their own `process(dt_s)` without any clock. Not responsible for wires:
each device's file speaks its own.
"""

import asyncio
import hashlib
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulators.images import Images
from simulators.people import Person, make_people
from simulators.power import PowerWorld

Pixels = NDArray[np.uint8]

LIGHT_EDGES = 64
"""times that the near-infrared light went on or off, kept: several leases"""


class WorldClock:
    """Real time of the bench."""

    def now_s(self) -> float:
        return time.monotonic()

    async def sleep_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Desk:
    """What happens in front of the station right now."""

    person: Person | None = None
    finger_on_sensor: int | None = None
    looking_at: str | None = None
    """camera or iris"""
    eye: int | None = None
    """at the iris camera: 1 right, 2 left; None: the resident follows the prompts, the other eye after each picture"""
    signing: bool = False
    """set by the control channel; the tablet plays the signature once and clears it"""


@dataclass
class Served:
    """The independent witness: digests of what the devices handed over, by person, kind and position."""

    digests: dict[tuple[int, str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    sensor_s: float = 0.0
    """seconds that devices needed by their own physics for what was asked of them: exposure from the next frame on and readout, wire at its
    baud rate, one look for a lifted finger, pen on glass, lines on paper"""

    def record(self, person: Person, kind: str, position: int, digest: str) -> None:
        self.digests[(person.number, kind, position)].append(digest)

    def of(self, number: int) -> list[dict[str, Any]]:
        """All of one person, as the control channel tells it."""
        return [{"kind": kind, "position": position, "digests": list(found)} for (who, kind, position), found in self.digests.items() if who == number]


def digest(pixels: Pixels) -> str:
    """SHA-256 over shape and pixels of one picture."""
    head = "x".join(str(n) for n in pixels.shape).encode("ascii")
    return hashlib.sha256(head + b":" + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def digest_series(samples: Iterable[tuple[int, int, int, bool]]) -> str:
    """SHA-256 over (x, y, pressure, tip) of a signature, first to last touch."""
    text = ";".join(f"{x},{y},{pressure},{int(tip)}" for x, y, pressure, tip in samples)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class SimDevice(Protocol):
    """One simulated device on its wire."""

    played: Counter[str]
    """how often each fault has made a difference"""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def set_fault(self, name: str, on: bool) -> None:
        """Turn one of the module's FAULTS on or off while the wire talks."""


class World:
    """All of it, from one seed."""

    def __init__(self, seed: int = 1, people: int = 3, samples: Path | None = None, clock: WorldClock | None = None) -> None:
        self.seed = seed
        self.clock = clock or WorldClock()
        self.samples = samples if samples is not None and samples.is_dir() else None
        self.images = Images(seed, self.samples)
        self.people = make_people(people, self.rng("people"))
        self.desk = Desk(person=self.people[0] if self.people else None)
        self.served = Served()
        self.power = PowerWorld(self.rng("power"))
        self._light: deque[tuple[float, bool]] = deque([(0.0, False)], maxlen=LIGHT_EDGES)

    @property
    def illuminator_on(self) -> bool:
        """The near-infrared light shines now; the board's simulator sets it."""
        return self._light[-1][1]

    @illuminator_on.setter
    def illuminator_on(self, on: bool) -> None:
        if on != self._light[-1][1]:
            self._light.append((self.clock.now_s(), on))

    def lit_s(self, begin_s: float, end_s: float) -> float:
        """Seconds of near-infrared light between two instants of the world's clock, the later one not in the future."""
        edges = [*self._light, (end_s, False)]
        return sum(max(0.0, min(until, end_s) - max(since, begin_s)) for (since, on), (until, _) in pairwise(edges) if on)

    def rng(self, name: str) -> random.Random:
        """A stream of its own for each purpose, so that one device's draws never move another's."""
        return random.Random(f"{self.seed}/{name}")

    def sit(self, number: int) -> Person:
        """The person with that number takes the chair; hands and eyes are at rest."""
        self.desk = Desk(person=self.people[number])
        return self.people[number]


def check_faults(known: Collection[str], asked: Collection[str]) -> None:
    """Refuse a fault that the device does not have. Raises ValueError naming those it has."""
    for name in asked:
        if name not in known:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
