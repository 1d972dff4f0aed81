"""Run blocking library code beside the event loop, and walk away from it when it hangs.

A daemon thread for each call: unlike an executor's, it cannot keep the process from ending. Not responsible for freeing what the
abandoned code holds; its owner closes the port or camera under it, which makes the code fail and the thread end.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_blocking(name: str, work: Callable[[], T], deadline_s: float) -> T:
    """Return what `work` returns, raise what it raises, or TimeoutError after the deadline while it goes on alone."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def body() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as failed:  # noqa: BLE001  # the top of the thread: handed to the caller as it is
            error = failed
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=body, name=name, daemon=True).start()
    async with asyncio.timeout(deadline_s):
        return await answer
