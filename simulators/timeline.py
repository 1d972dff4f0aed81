"""Virtual time: what happens next, in order, without waiting. Same calls, same order."""

from collections.abc import Callable
from heapq import heappop, heappush


class Timeline:
    """A heap of things to do; `now_s` jumps from one to the next."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._number = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Do it that much later; equal times keep the order of the calls."""
        self._number += 1
        heappush(self._heap, (self.now_s + max(0.0, delay_s), self._number, call))

    def run(self, until_s: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Up to that time, or until `stop` says so after something was done."""
        while self._heap and self._heap[0][0] <= until_s:
            at_s, _, call = heappop(self._heap)
            self.now_s = max(self.now_s, at_s)
            call()
            if stop():
                return
        self.now_s = max(self.now_s, until_s)
