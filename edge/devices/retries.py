"""When a device that failed is tried again, and when its supply is worth switching off and on. No clock and no I/O: instants come in.

A supply is cycled after a few failures that power may mend, then ever more rarely: each cycle takes seconds, wears the device, and is in
the way of a person who is mending it.
"""

from dataclasses import dataclass

from edge.errors import DeviceError, DeviceRefused

POWER_CANNOT_MEND = frozenset({"port_denied", "port_busy", "board_schema", "camera_software", "device_absent", "gpio_absent", "sensor_other_model"})
"""codes that lie in software, rights or configuration, beside every refusal in good form"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts; the defaults suit a USB or serial device that starts within 2 s."""

    open_s: float = 8.0
    health_s: float = 3.0
    health_every_s: float = 5.0
    close_s: float = 3.0
    let_go_s: float = 1.5
    """what a cancelled driver gets before it counts as hung"""
    first_retry_s: float = 0.2
    longest_retry_s: float = 2.0
    """a replugged device is found within this; trying costs one open() of a path"""
    cycle_after: int = 4
    """failures in a row before the supply is switched off and on"""
    first_cycle_s: float = 60.0
    longest_cycle_s: float = 3600.0
    """from one switching to the next; doubles each time"""
    good_spell_s: float = 600.0
    """so long it must have worked for the next trouble to be a new one"""
    left_behind: int = 3
    """calls that hang for ever; with more, opening again would only add to them"""


DEFAULTS = Limits()


class Retries:
    """Counts the failures of one device."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._failures = 0
        self._mendable = 0
        """failures in a row that power may mend"""
        self._opened_s: float | None = None
        self._cycle_pause_s = limits.first_cycle_s
        self._cycled_s: float | None = None

    def failed(self, error: DeviceError, now_s: float) -> None:
        """It could not be opened, or what was open has failed."""
        if self._opened_s is not None and now_s - self._opened_s >= self._limits.good_spell_s:
            self._cycle_pause_s, self._cycled_s = self._limits.first_cycle_s, None
        self._opened_s = None
        self._failures += 1
        hopeless = isinstance(error, DeviceRefused) or error.code in POWER_CANNOT_MEND
        self._mendable = 0 if hopeless else self._mendable + 1

    def opened(self, now_s: float) -> None:
        self._failures = self._mendable = 0
        self._opened_s = now_s

    def hurry(self) -> None:
        """Somebody waits: from the shortest pause on."""
        self._failures = 0

    def pause_s(self) -> float:
        """Before the next try; doubles up to the longest."""
        if self._failures == 0:
            return 0.0
        doubled: float = self._limits.first_retry_s * 2 ** min(self._failures - 1, 16)
        return min(doubled, self._limits.longest_retry_s)

    def power_is_due(self, now_s: float) -> bool:
        """Enough failures that power may mend, and long enough since it was tried."""
        rested = self._cycled_s is None or now_s - self._cycled_s >= self._cycle_pause_s
        return self._mendable >= self._limits.cycle_after and rested

    def cycled(self, now_s: float) -> None:
        if self._cycled_s is not None:
            self._cycle_pause_s = min(2 * self._cycle_pause_s, self._limits.longest_cycle_s)
        self._cycled_s = now_s
