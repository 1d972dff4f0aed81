"""Lamps and buzzer follow the screen, over a GPIO chip that may go away."""

import asyncio
from typing import Any

from edge.clock import SystemClock
from edge.devices.interfaces import Identity
from edge.devices.presence import Limits, Presence
from edge.errors import DeviceAbsent
from edge.signals import Signals, lamps
from tests.waiting import until

LINES = {"lamp_green": 17, "lamp_yellow": 18, "lamp_red": 27, "backdrop": 23, "buzzer": 22}
IDLE: dict[str, Any] = {"phase": "idle", "step": None, "notices": [], "saved": False, "power": {"notices": [], "lamp_percent": 100}}
PHOTO = {**IDLE, "phase": "enrolling", "step": "face"}
ALARM = {"id": "store_full", "level": "alarm", "values": {}}


def lit(snapshot: dict[str, Any]) -> list[str]:
    return [name for name, on in lamps(snapshot).items() if on]


def test_lamps_tell_the_room_what_the_screen_tells_the_operator() -> None:
    assert lit(IDLE) == ["lamp_green"]
    assert lit({**IDLE, "notices": [ALARM]}) == ["lamp_red"]
    assert lit({**IDLE, "power": {"notices": [ALARM]}}) == ["lamp_red"], "power's alarms too"
    assert lit({**IDLE, "phase": "stopping"}) == ["lamp_red"]
    assert lit({**IDLE, "phase": "locked"}) == []
    assert lit(PHOTO) == ["lamp_yellow", "backdrop"]
    assert lit({**PHOTO, "power": {"notices": [], "lamp_percent": 0}}) == ["lamp_yellow"]


class Pins:
    """A chip that notes what is written, and fails while it is out."""

    name = "gpio"

    def __init__(self) -> None:
        self.levels: dict[str, bool] = {}
        self.beeps = 0
        self.out = False

    async def open(self) -> Identity:
        await self.health()
        self.levels = {}
        return Identity("Pi", "header")

    async def health(self) -> None:
        if self.out:
            raise DeviceAbsent("gpio_absent", self.name, "away", "It is opened again by itself.")

    async def close(self) -> None: ...

    def wire(self) -> str:
        return ""

    def write(self, line: str, on: bool) -> None:
        if self.out:
            raise DeviceAbsent("gpio_absent", self.name, "away", "It is opened again by itself.")
        self.beeps += line == "buzzer" and on
        self.levels[line] = on

    def read(self, line: str) -> bool:
        return False


def test_the_buzzer_says_saved_once_and_an_alarm_three_times_and_lamps_come_back_with_the_chip() -> None:
    async def scene() -> None:
        pins = Pins()
        gpio = Presence("gpio", lambda: pins, SystemClock(), lambda change: None, limits=Limits(first_retry_s=0.01, health_every_s=60))
        keeping = asyncio.create_task(gpio.run())
        signals = Signals(gpio, LINES, SystemClock())
        assert await gpio.when_ready(5)
        await signals.show(PHOTO)
        assert pins.levels == {"lamp_green": False, "lamp_yellow": True, "lamp_red": False, "backdrop": True}
        for _ in range(3):
            await signals.show({**PHOTO, "step": "slip", "saved": True})
        await until(lambda: pins.beeps == 1 and pins.levels["buzzer"] is False, "one beep")
        pins.out = True
        await signals.show({**IDLE, "notices": [ALARM]})
        pins.out = False
        assert await gpio.when_ready(5)
        await signals.show({**IDLE, "notices": []})
        await signals.show({**IDLE, "notices": [ALARM]})
        assert (pins.levels["lamp_red"], pins.levels["lamp_green"]) == (True, False), "all lamps are set again, not only the changed one"
        await until(lambda: pins.beeps == 4 and pins.levels["buzzer"] is False, "three beeps")
        signals.end()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(scene())
