"""Golden exchanges of tests/vectors/devices, and a device that knows nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "vectors" / "devices"


class Exchange(NamedTuple):
    """What the host sends, and what the device answers to it (nothing where the source does not print it)."""

    about: str
    sent: bytes
    answer: bytes


def exchanges(name: str) -> list[Exchange]:
    """Of one file, in order."""
    found: list[Exchange] = []
    about = ""
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "#":
            about = rest
        elif kind == ">":
            found.append(Exchange(about, bytes.fromhex(rest), b""))
        elif kind == "<":
            found[-1] = found[-1]._replace(answer=bytes.fromhex(rest))
    return found


class Recited:
    """Answers what is written in a file, and keeps what it was sent."""

    def __init__(self, name: str) -> None:
        self.heard = bytearray()
        self.send: Callable[[bytes], None] = lambda data: None
        """what it says of its own accord"""
        self._answers = {exchange.sent: exchange.answer for exchange in exchanges(name)}
        self._held = bytearray()

    def answer(self, data: bytes) -> bytes:
        """To whatever these bytes complete."""
        self.heard += data
        self._held += data
        for sent, answer in self._answers.items():
            if self._held.endswith(sent):
                self._held.clear()
                return answer
        return b""
