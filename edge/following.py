"""What follows from what the screen shows: power learns what the station does and how long a person takes, lamps and buzzer tell the room.

Reads snapshots only; the procedure knows nothing of it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

from edge.clock import Clock
from edge.devices.interfaces import Gpio
from edge.devices.presence import Presence
from edge.errors import DeviceError
from edge.power.manager import PowerManager

Snapshot = Mapping[str, Any]
SWITCH_S = 1.0
DRAW = {"capturing": "capture", "judging": "capture", "saving": "capture"}
"""activity on the screen -> whose draw is being learnt"""


class Follower:
    """One task beside the session."""

    def __init__(self, power: PowerManager, gpio: Presence[Gpio] | None, lines: Mapping[str, int], captured: Callable[[str], None], clock: Clock) -> None:
        """lines: outputs of [devices.gpio]; captured: told the device of each capture that was saved."""
        self._power, self._gpio, self._lines, self._captured, self._clock = power, gpio, lines, captured, clock
        self._began_s: float | None = None
        self._seen_idle = self._somebody = self._recorded = False
        self._done: set[tuple[str, int]] = set()
        self._lit: dict[str, bool] = {}

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async for snapshot in snapshots:
            self._tell_power(snapshot)
            self._count(snapshot)
            await self._light(lamps(snapshot))

    def _tell_power(self, snapshot: Snapshot) -> None:
        enrolling = snapshot["phase"] == "enrolling"
        self._power.activity("print" if snapshot["step"] == "slip" else DRAW.get(snapshot["activity"], "preview" if enrolling else "idle"))
        if enrolling:
            self._at_desk(snapshot)
        elif snapshot["phase"] != "stopping":
            self._gone_home()

    def _at_desk(self, snapshot: Snapshot) -> None:
        if self._seen_idle and not self._somebody:
            self._began_s = self._clock.monotonic_s()
            self._power.person_called()
        self._somebody, self._recorded = True, bool(snapshot["saved"])

    def _gone_home(self) -> None:
        """Only who was recorded counts; an enrolment found at the start began in another life, so its time is unknown."""
        if self._somebody and self._recorded:
            self._power.person_done(None if self._began_s is None else self._clock.monotonic_s() - self._began_s)
        self._seen_idle, self._somebody, self._began_s = True, False, None

    def _count(self, snapshot: Snapshot) -> None:
        """Captures by device, for the equipment register."""
        done = {(target["kind"], target["position"]) for target in snapshot["targets"] if target["state"] == "done"}
        for kind, _ in done - self._done:
            if kind in DEVICE_OF:
                self._captured(DEVICE_OF[kind])
        self._done = done

    async def _light(self, wanted: Mapping[str, bool]) -> None:
        """Only what is wired and has changed; a lamp that fails stops nobody."""
        for line, on in wanted.items():
            if line in self._lines and self._lit.get(line) != on and self._gpio is not None and self._gpio.state == "ready":
                with suppress(DeviceError):
                    await self._gpio.use(_switch(line, on), SWITCH_S)
                    self._lit[line] = on


DEVICE_OF = {"face": "camera", "exception_photo": "camera", "signature": "tablet", "finger": "fingerprint", "iris": "iris"}


def lamps(snapshot: Snapshot) -> dict[str, bool]:
    """Stack light: green ready for the next person, yellow somebody is being recorded, red something needs a person; backdrop lamp at the photo."""
    alarm = any(notice["level"] == "alarm" for notice in snapshot["notices"])
    enrolling = snapshot["phase"] == "enrolling"
    return {
        "lamp_green": snapshot["phase"] == "idle" and not alarm, "lamp_yellow": enrolling, "lamp_red": alarm,
        "backdrop": enrolling and snapshot["step"] == "face",
    }


def _switch(line: str, on: bool) -> Any:
    async def act(pins: Gpio) -> None:
        pins.write(line, on)

    return act
