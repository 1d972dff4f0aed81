"""Every output with its start value, its safe value and the longest time away from it, kept here whatever the rest of the board does.

Start and safe value are the same, so that a reset is always a way to safety (as Klipper demands of its pins).
"""

from protocols import board_link as wire

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

TABLE = (
    # name, safe level, longest time away from it in ms
    ("light", 0, 20),  # one pulse on an eye: eye safety, see illuminator
    ("light_supply", 0, 10_300),  # second switch in series: one burst of 10 s, its last lease
    ("start_contact", 0, 24 * HOUR_MS),  # a day without mains
    ("pi_power", 1, 12 * HOUR_MS),  # a night without power; then the Pi gets a try
    ("hub_power", 1, 12 * HOUR_MS),
    ("pi_stop", 0, 2_000),  # a key press long enough for systemd-logind
    ("lamp_ready", 0, HOUR_MS),
    ("lamp_work", 0, HOUR_MS),
    ("lamp_alarm", 0, HOUR_MS),
)


class Output:
    """One pin."""

    def __init__(self, hal, index: int, safe: int, longest_ms: int) -> None:
        self.level = safe
        self.safe = safe
        self.longest_ms = longest_ms
        self._hal = hal
        self._index = index
        self._away_ms = 0
        self._lease_ms = 0
        hal.write(index, safe)

    def set(self, level: int, lease_ms: int = 0) -> None:
        """Take `level` for `lease_ms` (0: as long as allowed); setting it again renews the lease, never the longest time."""
        if level == self.safe:
            self.rest()
            return
        if self.level == self.safe:
            self._away_ms = 0
            self.level = level
            self._hal.write(self._index, level)
        allowed = self.longest_ms - self._away_ms
        self._lease_ms = allowed if lease_ms == 0 or lease_ms > allowed else lease_ms

    def rest(self) -> None:
        """Back to the safe level now."""
        if self.level != self.safe:
            self.level = self.safe
            self._hal.write(self._index, self.safe)

    def step(self, dt_ms: int) -> None:
        if self.level == self.safe:
            return
        self._away_ms += dt_ms
        self._lease_ms -= dt_ms
        if self._lease_ms <= 0:
            self.rest()


class Outputs:
    """All of them, by name as attributes."""

    def __init__(self, hal) -> None:
        self.reported = False
        self._all = []
        for index in range(len(TABLE)):
            name, safe, longest_ms = TABLE[index]
            if name != wire.OUTPUTS[index]:
                raise ValueError("outputs and wire table differ at " + name)
            output = Output(hal, index, safe, longest_ms)
            setattr(self, name, output)
            self._all.append(output)

    def by_index(self, index: int) -> Output:
        return self._all[index]

    def step(self, dt_ms: int) -> None:
        for index in range(len(self._all)):
            self._all[index].step(dt_ms)
        self.reported = True

    def all_safe(self) -> None:
        """Before a reset, and when anything went wrong that nobody thought of."""
        for index in range(len(self._all)):
            self._all[index].rest()

    def bits(self) -> int:
        """Levels as in the status message."""
        found = 0
        for index in range(len(self._all)):
            found |= self._all[index].level << index
        return found
