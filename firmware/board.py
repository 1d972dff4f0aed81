"""The board: every task takes a step on each turn of one loop, and the chip's own watchdog is fed only when all have reported.

Time is the loop's `dt_ms` alone. Steps allocate nothing, nor does the report of each second (small integers, buffers made at start); only a
command does, and the heap is swept between leases of light.
"""

import gc
import struct

import genset
import illuminator
import link
import outputs
import power
import state
import watchdog

from protocols import board_link as wire

FEED_MS = 250
"""the chip's own watchdog bites after 2 s (hal_rp2)"""
SWEEP_MS = 5_000
IDLE_MS = 5
"""the loop's turn with nothing to do; a byte on the link ends it early where the port can tell"""


class Board:
    """All tasks and what they share."""

    def __init__(self, hal) -> None:
        self._hal = hal
        self.settings = state.Settings()
        self.faults = state.Faults()
        if hal.failed:
            self.faults.latch(state.TASK_FAILED)
        self.outputs = outputs.Outputs(hal)
        self.inputs = power.Inputs(hal, self.settings, self.faults)
        self.illuminator = illuminator.Illuminator(self.outputs, self.inputs, self.faults)
        self.genset = genset.Genset(self.outputs, self.inputs, self.settings, self.faults)
        self.watchdog = watchdog.Watchdog(self.outputs, self.inputs, self.settings, self.faults)
        self.link = link.Link(hal, self)
        self._tasks = (self.outputs, self.inputs, self.illuminator, self.genset, self.watchdog, self.link)
        self._last = hal.ticks_ms()
        self._fed_ms = 0
        self._sweep_ms = 0
        self._uptime_ms = 0
        self._uptime_s = 0

    def step(self) -> None:
        """One turn."""
        dt_ms = self._elapsed()
        self._count(dt_ms)
        for index in range(len(self._tasks)):
            self._tasks[index].step(dt_ms)
        self._feed(dt_ms)

    def _elapsed(self) -> int:
        """Milliseconds since it was asked last."""
        now = self._hal.ticks_ms()
        dt_ms = self._hal.ticks_diff(now, self._last)
        self._last = now
        return dt_ms

    def _count(self, dt_ms: int) -> None:
        self._uptime_ms += dt_ms
        while self._uptime_ms >= 1000:
            self._uptime_ms -= 1000
            self._uptime_s += 1

    def _feed(self, dt_ms: int) -> None:
        self._fed_ms += dt_ms
        if self._fed_ms < FEED_MS:
            return
        for index in range(len(self._tasks)):
            if not self._tasks[index].reported:
                return
        for index in range(len(self._tasks)):
            self._tasks[index].reported = False
        self._fed_ms = 0
        self._hal.feed()

    def rest(self) -> None:
        """Between turns: sweep the heap and give way, but not while a pulse is due to the millisecond."""
        if self.illuminator.lease_ms:
            self._hal.idle(0)
            return
        self._sweep_ms += IDLE_MS
        if self._sweep_ms >= SWEEP_MS:
            self._sweep_ms = 0
            gc.collect()
        self._hal.idle(IDLE_MS)

    def ticks(self) -> int:
        """Board time as on the wire."""
        return self._last & wire.TICKS_MASK

    def ahead_ms(self, ticks: int) -> int:
        """How far `ticks` lies in the future; 0 when it is past."""
        half = (wire.TICKS_MASK + 1) // 2
        return max(0, ((ticks - self.ticks() + half) & wire.TICKS_MASK) - half)

    def changes(self) -> int:
        """A small number that is another one when inputs, outputs or states changed; a pulse of light is no news."""
        steady = self.outputs.bits() & ~link.UNSTEADY
        return self.inputs.bits | steady << 7 | self.genset.state << 16 | self.watchdog.state << 20

    def pack_status(self, buffer: bytearray, at: int, garbage: int) -> None:
        """The values of a status message, as it lies on the wire."""
        light = self.illuminator
        struct.pack_into(
            wire.EVENT.format, buffer, at,
            self.ticks(), self._uptime_s, self._inputs_now(), self.outputs.bits(), self.faults.bits, self.genset.state, self.genset.failures,
            self.watchdog.state, self.watchdog.cuts.count(), self.inputs.temperature_c10, self.inputs.supply_mv, light.rest_ms, light.pulses,
            min(light.seen_ms, 0xFFFF), garbage, int(self.settings.closed),
        )

    def _inputs_now(self) -> int:
        """As debounced, but the photodiode as it is: a pulse is shorter than a contact's bouncing."""
        return self.inputs.bits & ~(1 << power.LIGHT_SEEN) | self.inputs.light_seen() << power.LIGHT_SEEN

    def clear(self) -> int:
        """Forget latched faults whose cause is gone; returns those that stay."""
        self.faults.clear()
        self.genset.acknowledge()
        if not self.inputs.may_clear_temperature():
            self.faults.latch(state.OVER_TEMPERATURE)
        return self.faults.bits


def run(hal) -> None:
    """Until a reset. Anything unforeseen: all outputs safe, and the chip's watchdog, no longer fed, resets the board; the next life tells it."""
    board = Board(hal)
    try:
        while not board.link.reset_wanted:
            board.step()
            board.rest()
    except KeyboardInterrupt:
        hal.ends()
        raise
    finally:
        board.outputs.all_safe()
    hal.reset()
