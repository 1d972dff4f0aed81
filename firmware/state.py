"""What the board's tasks share: settings, latched faults, counts within the last hour. Plain memory, no pins, no time of its own."""

from protocols import board_link as wire

HOUR_MS = 3_600_000
LONGEST_MS = 0x1FFFFFFF
"""counters stop here (6 days) so that they stay small integers: the RP2040 would allocate for larger ones"""


def longer(counter_ms: int, dt_ms: int) -> int:
    """The counter after `dt_ms` more."""
    return LONGEST_MS if counter_ms > LONGEST_MS - dt_ms else counter_ms + dt_ms


def shorter(counter_ms: int, dt_ms: int) -> int:
    """The countdown after `dt_ms` more, not below 0."""
    return counter_ms - dt_ms if counter_ms > dt_ms else 0


class Settings:
    """The parameters of `board_link.PARAMETERS` as attributes; dangerous commands wait until the host has closed them."""

    def __init__(self) -> None:
        self.closed = False
        for name, default, _, _ in wire.PARAMETERS:
            setattr(self, name, default)

    def set(self, index: int, value: int) -> bool:
        """False when there is no such parameter or the value is out of its range; opens the configuration otherwise."""
        if index >= len(wire.PARAMETERS):
            return False
        name, _, least, most = wire.PARAMETERS[index]
        if not least <= value <= most:
            return False
        setattr(self, name, value)
        self.closed = False
        return True

    def crc(self) -> int:
        """What the host must have too."""
        return wire.config_crc([getattr(self, row[0]) for row in wire.PARAMETERS])


class Faults:
    """Bits of `board_link.FAULTS`; a latched one stays until `clear`."""

    def __init__(self) -> None:
        self.bits = 0

    def latch(self, bit: int) -> None:
        self.bits |= 1 << bit

    def drop(self, bit: int) -> None:
        self.bits &= ~(1 << bit)

    def has(self, bit: int) -> int:
        return self.bits >> bit & 1

    def clear(self) -> None:
        self.bits = 0


LIGHT_STUCK, LIGHT_DEAD, OVER_TEMPERATURE, GENSET_LOCKOUT, GENSET_WILL_NOT_STOP, GENSET_ALARM, PI_CUT_LIMIT, TAMPER, TASK_FAILED = range(len(wire.FAULTS))


class Machine:
    """A state machine as a table of (state, condition, next state): the first row that fits wins, one change a step."""

    TABLE: tuple = ()

    def __init__(self, first: int) -> None:
        self.reported = False
        self.state = first
        self.in_state_ms = 0

    def step(self, dt_ms: int) -> None:
        self.in_state_ms = longer(self.in_state_ms, dt_ms)
        self._count(dt_ms)
        for index in range(len(self.TABLE)):
            row = self.TABLE[index]
            if row[0] == self.state and row[1](self):
                self._enter(row[2])
                break
        self.reported = True

    def _count(self, dt_ms: int) -> None:
        """Move the machine's own counters."""

    def _enter(self, to: int) -> None:
        """Change the state and do what belongs to it."""
        self.state = to
        self.in_state_ms = 0


class LastHour:
    """How often something happened within the last hour, up to `limit` times."""

    def __init__(self, limit: int) -> None:
        self._left_ms = [0] * limit

    def step(self, dt_ms: int) -> None:
        for index in range(len(self._left_ms)):
            self._left_ms[index] = shorter(self._left_ms[index], dt_ms)

    def add(self) -> None:
        """Count one; the oldest is forgotten when all places are taken."""
        oldest = 0
        for index in range(len(self._left_ms)):
            if self._left_ms[index] < self._left_ms[oldest]:
                oldest = index
        self._left_ms[oldest] = HOUR_MS

    def count(self) -> int:
        number = 0
        for index in range(len(self._left_ms)):
            if self._left_ms[index]:
                number += 1
        return number
