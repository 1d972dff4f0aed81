"""Switch one device's supply off and on through its GPIO line: the last thing to try before a person has to pull the plug."""

from collections.abc import Callable, Coroutine
from typing import Any

from edge.clock import Clock
from edge.devices.interfaces import Gpio
from edge.devices.presence import Presence

OFF_S = 3.0
"""longer than the capacitors of USB devices hold (0.5 to 2 s)"""
SWITCH_S = 1.0


def supply_cycle(gpio: Presence[Gpio], line: str, clock: Clock) -> Callable[[], Coroutine[Any, Any, None]]:
    """For `Presence(power_cycle=...)`. line: name of the output in `[devices.gpio]`, high is on. Raises DeviceError when the pin can not be set."""

    async def set_line(on: bool) -> None:
        async def switch(pins: Gpio) -> None:
            pins.write(line, on)

        await gpio.use(switch, SWITCH_S)

    async def cycle() -> None:
        if gpio.state not in ("ready", "busy"):
            return  # without pins there is nothing to try
        await set_line(False)
        try:
            await clock.sleep_s(OFF_S)
        finally:
            await set_line(True)

    return cycle
