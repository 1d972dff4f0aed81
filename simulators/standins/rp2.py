"""What CPython lacks of MicroPython's `rp2`: the assembler of PIO programs, and a state machine that runs them cycle by cycle.

After the RP2040's datasheet, 3.2 to 3.4, as far as the board's firmware uses it: pull, out to x, mov y from x, set pins, jmp on x-- and y--,
delays, wrap. Time passes in `run` alone.
"""

from collections.abc import Callable
from typing import Any, Self

SET_PINS = 0b111_00000_000_00000
"""`set(pins, 0)` encoded; the lowest five bits are the level"""


class PIO:
    """Constants."""

    OUT_LOW, SHIFT_RIGHT = 0, 1


class Instruction:
    """One word of the program; `[n]` behind it adds n cycles."""

    def __init__(self, name: str, *operands: Any) -> None:
        self.name, self.operands, self.delay = name, operands, 0

    def __getitem__(self, delay: int) -> Self:
        assert 0 <= delay <= 31, "five bits"
        self.delay = delay
        return self


class Program:
    """What `asm_pio` makes of a function."""

    def __init__(self, write: Callable[[], None], out_shiftdir: int) -> None:
        assert out_shiftdir == PIO.SHIFT_RIGHT, "the other end of the word is not modelled"
        self.instructions: list[Instruction] = []
        self.labels: dict[str, int] = {}
        self.wrap = (0, 0)
        words = {name: self._word(name) for name in ("pull", "out", "mov", "set", "jmp")}
        directives = {"label": self._label, "wrap_target": self._wrap_target, "wrap": self._wrap}
        names = {name: name for name in ("block", "pins", "x", "y", "x_dec", "y_dec")}
        kept = dict(write.__globals__)
        write.__globals__.update(words | directives | names)
        try:
            write()
        finally:
            write.__globals__.clear()
            write.__globals__.update(kept)

    def _word(self, name: str) -> Callable[..., Instruction]:
        def add(*operands: Any) -> Instruction:
            self.instructions.append(Instruction(name, *operands))
            return self.instructions[-1]

        return add

    def _label(self, name: str) -> None:
        self.labels[name] = len(self.instructions)

    def _wrap_target(self) -> None:
        self.wrap = (len(self.instructions), 0)

    def _wrap(self) -> None:
        self.wrap = (self.wrap[0], len(self.instructions) - 1)


def asm_pio(*, set_init: int, out_shiftdir: int) -> Callable[[Callable[[], None]], Program]:
    assert set_init == PIO.OUT_LOW
    return lambda write: Program(write, out_shiftdir)


class StateMachine:
    """One of the eight; FIFO of four words."""

    def __init__(self, number: int, program: Program, *, freq: int, set_base: Any) -> None:
        assert 125_000_000 / 65_536 <= freq <= 125_000_000, "the divider has sixteen bits"
        self.number, self.frequency_hz, self._program, self._pin = number, freq, program, set_base
        self._pin.value(0)
        self._active = False
        self._fifo: list[int] = []
        self._osr = self._delay = self._at = 0
        self._registers = {"x": 0, "y": 0}

    def active(self, value: int) -> None:
        self._active = bool(value)

    def tx_fifo(self) -> int:
        return len(self._fifo)

    def put(self, value: int) -> None:
        assert len(self._fifo) < 4, "the chip would wait here for ever"
        self._fifo.append(value)

    def exec(self, instruction: int) -> None:
        assert instruction & ~31 == SET_PINS, "only `set(pins, ...)` is modelled"
        self._pin.value(instruction & 31)

    def run(self, cycles: int) -> None:
        """So much of the state machine's own time."""
        for _ in range(cycles if self._active else 0):
            if self._delay:
                self._delay -= 1
            else:
                self._step(self._program.instructions[self._at])

    def _step(self, now: Instruction) -> None:
        if now.name == "pull" and not self._fifo:
            return
        begin, end = self._program.wrap
        following = begin if self._at == end else self._at + 1
        self._delay = now.delay
        self._at = self._do(now, following)

    def _do(self, now: Instruction, following: int) -> int:
        """Where to go on."""
        if now.name == "pull":
            self._osr = self._fifo.pop(0) & 0xFFFFFFFF
        elif now.name == "out":
            register, bits = now.operands
            self._registers[register] = self._osr & (1 << bits) - 1
            self._osr >>= bits
        elif now.name == "mov":
            self._registers[now.operands[0]] = self._registers[now.operands[1]]
        elif now.name == "set":
            self._pin.value(now.operands[1])
        elif self._counted_down(now.operands[0][0]):
            return self._program.labels[now.operands[1]]
        return following

    def _counted_down(self, register: str) -> bool:
        """Whether it was not zero; one less afterwards."""
        before = self._registers[register]
        self._registers[register] = (before - 1) & 0xFFFFFFFF
        return before != 0
