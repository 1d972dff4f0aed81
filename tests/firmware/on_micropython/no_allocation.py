"""Run by MicroPython: the loop's steps with the heap locked, where any allocation raises MemoryError; then how much memory the board needs."""

import gc

gc.collect()
empty = gc.mem_alloc()

import board  # noqa: E402
import micropython  # noqa: E402

from protocols import board_link as wire  # noqa: E402

TURNS = 20_000
TURN_MS = 7


class Hal:
    """Pins that change by themselves, so that every task has work."""

    serial = boot = reset_cause = 1

    def __init__(self):
        self.now = wire.TICKS_MASK - 60_000
        self.fed = 0
        self.light = 0
        self.inputs = [1] * len(wire.INPUTS)

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
        return 0

    def link_write(self, data):
        pass

    def feed(self):
        self.fed += 1


def run():
    hal = Hal()
    made = board.Board(hal)
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
    micropython.heap_unlock()
    return hal, made


hal, made = run()
gc.collect()
print("fed", hal.fed)
print("pulses", made.illuminator.pulses)
print("heap", gc.mem_alloc() - empty)
