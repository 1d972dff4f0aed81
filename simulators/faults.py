"""Named faults of a wire, as a filter between a simulated device and its port. Seeded; knows no device and no time.

Each fault acts on every message (one `send` of a port) while it is on. What the plug does is in `plug.py`.
"""

import random
from collections import Counter
from collections.abc import Collection
from collections.abc import Set as AbstractSet

WIRE_FAULTS: dict[str, str] = {
    "drop": "one byte of each message is lost",
    "mute": "nothing is sent at all",
    "split": "each message arrives in two pieces, 20 ms apart",
    "merge": "bytes arrive in bursts of 50 ms, as behind a USB adapter",
    "corrupt": "one bit of each message is wrong",
    "stray": "bytes that belong to nothing stand before each message",
    "stall": "half of each message, then 4 s of silence before the rest",
    "late": "each message starts 1.5 s late",
    "truncate": "each message ends half-way",
    "unplug": "the port is pulled; off: it is plugged in again",
    "replug": "the plug is loose: out for half a second now, and again every 4 s",
}
PLUG_FAULTS = frozenset({"unplug", "replug"})
"""what the port's plug does, not its bytes"""

CUT_SHORT = frozenset({"truncate", "reset-middle"})
"""reset-middle: the device, not the wire, ends the message; a device that has it lists it"""
ON_THE_WIRE = CUT_SHORT | set(WIRE_FAULTS)
STRAY = b"\x55\x00\xef\x01\xff"
PIECES_APART_S = 0.02
BURST_S = 0.05
STALL_S = 4.0
LATE_S = 1.5

Pieces = list[tuple[float, bytes]]


class Active(set[str]):
    """The faults that are on, and how often each has made a difference: a fault that nothing has met yet has not been tested."""

    def __init__(self, names: Collection[str] = (), played: Counter[str] | None = None) -> None:
        """played: the count to share with the other parts of a device."""
        super().__init__(names)
        self.played = Counter[str]() if played is None else played

    def turn(self, name: str, on: bool) -> None:
        (self.add if on else self.discard)(name)

    def acts(self, name: str) -> bool:
        """Whether it is on, asked where it makes the difference."""
        self.played.update({name} & self)
        return name in self


class WireFaults:
    """Turns one message into pieces: (seconds of silence before, bytes)."""

    def __init__(self, rng: random.Random, active: Collection[str] = (), played: Counter[str] | None = None) -> None:
        self.active = Active(active, played)
        self._next_only: set[str] = set()
        self._rng = rng

    def set(self, name: str, on: bool) -> None:
        """Turn one of WIRE_FAULTS on or off."""
        self.active.turn(name, on)

    def once(self, name: str) -> None:
        """Hit the next message only."""
        self._next_only.add(name)

    @property
    def burst_s(self) -> float:
        """How long the wire gathers bytes before it hands them over."""
        return BURST_S if self.active.acts("merge") else 0.0

    def outgoing(self, data: bytes) -> Pieces:
        """The message as the other end will see it; a lost one gives no pieces."""
        faults = self.active | self._next_only
        self._next_only.clear()
        pieces = [] if "mute" in faults else self._cut(self._spoil(data, faults), faults)
        if pieces != [(0.0, data)]:
            self.active.played.update(faults & ON_THE_WIRE)
        return pieces

    def _spoil(self, data: bytes, faults: AbstractSet[str]) -> bytes:
        at = self._rng.randrange(len(data)) if data else 0
        if "drop" in faults:
            data = data[:at] + data[at + 1 :]
        if "corrupt" in faults and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << self._rng.randrange(8))]) + data[at + 1 :]
        if faults & CUT_SHORT:
            data = data[: len(data) // 2]
        return STRAY + data if "stray" in faults else data

    def _cut(self, data: bytes, faults: Collection[str]) -> Pieces:
        first = LATE_S if "late" in faults else 0.0
        gap = STALL_S if "stall" in faults else PIECES_APART_S if "split" in faults else 0.0
        if not gap:
            return [(first, data)]
        middle = len(data) // 2
        return [(first, data[:middle]), (gap, data[middle:])]
