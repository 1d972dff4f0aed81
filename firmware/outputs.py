"""Every output with its start value, its safe value, the longest time away from it and the rest that makes it new; kept here whatever the
rest of the board does.

Start and safe value are the same, so that a reset is always a way to safety (as Klipper demands of its pins). The longest time counts on over
short returns: only a whole rest begins it anew, so nobody can hold an output on by letting go for a moment.
"""

from protocols import board_link as wire

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

TURN_MS = 4
"""a turn of the loop on the chip: so much later than it happened a thing may be noticed"""

TABLE = (
    # name, safe level, longest time away from it in ms, rest after which that time begins anew in ms
    ("light", 0, 20, 0),  # one pulse on an eye; the hardware ends it and keeps its pause (pulse_rp2)
    ("light_supply", 0, 10_300, 50),  # second switch in series: one burst of 10 s, its last lease; bursts lie 300 ms apart, a lease is 250
    ("start_contact", 0, 24 * HOUR_MS, 10 * MINUTE_MS),  # a day without mains; an engine then stands, for its oil's sake
    ("pi_power", 1, 12 * HOUR_MS, 2 * MINUTE_MS),  # a night without power; then the Pi gets a try, long enough to start
    ("hub_power", 1, 12 * HOUR_MS, 2 * MINUTE_MS),
    ("pi_stop", 0, 2_000, 1_000),  # a key press long enough for systemd-logind; several in a row would be the long press that cuts the power
    ("lamp_ready", 0, HOUR_MS, 0),  # lamps only tell: who still asks within the hour may have them for ever
    ("lamp_work", 0, HOUR_MS, 0),
    ("lamp_alarm", 0, HOUR_MS, 0),
)


class Output:
    """One pin."""

    def __init__(self, hal, index: int, safe: int, longest_ms: int, rest_ms: int) -> None:
        self.level = safe
        self.safe = safe
        self.longest_ms = longest_ms
        self.left_ms = 0
        """until it goes back by itself"""
        self._rest_ms = rest_ms
        self._hal = hal
        self._index = index
        self._away_ms = 0
        """in all, since the last whole rest"""
        self._rested_ms = 0
        hal.write(index, safe)

    def ready(self) -> bool:
        """Not at its limit: `set` would do something."""
        return self._away_ms < self.longest_ms

    def set(self, level: int, lease_ms: int = 0) -> None:
        """Take `level` for `lease_ms` (0: as long as allowed); setting it again renews the lease, never the longest time. Nothing happens to
        an output that has to rest."""
        if level == self.safe:
            self.rest()
            return
        allowed = self.longest_ms - self._away_ms
        if allowed <= 0:
            return
        self.left_ms = allowed if lease_ms == 0 or lease_ms > allowed else lease_ms
        if self.level == self.safe:
            self.level = level
            self._leave()

    def _leave(self) -> None:
        self._hal.write(self._index, self.level)

    def rest(self) -> None:
        """Back to the safe level now."""
        if self.level != self.safe:
            self.level = self.safe
            self._rested_ms = 0
            self._hal.write(self._index, self.safe)

    def step(self, dt_ms: int) -> None:
        if self.level == self.safe:
            self._recover(dt_ms)
            return
        self._away_ms += dt_ms
        self.left_ms -= dt_ms
        if self.left_ms <= 0:
            self.rest()

    def _recover(self, dt_ms: int) -> None:
        if self._away_ms:
            self._rested_ms += dt_ms
            if self._rested_ms >= self._rest_ms:
                self._away_ms = 0


class Light(Output):
    """Switched on for one pulse, which the hardware ends even if this program hangs; the count here only follows, a turn later."""

    def _leave(self) -> None:
        self._hal.pulse(self.left_ms)
        self.left_ms += TURN_MS


class Outputs:
    """All of them, by name as attributes."""

    def __init__(self, hal) -> None:
        self.reported = False
        self._all = []
        for index in range(len(TABLE)):
            name, safe, longest_ms, rest_ms = TABLE[index]
            if name != wire.OUTPUTS[index]:
                raise ValueError("outputs and wire table differ at " + name)
            output = (Light if name == "light" else Output)(hal, index, safe, longest_ms, rest_ms)
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
