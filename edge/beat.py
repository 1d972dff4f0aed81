"""The station's sign of life to the board, and its look at the power button: every two seconds, while what watches over it is content."""

from collections.abc import Callable
from contextlib import suppress

from edge.clock import Clock
from edge.devices.interfaces import Board, Gpio
from edge.devices.presence import Presence
from edge.errors import DeviceError

BEAT_S = 2.0
BUTTON = "power_button"
"""name of an input of [devices.gpio]"""


class Beat:
    """One task. `button` is whether it was pressed at the last look; always False where none is wired."""

    def __init__(self, board: Presence[Board] | None, gpio: Presence[Gpio] | None, wired: bool, healthy: Callable[[], bool], clock: Clock) -> None:
        self.button = False
        self._board, self._gpio, self._healthy, self._clock = board, gpio if wired else None, healthy, clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._board is not None and self._board.state == "ready" and self._healthy():
                with suppress(DeviceError):
                    await self._board.use(lambda board: board.heartbeat(), BEAT_S)
            if self._gpio is not None and self._gpio.state == "ready":
                with suppress(DeviceError):
                    self.button = await self._gpio.use(_pressed, BEAT_S)
            await self._clock.sleep_s(BEAT_S)


async def _pressed(pins: Gpio) -> bool:
    return pins.read(BUTTON)
