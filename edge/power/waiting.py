"""How many people still wait for their turn: told by the operator, or the queue numbers planned for a day; counted down at each call. Pure.

Not known is None: nobody told and nothing is planned.
"""

from typing import Any


class Waiting:
    """The queue before one desk."""

    def __init__(self, planned: int) -> None:
        """planned: queue numbers handed out a day; 0: not known beforehand."""
        self._planned = planned
        self._told: int | None = None
        self._day = ""

    @property
    def people(self) -> int | None:
        return self._told

    def tell(self, people: int, day: str) -> None:
        """The operator has counted."""
        self._told, self._day = people, day

    def called(self, day: str) -> None:
        """Somebody has come to the desk."""
        self.today(day)
        if self._told is not None:
            self._told = max(0, self._told - 1)

    def today(self, day: str) -> None:
        """A new day begins with the numbers planned for it."""
        if day != self._day:
            self._told, self._day = self._planned or None, day

    def dump(self) -> list[Any]:
        return [self._told, self._day]

    def restore(self, kept: list[Any] | None) -> None:
        if kept is not None:
            self._told, self._day = kept
