"""A genset that the station had asked for, when nobody is left to care for it: in safe mode its request is taken back.

After the minimum run the request alone is cancelled; to take the load off, cool down and stop is the controller's own work. What runs by
the controller's own will, or by hand, is not ours: once the engine has stood, or after some tries, it is left alone. Where the board's
contact asked, nothing is to be done: its lease is not renewed.
"""

import asyncio
import math
from contextlib import suppress

from edge.clock import Clock
from edge.devices.interfaces import Genset
from edge.devices.presence import Presence
from edge.errors import DeviceError
from edge.power.genset_plan import NOT_AUTOMATIC, turns
from station_config.schema import GensetRules

AGAIN_S, TRIES = 60.0, 10
DEADLINE_S = 8.0
"""five blocks at a second each and a retry"""


def minutes(rules: GensetRules) -> int:
    """After so many a genset that the station had asked for stands."""
    return math.ceil((rules.minimum_run_s + rules.cool_down_s) / 60)


async def bring_home(genset: Presence[Genset], rules: GensetRules, clock: Clock) -> None:
    """Until the engine stands, or it cannot be stopped from here."""
    async with asyncio.TaskGroup() as group:
        opened = group.create_task(genset.run())
        await clock.sleep_s(rules.minimum_run_s)
        for _ in range(TRIES):
            with suppress(DeviceError):  # silent: its presence tries again, and the page says how to stop it by hand
                if not await genset.use(_let_go, DEADLINE_S):
                    break
            await clock.sleep_s(AGAIN_S)
        opened.cancel()


async def _let_go(genset: Genset) -> bool:
    """Does it turn, and not by somebody's hand? Then the request is taken back."""
    reading = await genset.reading()
    ours = turns(reading.rpm, reading.l1_v) is not False and reading.mode not in NOT_AUTOMATIC
    if ours:
        await genset.stop()
    return ours
