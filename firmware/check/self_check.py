"""Run by MicroPython, on the bench or on the chip: many periods of the loop with the heap locked, where any allocation raises MemoryError;
then what messages cost, whether anything grows, and how much memory the board needs. Prints `name number` lines.
"""

import gc
import sys

gc.collect()
empty = gc.mem_alloc()

import board  # noqa: E402
import micropython  # noqa: E402

from protocols import board_link as wire  # noqa: E402

TURNS = 20_000 if sys.platform != "rp2" else 400
EXCHANGES = 1_000 if sys.platform != "rp2" else 20
"""an emulated chip is slow"""
TURN_MS = 7


class Hal:
    """Pins that change by themselves, so that every task has work."""

    serial = boot = reset_cause = 1

    def __init__(self):
        self.now = wire.TICKS_MASK - 60_000
        self.fed = 0
        self.light = 0
        self.inputs = [1] * len(wire.INPUTS)
        self.inbox = b""
        self.written = 0

    def ticks_ms(self):
        return self.now & wire.TICKS_MASK

    def ticks_diff(self, later, earlier):
        return (later - earlier) & wire.TICKS_MASK

    def read(self, index):
        return self.light if index == len(wire.INPUTS) - 1 else self.inputs[index]

    def write(self, index, level):
        if index == 0:
            self.light = level

    def temperature_c10(self):
        return 300

    def supply_mv(self):
        return 5_000

    def link_read(self, buffer):
        count = len(self.inbox)
        for index in range(count):
            buffer[index] = self.inbox[index]
        self.inbox = b""
        return count

    def link_write(self, data):
        self.written += 1

    def idle(self, limit_ms):
        self.now += 1

    def feed(self):
        self.fed += 1


def without_allocation(hal, made):
    """Every task at work, nobody on the link."""
    made.settings.closed = True
    made.watchdog.beat()
    made.genset.ask(wire.GENSET_TEST)
    made.step()
    micropython.heap_lock()
    for turn in range(TURNS):
        hal.now += TURN_MS
        if turn % 50 == 0:
            made.illuminator.request(0, 250, 19, 133)
        hal.inputs[turn % 5] = turn // 700 % 2
        made.step()
        if made.illuminator.lit:
            made.rest()
    micropython.heap_unlock()


def exchange(hal, made, name, number):
    """One command taken in and answered."""
    made.illuminator.dark()
    hal.inbox = wire.frame(number % 255 + 1, wire.command(name).kind)
    hal.now += TURN_MS
    made.step()


def cost(hal, made, name):
    """Bytes that one command leaves behind for the sweep."""
    exchange(hal, made, name, 1)
    gc.collect()
    before = gc.mem_alloc()
    exchange(hal, made, name, 2)
    return gc.mem_alloc() - before


def growth(hal, made):
    """Bytes in use after many periods of talk, more than before."""
    exchange(hal, made, "heartbeat", 3)
    gc.collect()
    before = gc.mem_alloc()
    for number in range(EXCHANGES):
        exchange(hal, made, "status" if number % 2 else "heartbeat", number)
        hal.now += 500
        if number % 10 == 0:
            gc.collect()
    gc.collect()
    return gc.mem_alloc() - before


hal = Hal()
made = board.Board(hal)
gc.collect()
print("heap", gc.mem_alloc() - empty)
print("free", gc.mem_free())
without_allocation(hal, made)
print("fed", hal.fed)
print("pulses", made.illuminator.pulses)
print("heartbeat", cost(hal, made, "heartbeat"))
print("status", cost(hal, made, "status"))
print("growth", growth(hal, made))
print("answers", hal.written)
