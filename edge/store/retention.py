"""Forgets payloads whose receipt is older than the retention time; waits while nobody knows the date."""

import logging
from collections.abc import Callable

from edge.clock import Clock
from edge.errors import StoreError
from edge.store.store import Store
from edge.store.worker import StoreWorker

DAY_S = 86_400
EVERY_S = 3600.0
log = logging.getLogger(__name__)


class Retention:
    """One task beside the store; `days` tells the time that holds now."""

    def __init__(self, worker: StoreWorker, clock: Clock, days: Callable[[], float]) -> None:
        self._worker, self._clock, self._days = worker, clock, days

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._clock.trust() != "none":
                await self._purge(int(self._clock.wall_s() - self._days() * DAY_S))
            await self._clock.sleep_s(EVERY_S)

    async def _purge(self, before_s: int) -> None:
        try:
            while await self._worker.call(Store.purge, before_s):
                log.info("payloads past their retention time were forgotten")
        except StoreError as error:
            log.warning("nothing could be forgotten, tried again in an hour: %s", error)
