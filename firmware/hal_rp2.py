"""The Raspberry Pi Pico's pins, converters and wires: the only module that knows `machine`.

Wiring: contacts close to ground (pull-ups inside), so a cut wire reads as "open": mains gone, genset not running, but tamper and alarm
are wired normally-closed and read as raised. Outputs drive transistors with pull-downs; `pi_power` and `hub_power` switch high-side
and are on without a signal, so a dead board leaves the Pi its power.
"""

import os
import sys
from time import sleep_ms, ticks_diff, ticks_ms

import micropython
from machine import ADC, UART, WDT, Pin, mem32, reset, reset_cause, unique_id
from outputs import TABLE
from pulse_rp2 import Pulse

# INPUTS of board_link in order: GP number, level that means "on"
INPUT_PINS = ((2, 0), (3, 0), (4, 0), (5, 1), (6, 1), (7, 1), (8, 1))
# OUTPUTS of board_link in order; the first is the light's
OUTPUT_PINS = (9, 10, 11, 12, 13, 14, 16, 17, 18)
LIGHT = 0
USB_JUMPER = 15
"""to ground: the link runs over USB instead of UART 0, and mpremote must interrupt it first"""
BAUD = 115_200
WATCHDOG_MS = 2_000
MARK = 0x4005800C
"""scratch 0 of the watchdog survives all resets but loss of power (RP2040 datasheet 4.7.6)"""
AT_WORK = 0x2EBA3
THERMOMETER = 4
"""ADC channel of the chip's own sensor: 0.706 V at 27 C, -1.721 mV a degree (RP2040 datasheet 4.9.5)"""
SUPPLY = 3
"""ADC channel on VSYS / 3 (Pico datasheet 4.4)"""
FULL_MV = 3_300


def safe_pins() -> None:
    """Outputs to their safe levels."""
    for index in range(len(OUTPUT_PINS)):
        Pin(OUTPUT_PINS[index], Pin.OUT, value=TABLE[index][1])


def in_maintenance() -> bool:
    """`./rekam flash` is at work: stay away from the chip's watchdog, which nothing can stop once it runs."""
    return "maintenance" in os.listdir()


class UsbLink:
    """USB-CDC, shared with the REPL: Ctrl-C is switched off, or a byte 3 would stop the board."""

    def __init__(self) -> None:
        import select

        micropython.kbd_intr(-1)
        self._poll = select.poll()
        self._poll.register(sys.stdin.buffer, select.POLLIN)
        self._one = bytearray(1)

    def readinto(self, buffer: bytearray) -> int:
        """Without waiting: byte by byte, because a longer read would."""
        count = 0
        while count < len(buffer) and self._waiting():
            sys.stdin.buffer.readinto(self._one)
            buffer[count] = self._one[0]
            count += 1
        return count

    def _waiting(self) -> bool:
        for _ in self._poll.ipoll(0):  # poll() would make a list on each turn
            return True
        return False

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)


class Hal:
    """What the board's tasks ask of the chip."""

    def __init__(self) -> None:
        safe_pins()
        self.serial = int.from_bytes(unique_id(), "little")
        self.reset_cause = reset_cause()
        self.failed = mem32[MARK] == AT_WORK
        """the program before this one ended without having said so: it hung or broke, and the chip's watchdog reset it"""
        mem32[MARK] = AT_WORK
        self.boot = int.from_bytes(os.urandom(4), "little")
        self._inputs = [Pin(number, Pin.IN, Pin.PULL_UP) for number, _ in INPUT_PINS]
        self._on_level = [level for _, level in INPUT_PINS]
        self._outputs = [Pin(number, Pin.OUT) for number in OUTPUT_PINS]
        self._light = Pulse(OUTPUT_PINS[LIGHT])
        self._thermometer = ADC(THERMOMETER)
        self._supply = ADC(SUPPLY)
        on_usb = Pin(USB_JUMPER, Pin.IN, Pin.PULL_UP).value() == 0
        self._wire = UsbLink() if on_usb else UART(0, baudrate=BAUD, rxbuf=512, txbuf=512, timeout=0)
        self._watchdog = WDT(timeout=WATCHDOG_MS)

    ticks_ms = staticmethod(ticks_ms)
    ticks_diff = staticmethod(ticks_diff)

    def ends(self) -> None:
        """This program's end is wanted: no failure."""
        mem32[MARK] = 0

    def reset(self) -> None:
        self.ends()
        reset()

    def read(self, index: int) -> int:
        """1 when the named condition holds, whatever the wire's polarity."""
        return 1 if self._inputs[index].value() == self._on_level[index] else 0

    def write(self, index: int, level: int) -> None:
        """Raises ValueError where somebody wants the light on for good."""
        if index != LIGHT:
            self._outputs[index].value(level)
        elif level:
            raise ValueError("light is switched on by pulses alone")
        else:
            self._light.dark()

    def pulse(self, length_ms: int) -> None:
        """Light for so long, whatever becomes of this program."""
        self._light.start(length_ms)

    def temperature_c10(self) -> int:
        """Tenths of a degree, in whole numbers: 27 C - (mV - 706) / 1.721."""
        millivolts = self._thermometer.read_u16() * FULL_MV // 65_535
        return 270 - (millivolts - 706) * 10_000 // 1_721

    def supply_mv(self) -> int:
        return self._supply.read_u16() * FULL_MV // 65_535 * 3

    def link_read(self, buffer: bytearray) -> int:
        """How many bytes came; never waits."""
        return self._wire.readinto(buffer) or 0

    def link_write(self, data: bytes) -> None:
        self._wire.write(data)

    def feed(self) -> None:
        self._watchdog.feed()

    def idle(self, limit_ms: int) -> None:
        if limit_ms:
            sleep_ms(1)
