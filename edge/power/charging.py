"""How fast a UPS's charger fills its battery: learnt from what one discharge left and the next one finds. Pure arithmetic.

Both ends are read under load, on the scale that the battery model has learnt; the charge that a UPS reports while it charges says little.
Unknown until it was seen.
"""

from dataclasses import dataclass

LEAST_S = 600.0
"""a shorter charge is within the error of the figures"""
LEAST_SHARE = 0.05
"""of what the battery holds: the same for its energy"""
FULLER = 0.6
"""above such a mean level a charger slows down: what it gives there is less than an empty battery gets"""
LEARN = 0.4
"""weight of the newest charge"""


@dataclass
class Charging:
    """One charger."""

    watts: float | None = None
    """watt-hours an hour into a battery that is rather empty; None: not seen yet"""
    left_wh: float | None = None
    """what the last discharge left; None: unknown, so nothing can be learnt from the next"""
    seconds: float = 0.0
    """that it has charged since"""

    def forget(self) -> None:
        """What happens to the battery is not known."""
        self.left_wh, self.seconds = None, 0.0

    def begins(self, left_wh: float | None) -> None:
        """A discharge is over."""
        self.left_wh, self.seconds = left_wh, 0.0

    def drawn(self, wh: float) -> None:
        """A discharge too short or too light to read the battery in it."""
        self.left_wh = None if self.left_wh is None else max(0.0, self.left_wh - wh)

    def found(self, wh: float | None, *, full: bool, whole_wh: float) -> None:
        """The next discharge finds so much of whole_wh. A battery that is full was so for an unknown time: its charger gives that much or more."""
        if wh is None or self.left_wh is None or self.seconds < LEAST_S or wh - self.left_wh < LEAST_SHARE * whole_wh:
            return
        watts = 3600 * (wh - self.left_wh) / self.seconds
        if not full and (wh + self.left_wh) / 2 <= FULLER * whole_wh:
            self.watts = watts if self.watts is None else self.watts + LEARN * (watts - self.watts)
        elif self.watts is not None:
            self.watts = max(self.watts, watts)
