"""Where the power comes from and how long it lasts, for the page of safe mode: as the UPSes themselves tell it, the station's own estimate is not running.

Read-only, and whoever is silent is unknown. People left are not told: nobody is recorded in safe mode.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from edge.clock import Clock
from edge.devices.interfaces import Ups, UpsReading
from edge.errors import DeviceError

EVERY_S = 10.0


def sentence(readings: Sequence[UpsReading], texts: Mapping[str, str]) -> str:
    """Source and minutes; one UPS on battery, or the weakest of them, speaks for all."""
    fresh = [reading for reading in readings if not reading.stale]
    if not fresh:
        return texts["power_unknown"]
    runtimes_s = [reading.runtime_s for reading in fresh if reading.runtime_s is not None]
    minutes = int(min(runtimes_s) / 60) if len(runtimes_s) == len(fresh) else None
    if any("OB" in reading.status for reading in fresh):
        return texts["power_battery_unknown"] if minutes is None else texts["power_battery_minutes"].format(minutes=minutes)
    left = texts["power_reserve_unknown"] if minutes is None else texts["power_reserve_minutes"].format(minutes=minutes)
    return f"{texts['safe_mode_supplied']} {left}"


async def watch(upses: Sequence[Ups], texts: Mapping[str, str], tell: Callable[[str], None], clock: Clock) -> None:
    """Tell the sentence again and again until cancelled."""
    while True:
        tell(sentence([reading for ups in upses for reading in await _ask(ups)], texts))
        await clock.sleep_s(EVERY_S)


async def _ask(ups: Ups) -> list[UpsReading]:
    """Nothing when it does not answer; connected anew each time, for upsd may start again meanwhile."""
    with suppress(DeviceError):
        try:
            await ups.open()
            return [await ups.reading()]
        finally:
            await ups.close()
    return []
