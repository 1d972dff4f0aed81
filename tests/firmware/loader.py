"""The board's firmware under CPython with time and pins in the test's hand: the same files, nothing rewritten."""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from protocols import board_link as wire
from simulators.standins import machine

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
NAMES = tuple(path.stem for path in FIRMWARE.glob("*.py") if path.stem not in {"main", "boot"})


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Flat names such as `board` and `link` must not stay behind in this process."""
    kept = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    sys.path.insert(0, str(FIRMWARE))
    try:
        with machine.lend():
            yield
    finally:
        sys.path.remove(str(FIRMWARE))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def load() -> SimpleNamespace:
    """All modules of the firmware, freshly imported."""
    with _alone():
        modules: dict[str, ModuleType] = {name: importlib.import_module(name) for name in NAMES}
    return SimpleNamespace(**modules)


class TestHal:
    """Pins as lists, time as a number, the link as two byte arrays."""

    __test__ = False

    def __init__(self) -> None:
        self._now_ms = machine.TICKS_PERIOD - 5_000
        """soon wraps, in every test"""
        self._pulse_end_ms: int | None = None
        self._pause_end_ms = 0.0
        self.serial, self.boot, self.reset_cause = 7, 99, 1
        self.inputs = dict.fromkeys(wire.INPUTS, 0) | {"mains_ok": 1, "ups_ok": 1}
        self.light_follows = True
        self.outputs: dict[str, int] = {}
        self.history: list[tuple[int, str, int]] = []
        self.celsius = 25.0
        self.to_board = bytearray()
        self.from_board = bytearray()
        self.fed = 0
        self.was_reset = self.ended = self.failed = False

    @property
    def now_ms(self) -> int:
        return self._now_ms

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        """The hardware's part of a pulse happens at its own time, whatever the program does."""
        self._now_ms = now_ms
        if self._pulse_end_ms is not None and now_ms >= self._pulse_end_ms:
            self.outputs["light"] = 0
            self.history.append((self._pulse_end_ms, "light", 0))
            self._pulse_end_ms = None

    def ticks_ms(self) -> int:
        return self.now_ms % machine.TICKS_PERIOD

    ticks_diff = staticmethod(machine.ticks_diff)

    def read(self, index: int) -> int:
        name = wire.INPUTS[index]
        if name == "light_seen" and self.light_follows:
            return self.outputs["light"] & self.outputs["light_supply"]
        return self.inputs[name]

    def write(self, index: int, level: int) -> None:
        name = wire.OUTPUTS[index]
        assert not (name == "light" and level), "only pulses"
        if name == "light":
            self._pulse_end_ms = None
            if self.outputs.get("light") == 0:
                return  # the hardware was first
        self.outputs[name] = level
        self.history.append((self.now_ms, wire.OUTPUTS[index], level))

    def pulse(self, length_ms: int) -> None:
        """What comes before the hardware's pause is over would begin later than the board believes."""
        assert self.now_ms >= self._pause_end_ms, "too early"
        self._pause_end_ms = self.now_ms + length_ms * 20 / 3 - 0.1
        self.outputs["light"] = 1
        self.history.append((self.now_ms, "light", 1))
        self._pulse_end_ms = self.now_ms + length_ms

    def temperature_c10(self) -> int:
        return round(self.celsius * 10)

    def supply_mv(self) -> int:
        return 5_012

    def link_read(self, buffer: bytearray) -> int:
        count = min(len(buffer), len(self.to_board))
        buffer[:count] = self.to_board[:count]
        del self.to_board[:count]
        return count

    def link_write(self, data: bytes) -> None:
        self.from_board += data

    def feed(self) -> None:
        self.fed += 1

    def idle(self, limit_ms: int) -> None:
        self.now_ms += max(1, limit_ms)

    def ends(self) -> None:
        self.ended = True

    def reset(self) -> None:
        self.was_reset = True


class Bench:
    """One board on a table."""

    def __init__(self) -> None:
        self.code = load()
        self.hal = TestHal()
        self.board = self.code.board.Board(self.hal)
        self._sequence = 0
        self.wait(100)

    def wait(self, duration_ms: int, turn_ms: int = 1) -> None:
        for _ in range(0, duration_ms, turn_ms):
            self.hal.now_ms += turn_ms
            self.board.step()

    def wait_s(self, seconds: float) -> None:
        """In turns of 100 ms: for what takes minutes."""
        self.wait(round(seconds * 1000), 100)

    def until(self, found: Callable[[], bool], limit_s: float = 2000) -> float:
        """Seconds that passed until `found`, in turns of 100 ms."""
        for tenths in range(round(limit_s * 10)):
            if found():
                return tenths / 10
            self.wait(100, 100)
        raise AssertionError(f"not within {limit_s} s")

    def set(self, name: str, on: int) -> None:
        """One input, and the time that its contact may bounce."""
        self.hal.inputs[name] = on
        self.wait(100)

    def send(self, name: str, *values: int, sequence: int | None = None) -> bytes:
        """One command; returns the frame sent."""
        self._sequence = self._sequence % 255 + 1 if sequence is None else sequence
        message = wire.command(name)
        sent = wire.frame(self._sequence, message.kind, message.pack(*values))
        self.hal.to_board += sent
        return sent

    def ask(self, name: str, *values: int) -> dict[str, Any]:
        """One command and its reply by field name; a refusal as {"refused": reason, "detail": ms}."""
        self.send(name, *values)
        self.hal.from_board.clear()
        for _ in range(100):
            self.wait(1)
            for sequence, kind, body in self.heard():
                if sequence == self._sequence:
                    return self._read(name, kind, body)
        raise AssertionError(f"no answer to {name}")

    def heard(self) -> list[tuple[int, int, bytes]]:
        return [wire.parse(bytes(part)) for part in self.hal.from_board.split(b"\x00") if part]

    def _read(self, name: str, kind: int, body: bytes) -> dict[str, Any]:
        if kind == wire.REFUSED.kind:
            found = wire.REFUSED.read(body)
            return {"refused": wire.REASONS[found["reason"]], "detail": found["detail"]}
        assert kind == wire.reply_to(name).kind
        return wire.reply_to(name).read(body)

    def configure(self, **settings: int) -> None:
        """Set parameters by name and close the configuration."""
        for index, (name, *_) in enumerate(wire.PARAMETERS):
            if name in settings:
                assert "refused" not in self.ask("configure", index, settings[name])
        assert "refused" not in self.ask("finalize", self.board.settings.crc())

    def faults(self) -> list[str]:
        return wire.names_of(self.board.faults.bits, wire.FAULTS)
