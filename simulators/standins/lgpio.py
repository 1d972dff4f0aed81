"""A stand-in for the C module lgpio, so that unmodified rpi-lgpio runs without a Pi: pins live in the world simulator.

Reached through the environment: REKAM_GPIO_WORLD=host:port (simulators/gpio.py), with RPI_LGPIO_REVISION=c03114 and
RPI_LGPIO_CHIP=0 for rpi-lgpio. The calls and constants that rpi-lgpio 0.6 uses for plain inputs and outputs, with lgpio's own bit
values; no edge callbacks, because the station polls its inputs.
"""

import contextlib
import json
import os
import socket
import threading
from typing import IO

RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
SET_BIAS_PULL_UP, SET_BIAS_PULL_DOWN, SET_BIAS_DISABLE = 32, 64, 128
TIMEOUT = 2
GPIO_BUSY = -24
exceptions = True

_INPUT, _OUTPUT = 0x100, 0x200
_PINS = 54


class error(Exception):  # noqa: N801  (lgpio's own name)
    """What lgpio raises."""


_line: tuple[socket.socket, IO[str]] | None = None
_lock = threading.Lock()
_modes: dict[int, int] = {}


def _ask(**request: str | int) -> int:
    """One JSON line to the world, one back."""
    with _lock:
        try:
            line = _connected()
            line.write(json.dumps(request) + "\n")
            line.flush()
            answer: dict[str, int | str] = json.loads(line.readline())
        except (KeyError, OSError, ValueError) as problem:
            _hang_up()
            raise error(f"the world simulator does not answer ({problem!r})") from problem
    if "error" in answer:
        raise error(answer["error"])
    return int(answer["level"])


def _connected() -> IO[str]:
    global _line
    if _line is None:
        host, _, port = os.environ["REKAM_GPIO_WORLD"].rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=3)
        _line = connection, connection.makefile("rw", encoding="utf-8", newline="\n")
    return _line[1]


def _hang_up() -> None:
    global _line
    line, _line = _line, None
    if line is not None:
        for end in reversed(line):
            with contextlib.suppress(OSError):
                end.close()


def gpiochip_open(_number: int) -> int:
    _ask(do="read", pin=0)
    return 0


def gpiochip_close(_chip: int) -> int:
    with _lock:
        _hang_up()
    return 0


def gpio_get_chip_info(_chip: int) -> tuple[int, int, str, str]:
    return 0, _PINS, "gpiochip0", "pinctrl-bcm2711"


def gpio_get_line_info(_chip: int, gpio: int) -> tuple[int, int, int, str, str]:
    return 0, gpio, 0, f"GPIO{gpio}", ""


def gpio_get_mode(_chip: int, gpio: int) -> int:
    return _modes.get(gpio, 0)


def gpio_claim_input(_chip: int, gpio: int, flags: int = SET_PULL_NONE) -> int:
    _modes[gpio] = _INPUT | (flags & 0xE0)
    _ask(do="input", pin=gpio, pull=flags & 0xE0)
    return 0


def gpio_claim_output(_chip: int, gpio: int, level: int = 0, flags: int = SET_PULL_NONE) -> int:
    _modes[gpio] = _OUTPUT | (flags & 0xE0)
    _ask(do="write", pin=gpio, level=level)
    return 0


def gpio_free(_chip: int, gpio: int) -> int:
    _modes.pop(gpio, None)
    return 0


def gpio_read(_chip: int, gpio: int) -> int:
    return _ask(do="read", pin=gpio)


def gpio_write(_chip: int, gpio: int, level: int) -> int:
    _ask(do="write", pin=gpio, level=level)
    return 0


def tx_pwm(_chip: int, gpio: int, _frequency: float, duty: float, _offset: int = 0, _cycles: int = 0) -> int:
    _ask(do="write", pin=gpio, level=int(duty >= 50))
    return 0


def error_text(number: int) -> str:
    return f"lgpio error {number}"
