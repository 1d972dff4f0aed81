"""What follows from what the screen shows: power learns what the station does and how long a person takes, lamps and buzzer tell the room.

Reads snapshots only; the procedure knows nothing of it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from edge.clock import Clock
from edge.devices.interfaces import Gpio
from edge.devices.presence import Presence
from edge.power.manager import PowerManager
from edge.signals import Signals

Snapshot = Mapping[str, Any]
DRAW = {"capturing": "capture", "judging": "capture", "saving": "capture"}
"""activity on the screen -> whose draw is being learnt"""


class Follower:
    """One task beside the session."""

    def __init__(self, power: PowerManager, gpio: Presence[Gpio] | None, lines: Mapping[str, int], captured: Callable[[str], None], clock: Clock) -> None:
        """lines: outputs of [devices.gpio]; captured: told the device of each capture that was saved."""
        self._power, self._captured, self._clock = power, captured, clock
        self._signals = Signals(gpio, lines, clock)
        self._began_s: float | None = None
        self._seen_idle = self._somebody = self._recorded = False
        self._done: set[tuple[str, int]] = set()

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        try:
            async for snapshot in snapshots:
                self._tell_power(snapshot)
                self._count(snapshot)
                await self._signals.show(snapshot)
        finally:
            self._signals.end()

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


DEVICE_OF = {"face": "camera", "exception_photo": "camera", "signature": "tablet", "finger": "fingerprint", "iris": "iris"}
