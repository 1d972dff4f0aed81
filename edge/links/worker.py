"""Run blocking library code beside the event loop, and walk away from it when it hangs.

A daemon thread for each call: unlike an executor's, it cannot keep the process from ending. Nothing can end a thread that hangs for ever,
so whoever starts calls again and again (`Presence`) claims them with `LeftBehind` and stops at a few. Not responsible for freeing what
given-up code holds while it hangs: its owner closes the port or camera under it, which makes most code fail and the thread end.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LeftBehind:
    """How many calls of one owner were given up and have not ended. Touched on the event loop alone."""

    def __init__(self, freed: Callable[[], None] = lambda: None) -> None:
        """freed: called each time one of them has ended after all."""
        self.count = 0
        self._freed = freed

    def add(self) -> None:
        """One more hangs."""
        self.count += 1

    def free(self) -> None:
        """One of them has ended."""
        self.count -= 1
        self._freed()

    def claim(self) -> Context:
        """A context in which given-up calls are this owner's."""
        context = copy_context()
        context.run(_OWNER.set, self)
        return context


_OWNER: ContextVar[LeftBehind | None] = ContextVar("owner of blocking calls")


async def run_blocking(name: str, work: Callable[[], T], deadline_s: float, undo: Callable[[], object] = lambda: None) -> T:
    """Return what `work` returns, raise what it raises, or TimeoutError after the deadline while it goes on alone.

    undo: blocking; lets go of what given-up work got hold of, once that work has ended.
    """
    return await _Call(name, work, undo).answer(deadline_s)


class _Call(Generic[T]):
    """One piece of work in a thread. All but the work itself happens on the loop."""

    def __init__(self, name: str, work: Callable[[], T], undo: Callable[[], object]) -> None:
        self._name, self._undo = name, undo
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[T] = self._loop.create_future()
        self._owner = _OWNER.get(None) or LeftBehind()
        self._start(work, self._settle)

    def _start(self, work: Callable[[], Any], then: Callable[[Any, Exception | None], None]) -> None:
        def body() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as failed:  # noqa: BLE001  # the top of the thread: handed to the caller as it is
                error = failed
            with suppress(RuntimeError):  # the loop has ended meanwhile, and with it all who could care
                self._loop.call_soon_threadsafe(then, result, error)

        threading.Thread(target=body, name=self._name, daemon=True).start()

    async def answer(self, deadline_s: float) -> T:
        taken = False
        try:
            done, _ = await asyncio.wait({self._answer}, timeout=deadline_s)
            if not done:
                raise TimeoutError
            taken = True
            return self._answer.result()
        finally:
            if not taken:
                self._give_up()

    def _settle(self, result: T, error: Exception | None) -> None:
        if self._answer.cancelled():
            self._clear_up()
        elif error is not None:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(result)

    def _give_up(self) -> None:
        self._owner.add()
        if not self._answer.cancel():  # it came in the very moment in which the caller was cancelled
            self._answer.exception()
            self._clear_up()

    def _clear_up(self) -> None:
        self._start(self._undo, lambda _result, _error: self._owner.free())
