"""Lamps, buzzer, backdrop, supply lines, power button on the Pi's header, through the RPi.GPIO API as rpi-lgpio provides it.

RPi.GPIO itself cannot run on a Pi 5 or on newer kernels; rpi-lgpio answers to the same name. The import stands inside `open`,
because on a machine without GPIO the import itself fails. Inputs have a pull-up and are active low, as buttons to ground are.
Every output is off until written and off again after `close`.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from edge.devices.interfaces import Identity
from edge.errors import DeviceAbsent

LINE_UNKNOWN = "This line is not in [devices.gpio] of the configuration."


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
            import lgpio  # rpi-lgpio's own layer, for its error class
            from RPi import GPIO  # the import reads the Pi's revision
        except (ImportError, RuntimeError, NotImplementedError, OSError) as error:
            raise DeviceAbsent("gpio_absent", self.name, f"no GPIO on this machine ({error})", "Run on a Raspberry Pi with rpi-lgpio.") from error
        try:
            self._set_up(GPIO)
        except (lgpio.error, RuntimeError, OSError) as error:
            raise DeviceAbsent("gpio_absent", self.name, f"the GPIO chip cannot be used ({error})", "Add the user to the group gpio.") from error
        self._gpio, self._errors = GPIO, (lgpio.error, RuntimeError, OSError)
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
        if self._gpio is None:
            return
        with suppress(DeviceAbsent):
            self._chip(self._let_go)
        self._gpio = None

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
            raise DeviceAbsent("gpio_line_unknown", self.name, f"no line named {line!r}", LINE_UNKNOWN)
        return lines[line]

    def _chip(self, act: Callable[[Any], Any]) -> Any:
        if self._gpio is None:
            raise DeviceAbsent("gpio_absent", self.name, "the GPIO chip is not open", "It is opened again by itself.")
        try:
            return act(self._gpio)
        except self._errors as error:
            raise DeviceAbsent("gpio_absent", self.name, f"the GPIO chip does not answer ({error})", "It is opened again by itself.") from error
