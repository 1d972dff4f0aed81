"""Lamps, buzzer, backdrop, supply lines, power button on the Pi's header, through the RPi.GPIO API as rpi-lgpio provides it.

RPi.GPIO itself cannot run on a Pi 5 or on newer kernels; rpi-lgpio answers to the same name. The import stands inside `open`,
because on a machine without GPIO the import itself fails. Inputs have a pull-up and are active low, as buttons to ground are.
Every output is off until written and off again after `close`.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from edge.devices.interfaces import Identity
from edge.errors import DeviceAbsent, DeviceTimeout
from edge.links.worker import run_blocking

LINE_UNKNOWN = "This line is not in [devices.gpio] of the configuration."
AGAIN = "It is opened again by itself."
OPEN_S = 5.0
"""the import alone takes half a second on a Pi; afterwards each call is one request to the kernel, microseconds long"""
CLOSE_S = 2.0


class RpiGpio:
    """A `Gpio`."""

    def __init__(self, outputs: Mapping[str, int], inputs: Mapping[str, int], name: str = "gpio", on_at_rest: Collection[str] = ()) -> None:
        """outputs, inputs: line name -> BCM number; on_at_rest: outputs that are high before and after, such as supplies."""
        self.name = name
        self._outputs = dict(outputs)
        self._inputs = dict(inputs)
        self._on_at_rest = frozenset(on_at_rest)
        self._gpio: Any = None
        self._errors: tuple[type[Exception], ...] = ()
        """what the library raises when the chip fails"""

    async def open(self) -> Identity:
        try:
            return await run_blocking(f"open {self.name}", self._open_blocking, OPEN_S, undo=self._close_blocking)
        except TimeoutError as error:
            what = f"waited {OPEN_S:g} s for the GPIO chip"
            raise DeviceTimeout("device_silent", self.name, what, "It is tried again by itself; restart the Pi if it goes on.", waited_s=OPEN_S) from error

    def _open_blocking(self) -> Identity:
        lines = len(self._outputs) + len(self._inputs)
        try:
            import lgpio  # rpi-lgpio's own layer, for its error class
            from RPi import GPIO  # the import reads the Pi's revision
        except (ImportError, RuntimeError, NotImplementedError, OSError) as error:
            what, next_step = f"no GPIO on this machine ({error})", "Run on a Raspberry Pi with rpi-lgpio."
            raise DeviceAbsent("gpio_absent", self.name, what, next_step, lines=lines) from error
        errors = (lgpio.error, RuntimeError, OSError)
        try:
            self._set_up(GPIO)
        except errors as error:
            what, next_step = f"the GPIO chip cannot be used ({error})", "Add the user to the group gpio."
            raise DeviceAbsent("gpio_absent", self.name, what, next_step, lines=lines) from error
        self._gpio, self._errors = GPIO, errors
        return Identity(maker="Raspberry Pi", model="GPIO", firmware=str(GPIO.VERSION))

    def _set_up(self, gpio: Any) -> None:
        gpio.setwarnings(False)
        gpio.setmode(gpio.BCM)
        for line, pin in self._outputs.items():
            gpio.setup(pin, gpio.OUT, initial=self._rest(gpio, line))
        for pin in self._inputs.values():
            gpio.setup(pin, gpio.IN, pull_up_down=gpio.PUD_UP)

    async def health(self) -> None:
        """Look at one pin. Raises DeviceAbsent."""
        pins = (*self._inputs.values(), *self._outputs.values())
        self._chip(lambda gpio: [gpio.input(pin) for pin in pins[:1]])

    async def close(self) -> None:
        with suppress(TimeoutError):
            await run_blocking(f"close {self.name}", self._close_blocking, CLOSE_S)

    def _close_blocking(self) -> None:
        if self._gpio is None:
            return
        with suppress(DeviceAbsent):
            self._chip(self._let_go)
        self._gpio = None

    def wire(self) -> str:
        """Its pins carry no bytes."""
        return ""

    def _let_go(self, gpio: Any) -> None:
        for line, pin in self._outputs.items():
            gpio.output(pin, self._rest(gpio, line))
        gpio.cleanup()

    def _rest(self, gpio: Any, line: str) -> Any:
        return gpio.HIGH if line in self._on_at_rest else gpio.LOW

    def write(self, line: str, on: bool) -> None:
        """Raises DeviceAbsent."""
        pin = self._pin(self._outputs, line)
        self._chip(lambda gpio: gpio.output(pin, gpio.HIGH if on else gpio.LOW))

    def read(self, line: str) -> bool:
        """True while the input is pulled to ground. Raises DeviceAbsent."""
        pin = self._pin(self._inputs, line)
        return bool(self._chip(lambda gpio: gpio.input(pin) == gpio.LOW))

    def _pin(self, lines: Mapping[str, int], line: str) -> int:
        if line not in lines:
            raise DeviceAbsent("gpio_line_unknown", self.name, f"no line named {line!r}", LINE_UNKNOWN, line=line)
        return lines[line]

    def _chip(self, act: Callable[[Any], Any]) -> Any:
        if self._gpio is None:
            raise DeviceAbsent("gpio_absent", self.name, "the GPIO chip is not open", AGAIN, lines=len(self._outputs) + len(self._inputs))
        try:
            return act(self._gpio)
        except self._errors as error:
            raise DeviceAbsent("gpio_absent", self.name, f"the GPIO chip does not answer ({error})", AGAIN, reason=str(error)) from error
