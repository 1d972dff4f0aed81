"""The bench's pins and wire: the same board as a process. The link is a pseudo-terminal, the pins are lines of text on another.

REKAM_BOARD_LINK and REKAM_BOARD_PINS name the two. From the world: `i NAME 0|1` (an input), `a temperature_c10|supply_mv NUMBER`,
`i light_seen 2` (the photodiode sees the light itself, as on a sound board). To the world: `o NAME 0|1` for each change of an output,
`p LENGTH_MS` for a pulse of light, which the world ends, `r` when the loop runs.
"""

import os
import select
import sys
from time import ticks_diff, ticks_ms

from protocols import board_link as wire

FOLLOW = 2
LIGHT, LIGHT_SUPPLY = wire.OUTPUTS.index("light"), wire.OUTPUTS.index("light_supply")


def in_maintenance() -> bool:
    """Nothing is ever copied onto the bench's board."""
    return False


class Hal:
    """What the board's tasks ask of the chip."""

    def __init__(self) -> None:
        self.serial = int(os.getenv("REKAM_BOARD_SERIAL") or "1")
        self.reset_cause = 1
        self.failed = False
        self.boot = int.from_bytes(os.urandom(4), "little")
        self._wire = open(os.getenv("REKAM_BOARD_LINK") or "", "r+b", buffering=0)
        self._pins = open(os.getenv("REKAM_BOARD_PINS") or "", "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._wire, select.POLLIN)
        self._poll.register(self._pins, select.POLLIN)
        self._room = select.poll()
        self._room.register(self._wire, select.POLLOUT)
        self._inputs = [0] * len(wire.INPUTS)
        self._inputs[wire.INPUTS.index("light_seen")] = FOLLOW
        self._outputs = [0] * len(wire.OUTPUTS)
        self._measures = {"temperature_c10": 250, "supply_mv": 5_000}
        self._lit_at = self._length_ms = 0
        self._line = b""
        self._fed = False
        self._hear(1_000)

    ticks_ms = staticmethod(ticks_ms)
    ticks_diff = staticmethod(ticks_diff)

    def ends(self) -> None:
        """The bench knows."""

    def reset(self) -> None:
        """The bench starts another process."""
        sys.exit(0)

    def read(self, index: int) -> int:
        level = self._inputs[index]
        return int(self._shines()) if level == FOLLOW else level

    def _shines(self) -> bool:
        return bool(self._outputs[LIGHT] and self._outputs[LIGHT_SUPPLY]) and ticks_diff(ticks_ms(), self._lit_at) < self._length_ms

    def write(self, index: int, level: int) -> None:
        self._outputs[index] = level
        self._pins.write(f"o {wire.OUTPUTS[index]} {level}\n".encode())

    def pulse(self, length_ms: int) -> None:
        self._outputs[LIGHT] = 1
        self._lit_at, self._length_ms = ticks_ms(), length_ms
        self._pins.write(f"p {length_ms}\n".encode())

    def temperature_c10(self) -> int:
        return self._measures["temperature_c10"]

    def supply_mv(self) -> int:
        return self._measures["supply_mv"]

    def link_read(self, buffer: bytearray) -> int:
        count = 0
        while count < len(buffer) and self._ready(self._wire, 0):
            buffer[count] = self._byte(self._wire)[0]
            count += 1
        return count

    def link_write(self, data: bytes) -> None:
        """A UART loses what nobody takes; so does this."""
        if self._room.poll(0):
            self._wire.write(data)

    def feed(self) -> None:
        if not self._fed:
            self._fed = True
            self._pins.write(b"r\n")

    def idle(self, limit_ms: int) -> None:
        self._hear(limit_ms)

    def _hear(self, limit_ms: int) -> None:
        """Wait at most that long for a byte; take in what the world says. One byte a read: MicroPython waits for all it was asked for."""
        while self._ready(self._pins, limit_ms):
            limit_ms = 0
            byte = self._byte(self._pins)
            if byte != b"\n":
                self._line += byte
                continue
            self._obey(self._line.decode().split())
            self._line = b""

    def _obey(self, words: list[str]) -> None:
        if words[0] == "i":
            self._inputs[wire.INPUTS.index(words[1])] = int(words[2])
        else:
            self._measures[words[1]] = int(words[2])

    def _byte(self, stream) -> bytes:
        byte = stream.read(1)
        if not byte:
            raise OSError("the bench is gone")
        return byte

    def _ready(self, stream, limit_ms: int) -> bool:
        found = [event[0] for event in self._poll.poll(limit_ms)]
        return stream in found or stream.fileno() in found
