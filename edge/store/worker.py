"""The store beside the event loop: one thread that everything about the store runs in, in the order of the calls."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from edge.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class StoreWorker:
    """Owns the store. A call that was begun ends even when its caller is cancelled: what it commits is committed."""

    def __init__(self, store: Store, executor: ThreadPoolExecutor) -> None:
        self.store = store
        """for those who run in its thread: never call it from the loop"""
        self._executor = executor

    @classmethod
    async def open(cls, folder: Path, reserve_bytes: int) -> "StoreWorker":
        """Raises StoreBusy, StoreError."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            store = await asyncio.get_running_loop().run_in_executor(executor, partial(Store.open, folder, reserve_bytes))
        except BaseException:
            executor.shutdown(wait=False)
            raise
        return cls(store, executor)

    async def call(self, method: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`await worker.call(Store.commit_part, record_id, part, progress)`."""
        return await self.run(partial(method, self.store, *args, **kwargs))

    async def run(self, work: Callable[[], T]) -> T:
        """Anything else that uses the store, such as `partial(ledger.close_record, draft)`."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def close(self) -> None:
        """After the calls that wait."""
        await self.run(self.store.close)
        self._executor.shutdown(wait=True)
