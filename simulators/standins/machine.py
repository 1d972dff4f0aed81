"""What CPython lacks of MicroPython's `machine`, `micropython` and `time`, as far as the board's firmware uses it.

`python simulators/standins/machine.py firmware/main.py` runs the firmware where no MicroPython is installed; tests import the firmware, and its
hal_rp2, through `lend`. `rp2` is beside it. Pins, converters and the UART are plain memory here; the bench's pins go through hal_unix instead.
"""

import contextlib
import importlib
import runpy
import sys
import time
import types
from collections.abc import Iterator

TICKS_PERIOD = 1 << 30


def ticks_ms() -> int:
    """Milliseconds modulo 2**30, as on the RP2040."""
    return time.monotonic_ns() // 1_000_000 % TICKS_PERIOD


def ticks_diff(later: int, earlier: int) -> int:
    """Signed, right across the wrap."""
    half = TICKS_PERIOD // 2
    return (later - earlier + half) % TICKS_PERIOD - half


class Pin:
    """One GPIO; `levels` is the board's pins by number."""

    IN, OUT, PULL_UP = 0, 1, 1
    levels: dict[int, int] = {}  # noqa: RUF012  # one board a process

    def __init__(self, number: int, mode: int = IN, pull: int | None = None, value: int | None = None) -> None:
        self.number = number
        if value is not None:
            self.levels[number] = value
        self.levels.setdefault(number, 1 if pull == self.PULL_UP else 0)

    def value(self, level: int | None = None) -> int | None:
        if level is None:
            return self.levels[self.number]
        self.levels[self.number] = level
        return None


class ADC:
    """One converter channel; `readings` 0 .. 65535 by channel."""

    readings: dict[int, int] = {}  # noqa: RUF012  # one board a process

    def __init__(self, channel: int) -> None:
        self.channel = channel

    def read_u16(self) -> int:
        return self.readings.get(self.channel, 0)


class UART:
    """Bytes in `inbox` are read, written ones are kept in `outbox`."""

    inbox = bytearray()
    outbox = bytearray()

    def __init__(self, number: int, baudrate: int, rxbuf: int, txbuf: int, timeout: int) -> None:
        self.settings = (number, baudrate, rxbuf, txbuf, timeout)

    def readinto(self, buffer: bytearray) -> int | None:
        count = min(len(buffer), len(self.inbox))
        buffer[:count] = self.inbox[:count]
        del self.inbox[:count]
        return count or None

    def write(self, data: bytes) -> int:
        self.outbox.extend(data)
        return len(data)


class WDT:
    """Counts its meals."""

    fed = 0

    def __init__(self, timeout: int) -> None:
        self.timeout = timeout

    def feed(self) -> None:
        WDT.fed += 1


class Registers(dict[int, int]):
    """The chip's words by address; those nobody wrote are 0."""

    def __missing__(self, address: int) -> int:
        return 0


mem32 = Registers()


def reset() -> None:
    raise SystemExit(0)


def reset_cause() -> int:
    return 1


def unique_id() -> bytes:
    return bytes(range(1, 9))


def _micropython() -> types.ModuleType:
    made = types.ModuleType("micropython")
    made.kbd_intr = lambda code: None  # type: ignore[attr-defined]
    return made


def _time() -> types.ModuleType:
    made = types.ModuleType("time")
    made.__dict__.update(vars(time), ticks_ms=ticks_ms, ticks_diff=ticks_diff, sleep_ms=lambda limit_ms: time.sleep(limit_ms / 1000))
    return made


@contextlib.contextmanager
def lend() -> Iterator[None]:
    """While this lasts, `import machine, micropython, time` give these; what was imported under those names before comes back after."""
    lent = {"machine": sys.modules[__name__], "micropython": _micropython(), "time": _time(), "rp2": importlib.import_module("simulators.standins.rp2")}
    kept = {name: sys.modules.get(name) for name in lent}
    sys.modules.update(lent)
    try:
        yield
    finally:
        for name, module in kept.items():
            _put_back(name, module)


def _put_back(name: str, module: types.ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def main(words: list[str]) -> None:
    """Run a program as `micropython FILE` or `micropython -c TEXT` would."""
    with lend():
        if words[0] == "-c":
            exec(words[1], {"__name__": "__main__"})
        else:
            runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
