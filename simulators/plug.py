"""The plug of a simulated port: pulled and put in again in the order in which it was told, once or by a loose contact again and again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from simulators.world import WorldClock

LOOSE_OUT_S = 0.5
LOOSE_IN_S = 4.0

Move = Callable[[], Awaitable[None]]


class Plug:
    """One plug. `pull` and `push` move it and may be called in either state; `played` counts how often it was out, by fault."""

    def __init__(self, pull: Move, push: Move, clock: WorldClock, played: Counter[str]) -> None:
        self._pull, self._push, self._clock, self._played = pull, push, clock, played
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loose: asyncio.Task[None] | None = None

    async def begin(self, faults: Collection[str]) -> None:
        """Put it in, unless it is out from the start."""
        if "unplug" in faults:
            self._played["unplug"] += 1
        else:
            await self._move(self._push)
        if "replug" in faults:
            self.act("replug", True)

    def act(self, fault: str, on: bool) -> None:
        """`unplug` pulls it, or puts it in again; `replug` makes the contact loose."""
        if self._loose is not None:
            self._loose.cancel()
            self._loose = None
        if fault == "replug" and on:
            self._loose = self._begin(self._wobble())
        else:
            self._begin(self._out("unplug") if on else self._move(self._push))

    async def end(self) -> None:
        """No more moves. Raises what one of them raised."""
        if self._loose is not None:
            self._loose.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    def _begin(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        return task

    async def _move(self, move: Move) -> None:
        async with self._turn:
            await move()

    async def _out(self, fault: str) -> None:
        await self._move(self._pull)
        self._played[fault] += 1

    async def _wobble(self) -> None:
        while True:
            await self._out("replug")
            await self._clock.sleep_s(LOOSE_OUT_S)
            await self._move(self._push)
            await self._clock.sleep_s(LOOSE_IN_S)
