"""Blocking calls in threads: what is given up is counted for its owner, and what it got hold of late is let go."""

import asyncio
import threading

import pytest

from edge.links.worker import LeftBehind, run_blocking
from tests.waiting import until


def test_an_answer_an_error_and_a_time_out_of_the_works_own() -> None:
    async def run() -> None:
        assert await run_blocking("adds", lambda: 40 + 2, 5) == 42
        with pytest.raises(ZeroDivisionError):
            await run_blocking("divides", lambda: 1 // 0, 5)
        with pytest.raises(TimeoutError, match="socket"):
            await run_blocking("raises", _times_out, 5)

    asyncio.run(run())


def _times_out() -> None:
    raise TimeoutError("socket")


@pytest.mark.parametrize("end", ["deadline", "cancelled"])
def test_what_is_given_up_counts_until_it_has_ended_and_is_undone(end: str) -> None:
    async def run() -> None:
        freed: list[int] = []
        ends, undone = threading.Event(), threading.Event()
        owner = LeftBehind(lambda: freed.append(owner.count))
        call = run_blocking("hangs", ends.wait, 0.05 if end == "deadline" else 60, undo=undone.set)
        task = asyncio.get_running_loop().create_task(call, context=owner.claim())
        if end == "cancelled":
            await until(lambda: any(thread.name == "hangs" for thread in threading.enumerate()), "the call")
            task.cancel()
        with pytest.raises((TimeoutError, asyncio.CancelledError)):
            await task
        assert (owner.count, freed, undone.is_set()) == (1, [], False), "it still hangs"
        ends.set()
        await until(lambda: freed, "its end")
        assert (owner.count, freed, undone.is_set()) == (0, [0], True)

    asyncio.run(run())


def test_what_came_in_time_is_not_undone() -> None:
    async def run() -> None:
        undone = threading.Event()
        owner = LeftBehind()
        await asyncio.get_running_loop().create_task(run_blocking("works", lambda: None, 5, undo=undone.set), context=owner.claim())
        assert (owner.count, undone.is_set()) == (0, False)

    asyncio.run(run())


def test_calls_of_one_owner_are_not_anothers() -> None:
    async def run() -> None:
        ends = threading.Event()
        first, second = LeftBehind(), LeftBehind()
        tasks = [asyncio.get_running_loop().create_task(run_blocking("hangs", ends.wait, 0.01), context=first.claim()) for _ in range(3)]
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (first.count, second.count) == (3, 0)
        ends.set()
        await until(lambda: first.count == 0, "their end")

    asyncio.run(run())
