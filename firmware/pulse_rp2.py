"""The light's pulse in hardware: a state machine of the RP2040's PIO takes a length, lights its pin and puts it out by itself.

A program that hangs, interrupts that are off, a length gone wrong change nothing: one byte of a word counts, so that a pulse has 257 steps or
19.8 ms at most; then the pin stays down for 17/3 of its length (duty 15 %), whatever waits. A reset of the chip is dark too.
Instructions: RP2040 datasheet 3.4; each takes a cycle, [n] adds n. Not responsible for leases, bursts and heat: see illuminator.
"""

from machine import Pin
from rp2 import PIO, StateMachine, asm_pio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rp2.asm_pio import block, jmp, label, mov, out, pins, pull, set, wrap, wrap_target, x, x_dec, y, y_dec

STEPS_A_MS = 13
FREQUENCY_HZ = 3_000 * STEPS_A_MS
"""three cycles a step"""
MOST_STEPS = 255
DARK = 0xE000
"""`set(pins, 0)` as the chip reads it (datasheet 3.4.10)"""


@asm_pio(set_init=PIO.OUT_LOW, out_shiftdir=PIO.SHIFT_RIGHT)
def program():
    """High for 3 * (x + 2) cycles, then low for at least 17 * (x + 2) + 2."""
    wrap_target()
    pull(block)
    out(x, 8)
    mov(y, x)
    set(pins, 1)[2]
    label("lit")
    jmp(x_dec, "lit")[2]
    set(pins, 0)[15]
    label("rest")
    jmp(y_dec, "rest")[16]
    wrap()


class Pulse:
    """The light's pin. There is no way to switch it on for good."""

    def __init__(self, number: int) -> None:
        self._machine = StateMachine(0, program, freq=FREQUENCY_HZ, set_base=Pin(number))
        self._machine.active(1)

    def start(self, length_ms: int) -> None:
        """Light for so long; nothing when another pulse still waits. The program may be gone before it ends."""
        if not self._machine.tx_fifo():
            self._machine.put(min(length_ms * STEPS_A_MS - 2, MOST_STEPS))

    def dark(self) -> None:
        """End the pulse now; the time that it keeps the pin down is not shortened."""
        self._machine.exec(DARK)
