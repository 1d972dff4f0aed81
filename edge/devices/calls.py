"""Calls of one driver, each under a deadline. One that hangs is cancelled, then left behind and counted: nothing can end it by force."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from edge.clock import Clock
from edge.errors import DeviceTimeout, StationError, driver_failed
from edge.links.worker import LeftBehind

T = TypeVar("T")


class Calls:
    """Of whichever driver the device has at the time."""

    def __init__(self, name: str, clock: Clock, let_go_s: float, freed: Callable[[], None]) -> None:
        """let_go_s: what a cancelled call gets before it is left behind; freed: one that was left behind has ended."""
        self._name, self._clock, self._let_go_s = name, clock, let_go_s
        self._left_behind = LeftBehind(freed)
        self._tasks: set[asyncio.Task[Any]] = set()
        """those left behind: somebody has to hold them"""

    @property
    def hung(self) -> int:
        """Tasks and threads that were left behind and have not ended."""
        return self._left_behind.count

    async def run(self, work: Coroutine[Any, Any, T], deadline_s: float) -> T:
        """Raises what the driver raises (`driver_failed`: what it should never raise), DeviceTimeout `driver_hung`."""
        task = asyncio.get_running_loop().create_task(work, context=self._left_behind.claim())
        try:
            if await self.ended(task, deadline_s):
                return self._result(task)
        finally:
            if not task.done():
                await self._cancel(task)
        what = f"the driver did not end within {deadline_s:g} s"
        raise DeviceTimeout("driver_hung", self._name, what, "It is restarted by itself; the others go on.", waited_s=deadline_s)

    async def ended(self, task: asyncio.Task[Any], within_s: float) -> bool:
        """Whether it has, after waiting for at most that long."""
        timer = asyncio.ensure_future(self._clock.sleep_s(within_s))
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return task.done()

    def _result(self, task: asyncio.Task[T]) -> T:
        """A fault of the driver's own, or of a library below it, is this device's trouble and not the station's end."""
        if task.cancelled():  # by itself: nobody here did
            raise driver_failed(self._name, asyncio.CancelledError("its own call"))
        error = task.exception()
        if not isinstance(error, Exception) or isinstance(error, StationError):
            return task.result()
        raise driver_failed(self._name, error) from error

    async def _cancel(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        if not await self.ended(task, self._let_go_s):
            self._left_behind.add()
            self._tasks.add(task)
            task.add_done_callback(self._forget)
        elif not task.cancelled():
            task.exception()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._left_behind.free()
        if not task.cancelled():
            task.exception()
