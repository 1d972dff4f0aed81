"""Run by MicroPython, on the bench or on the chip: many periods of the loop with the heap locked, where any allocation raises MemoryError,
with a station that listens and gets its reports; on the chip also with its own pins, converters and wire. Then what commands cost, whether
anything grows, and how much memory the board needs. Prints `name number` lines.
"""

import gc
import sys

gc.collect()
empty = gc.mem_alloc()

import board  # noqa: E402
import micropython  # noqa: E402

from protocols import board_link as wire  # noqa: E402

TURNS = 20_000 if sys.platform != "rp2" else 200
CHIP_TURNS = 200
EXCHANGES = 1_000 if sys.platform != "rp2" else 20
"""an emulated chip is slow"""
TURN_MS = 7


class Hal:
    """Pins that change by themselves, so that every task has work."""

    serial = boot = reset_cause = 1
    failed = False

    def __init__(self):
        self.now = wire.TICKS_MASK - 60_000
        self.fed = 0
        self.dark_at = 0
        self.inputs = [1] * len(wire.INPUTS)
        self.inbox = b""
        self.written = 0

    def ticks_ms(self):
        return self.now & wire.TICKS_MASK

    def ticks_diff(self, later, earlier):
        return (later - earlier) & wire.TICKS_MASK

    def read(self, index):
        return int(self.dark_at > self.now) if index == len(wire.INPUTS) - 1 else self.inputs[index]

    def write(self, index, level):
        pass

    def pulse(self, length_ms):
        self.dark_at = self.now + length_ms

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


def chip_hal():
    """The chip's own, but for its watchdog, which nothing could stop afterwards, and for what the station sends."""
    import hal_rp2

    class NoDog:
        fed = 0

        def __init__(self, timeout):
            pass

        def feed(self):
            NoDog.fed += 1

    class Chip(hal_rp2.Hal):
        inbox = b""
        written = 0
        link_read = Hal.link_read

        def link_write(self, data):
            hal_rp2.Hal.link_write(self, data)
            self.written += 1

    hal_rp2.WDT = NoDog
    return Chip()


def without_allocation(hal, made, turns, between):
    """Every task at work, and a station that hears a report each second; returns how many."""
    made.settings.closed = True
    made.watchdog.beat()
    told = 0
    for turn in range(turns):
        if turn % 100 == 0:
            made.genset.ask(wire.GENSET_TEST)
            exchange(hal, made, "heartbeat", turn // 100)
            written = hal.written
            micropython.heap_lock()
        if turn % 50 == 0:
            made.illuminator.request(0, 250, 19, 133)
        between(turn)
        made.step()
        made.rest()
        if turn % 100 == 99:
            micropython.heap_unlock()
            told += hal.written - written
    return told


def pass_time(turn):
    """The bench's hal stands still otherwise."""
    hal.now += TURN_MS
    hal.inputs[turn % 5] = turn // 700 % 2


def exchange(hal, made, name, number):
    """One command taken in and answered."""
    made.illuminator.dark()
    hal.inbox = wire.frame(number % 255 + 1, wire.command(name).kind)
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
        hal.now += 500 + TURN_MS
        if number % 10 == 0:
            gc.collect()
    gc.collect()
    return gc.mem_alloc() - before


hal = Hal()
made = board.Board(hal)
gc.collect()
print("heap", gc.mem_alloc() - empty)
print("free", gc.mem_free())
print("told", without_allocation(hal, made, TURNS, pass_time))
print("fed", hal.fed)
print("pulses", made.illuminator.pulses)
print("heartbeat", cost(hal, made, "heartbeat"))
print("status", cost(hal, made, "status"))
print("growth", growth(hal, made))
print("answers", hal.written)
if sys.platform == "rp2":
    chip = chip_hal()
    print("chip_told", without_allocation(chip, board.Board(chip), CHIP_TURNS, lambda turn: None))
    chip.ends()
