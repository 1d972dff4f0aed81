"""Wait for something to become true, with a deadline: the only place of the tests that gives way to other processes."""

import asyncio
import select
import time
from collections.abc import Awaitable, Callable


def wait_until(found: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Poll `found` until it is true; fail naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not found():
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up after {timeout_s} s waiting for {what}")
        select.select([], [], [], 0.01)


async def until(found: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """The same inside an event loop."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not found():
        if loop.time() > deadline:
            raise AssertionError(f"gave up after {timeout_s} s waiting for {what}")
        await asyncio.sleep(0.01)


async def until_it_is(asked: Callable[[], Awaitable[object]], wanted: object, what: str, timeout_s: float = 40.0) -> None:
    """Ask again and again, each question awaited, until the answer is `wanted`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while (answer := await asked()) != wanted:
        if loop.time() > deadline:
            raise AssertionError(f"gave up after {timeout_s} s waiting for {what}: {answer} instead of {wanted}")
        await asyncio.sleep(0.01)


async def pause(seconds: float) -> None:
    """Let the others run for that long: for clocks of tests that run faster than the wall."""
    await asyncio.sleep(seconds)
