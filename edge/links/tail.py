"""The last bytes on a wire, for the fault report: enough to see what led to a fault, and nothing of a person."""

from collections import deque

TAIL_BYTES = 512
"""about six fingerprint command/ack pairs, three data packets, or a list of upsd's variables"""


class WireTail:
    """The last bytes of both directions, oldest dropped first. In a private direction, what a person's body gave is counted and not kept."""

    def __init__(self, limit: int = TAIL_BYTES) -> None:
        self.private = ""
        """directions, as in `add`"""
        self._limit = limit
        self._pieces: deque[tuple[str, bytes | int]] = deque()
        self._held = 0

    def add(self, direction: str, data: bytes) -> None:
        """direction: `>` sent by us, `<` received."""
        if direction not in self.private:
            self._keep(direction, data)
        elif data:
            self._count(direction, len(data))

    def show(self, direction: str, data: bytes) -> None:
        """Keep these bytes, just counted, all the same: they are known to hold nothing of a person."""
        if self._pieces and self._pieces[-1][0] == direction and isinstance(counted := self._pieces[-1][1], int):
            self._pieces.pop()
            if counted > len(data):
                self._pieces.append((direction, counted - len(data)))
        self._keep(direction, data)

    def _keep(self, direction: str, data: bytes) -> None:
        if piece := bytes(data[-self._limit :]):
            self._pieces.append((direction, piece))
            self._held += len(piece)
        while self._held > self._limit:
            dropped = self._pieces.popleft()[1]
            self._held -= len(dropped) if isinstance(dropped, bytes) else 0

    def _count(self, direction: str, size: int) -> None:
        before = 0
        if self._pieces and self._pieces[-1][0] == direction and isinstance(self._pieces[-1][1], int):
            before = self._pieces.pop()[1]  # type: ignore[assignment]  # seen to be an int just now
        self._pieces.append((direction, before + size))
        while len(self._pieces) > self._limit:
            self._pieces.popleft()

    def text(self) -> str:
        """As in `> ef01ffff < 0703 (19220 bytes)`, neighbours of one direction joined."""
        words: list[str] = []
        last = ""
        for direction, piece in self._pieces:
            shown = piece.hex() if isinstance(piece, bytes) else f" ({piece} bytes) "
            words.append(shown if direction == last else f" {direction} {shown}")
            last = direction
        return " ".join("".join(words).split())
