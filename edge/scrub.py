"""Looks at what waits here before somebody needs it: a record that rots on the card is found while its person can still be called back.

One entry a turn, while nobody is at the desk. What cannot be read back any more is told to the district once, never sent as good, and shown to
the operator until the district has closed the case.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge.clock import Clock
from edge.errors import StoreError
from edge.store.ledger import Ledger, register_number
from edge.store.worker import StoreWorker

TURN_S = 2.0
"""5,000 waiting records of 1 MB take three hours"""
ROUND_S = 6 * 3600.0
"""between two looks at the same entry, when few wait"""
log = logging.getLogger(__name__)


class Scrub:
    """`run` until cancelled; `report` may also be called by who finds an unreadable entry first."""

    def __init__(
        self, worker: StoreWorker, ledger: Ledger, station: str, clock: Clock, file: Path, busy: Callable[[], bool], found: Callable[[], None],
    ) -> None:
        """`file` is the store's own, on the card."""
        self.unreadable: tuple[str, ...] = ()
        """register numbers of the records whose persons must be recorded again"""
        self._worker, self._ledger, self._station, self._clock, self._busy, self._found = worker, ledger, station, clock, busy, found
        self._file, self._after = file, 0

    async def run(self) -> None:
        await self._turn(self._refresh)
        while True:
            await self._clock.sleep_s(TURN_S)
            if self._busy():
                continue
            if self._after == 0:
                await forget_cache(self._file)
            known = self.unreadable
            at_the_end = await self._turn(self._look)
            if self.unreadable != known:
                self._found()
            if at_the_end:
                await self._clock.sleep_s(ROUND_S)

    def report(self, sequence: int) -> None:
        """Tell district and operator. In the store's thread. Raises StoreError."""
        self._ledger.report_unreadable(sequence)
        self._refresh()

    async def _turn(self, work: Callable[[], bool]) -> bool:
        try:
            return await self._worker.run(work)
        except StoreError as error:
            log.warning("the store cannot be looked through now: %s", error)
            return False

    def _look(self) -> bool:
        """At the next entry that waits; True after the last one."""
        found = self._worker.store.check_waiting(self._after)
        self._after = found[0] if found else 0
        if found and not found[1]:
            log.warning("entry %d cannot be read back from the card", found[0])
            self.report(found[0])
        return found is None

    def _refresh(self) -> bool:
        self.unreadable = tuple(map(partial(register_number, self._station), self._worker.store.unreadable_records()))
        return True


async def forget_cache(file: Path) -> None:
    """What is read next comes from the card: rot there does not show in the machine's memory. Nothing happens where `dd` cannot do it.

    Another program has to do it: a descriptor of the store's file that is closed here would let go of SQLite's lock on it (POSIX), and a second
    station could write into the same store.
    """
    words = ("dd", f"if={file}", "iflag=nocache", "count=0", "status=none")
    try:
        dropping = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        await dropping.wait()
    except OSError as error:
        log.info("read from the cache: %s", error)
