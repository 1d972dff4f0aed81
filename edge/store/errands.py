"""What nobody waits for: ledger events and settings, written in the order they were asked for, as soon as the store's thread is free."""

import asyncio
import logging
from collections.abc import Callable

from edge.errors import StoreError
from edge.store.worker import StoreWorker
from protocols.canonical import FormatError

ERRANDS_MAX = 256
"""more than these in one moment say nothing new"""
log = logging.getLogger(__name__)


class StoreErrands:
    """`later` returns at once, `run` goes on until cancelled."""

    def __init__(self, worker: StoreWorker, written: Callable[[], None]) -> None:
        """`written` is called after each."""
        self._worker, self._written = worker, written
        self._waiting: asyncio.Queue[Callable[[], object]] = asyncio.Queue(ERRANDS_MAX)

    def later(self, errand: Callable[[], object]) -> None:
        """One that finds too many before it is left out, and logged."""
        if self._waiting.full():
            log.warning("too many events at once, one is left out")
            return
        self._waiting.put_nowait(errand)

    async def all_written(self) -> None:
        """Returns when none waits."""
        await self._waiting.join()

    async def run(self) -> None:
        while True:
            errand = await self._waiting.get()
            try:
                await self._worker.run(errand)
            except (StoreError, FormatError) as error:
                log.warning("could not be kept: %s", error)
            self._waiting.task_done()
            self._written()
