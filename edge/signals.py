"""Lamps and buzzer: what the screen says, for those who do not see it. Reads snapshots only; a lamp that fails stops nobody.

    lamp_green   the next person may come        lamp_yellow  somebody is being recorded      lamp_red  something needs a person
    backdrop     light on the cloth for the photo             buzzer    once: saved; three times: an alarm began

These are names of outputs in [devices.gpio]; what is not wired is left out.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from edge.clock import Clock
from edge.devices.interfaces import Gpio
from edge.devices.presence import Presence
from edge.errors import DeviceError

Snapshot = Mapping[str, Any]
BUZZER = "buzzer"
SWITCH_S = 1.0
BEEP_S = 0.12
SAVED_BEEPS, ALARM_BEEPS = 1, 3


class Signals:
    """One desk's."""

    def __init__(self, gpio: Presence[Gpio] | None, lines: Mapping[str, int], clock: Clock) -> None:
        """lines: outputs of [devices.gpio]."""
        self._gpio, self._lines, self._clock = gpio, lines, clock
        self._lit: dict[str, bool] = {}
        self._heard = (False, False)
        self._beeping: asyncio.Task[None] | None = None

    async def show(self, snapshot: Snapshot) -> None:
        """Switch what has changed, all of it again when the pins were away in between."""
        before, self._heard = self._heard, (bool(snapshot["saved"]), alarmed(snapshot))
        if self._gpio is None or self._gpio.state not in ("ready", "busy"):
            self._lit.clear()
            return
        for line, on in lamps(snapshot).items():
            if line in self._lines and self._lit.get(line) != on and await self._switch(line, on):
                self._lit[line] = on
        self._sound(ALARM_BEEPS if self._heard[1] > before[1] else SAVED_BEEPS if self._heard[0] > before[0] else 0)

    def end(self) -> None:
        """No more beeps; the pins go to rest when their driver closes."""
        if self._beeping is not None:
            self._beeping.cancel()

    async def _switch(self, line: str, on: bool) -> bool:
        async def act(pins: Gpio) -> None:
            pins.write(line, on)

        assert self._gpio is not None
        with suppress(DeviceError):
            await self._gpio.use(act, SWITCH_S)
            return True
        return False

    def _sound(self, beeps: int) -> None:
        """Beside the lamps; the newest news is the one to hear."""
        if beeps and BUZZER in self._lines:
            self.end()
            self._beeping = asyncio.create_task(self._beep(beeps), name="buzzer")

    async def _beep(self, count: int) -> None:
        for _ in range(count):
            await self._switch(BUZZER, True)
            await self._clock.sleep_s(BEEP_S)
            await self._switch(BUZZER, False)
            await self._clock.sleep_s(BEEP_S)


def alarmed(snapshot: Snapshot) -> bool:
    """Does anything on the screen need somebody at once?"""
    power = snapshot.get("power") or {}
    notices = [*snapshot["notices"], *power.get("notices", ())]
    return snapshot["phase"] == "stopping" or any(notice["level"] == "alarm" for notice in notices)


def lamps(snapshot: Snapshot) -> dict[str, bool]:
    """Line -> on. The backdrop stays dark while power has none to spare."""
    alarm, enrolling = alarmed(snapshot), snapshot["phase"] == "enrolling"
    spared = (snapshot.get("power") or {}).get("lamp_percent", 100) == 0
    return {
        "lamp_green": snapshot["phase"] == "idle" and not alarm, "lamp_yellow": enrolling, "lamp_red": alarm,
        "backdrop": enrolling and snapshot["step"] == "face" and not spared,
    }
