"""The orderly stop: the step under way is committed, devices are parked, disks are synced, the board is told, the machine halts.

Every part has a deadline and none can hold up the next: a full card or a hung device costs its few seconds, then the stop goes on.
What was shown as saved is saved already, whatever happens here. Not responsible for deciding to stop (policy.py).
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edge.errors import StationError
from edge.power.supervisor import sd_notify

log = logging.getLogger(__name__)

HALT_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the stop."""

    name: str
    act: Callable[[], Awaitable[None]]
    deadline_s: float = 5.0


class OrderlyStop:
    """Runs once; a second call waits for nothing and does nothing."""

    def __init__(self, parts: Sequence[Part], halt_command: Sequence[str] = (), say: Callable[[str], None] = sd_notify) -> None:
        """parts: in order, e.g. finish the step, park each device, sync the disks, tell the board. say: systemd's notification."""
        self._parts = tuple(parts)
        self._halt_command = tuple(halt_command)
        self._say = say
        self.why: str | None = None
        self.failed: tuple[str, ...] = ()
        """names of the parts that did not do their work"""

    async def run(self, why: str) -> None:
        """Stop because of `why` (message id)."""
        if self.why is not None:
            return
        self.why = why
        log.warning("orderly stop: %s", why)
        for part in self._parts:
            if not await self._done(part):
                self.failed = (*self.failed, part.name)
        self._say("STOPPING=1")  # from here on systemd's TimeoutStopSec runs
        if self._halt_command:
            await self._done(Part("halt", self._halt, HALT_DEADLINE_S))

    async def _done(self, part: Part) -> bool:
        try:
            async with asyncio.timeout(part.deadline_s):
                await part.act()
        except (StationError, OSError, TimeoutError) as error:
            log.warning("orderly stop: %s did not finish (%s)", part.name, str(error) or "too slow")
            return False
        return True

    async def _halt(self) -> None:
        program = await asyncio.create_subprocess_exec(*self._halt_command)
        code = await program.wait()
        if code != 0:
            raise OSError(f"{self._halt_command[0]} ended with {code}")


async def sync_disks() -> None:
    """Write out everything that the kernel still holds."""
    await asyncio.to_thread(os.sync)
