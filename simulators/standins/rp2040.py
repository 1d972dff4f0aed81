"""An emulated RP2040 as a process: `python rp2040.py IMAGE`, with rp2040py on the path (simulators/emulated_pico.py starts it).

First line out: the pseudo-terminals of USB (the REPL) and of UART 0. Then each change of an output: `o GP LEVEL MICROSECONDS`, chip time. Lines in:
`i GP LEVEL`, `a CHANNEL 0..4095`. Time is the chip's own: 5 to 50 times slower than ours.
"""

import asyncio
import dataclasses
import os
import pty
import sys
import tty
from collections import deque
from collections.abc import Callable
from typing import Any

from rp2040py.boards import BOARDS  # type: ignore[import-not-found]
from rp2040py.device import MicroPythonDevice  # type: ignore[import-not-found]
from rp2040py.peripherals import uart  # type: ignore[import-not-found]

BYTE_NS = 87_000
"""one byte at 115,200 baud"""
USB_BYTE_NS = 3_000
OUTPUTS = (9, 10, 11, 12, 13, 14, 16, 17, 18)


def check_interrupts(port: Any) -> None:
    """As the chip: what is pending and wanted interrupts. rp2040py 0.3.6 raises the transmit interrupt each time, and MicroPython hangs."""
    port.rp2040.set_interrupt(port.irq, bool(port._interrupt_status & port._interrupt_mask))


def write_uint32(port: Any, offset: int, value: int, plain: Callable[[Any, int, int], None] = uart.RPUART.write_uint32) -> None:
    """The transmit interrupt comes when a byte has left."""
    plain(port, offset, value)
    if offset == uart.UARTDR:
        port._interrupt_status |= uart.UARTTXINTR
        check_interrupts(port)


class Wire:
    """A pseudo-terminal whose bytes reach the chip at a wire's pace, in chip time."""

    def __init__(self, device: MicroPythonDevice, byte_ns: int, give: Callable[[int], None]) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._byte_ns, self._give = byte_ns, give
        self._waiting: deque[int] = deque()
        self._alarm = device.simulator.clock.create_alarm(self._next)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def from_chip(self, data: bytes) -> None:
        os.write(self._master, bytes(data))

    def _read(self) -> None:
        idle = not self._waiting
        self._waiting.extend(os.read(self._master, 4096))
        if idle:
            self._alarm.schedule(self._byte_ns)

    def _next(self) -> None:
        self._give(self._waiting.popleft())
        if self._waiting:
            self._alarm.schedule(self._byte_ns)


class Bench:
    """One chip, its two wires, its pins."""

    def __init__(self, image: str) -> None:
        self.device = MicroPythonDevice(board=dataclasses.replace(BOARDS["pico"], image=image))
        self._mcu = self.device.mcu
        self._line = b""

    async def run(self) -> None:
        self.device.simulator.bind_loop()
        usb = Wire(self.device, USB_BYTE_NS, self.device.cdc.send_serial_byte)
        serial = Wire(self.device, BYTE_NS, self._mcu.uart[0].feed_byte)
        self._mcu.uart[0].on_byte = lambda byte: serial.from_chip(bytes([byte]))
        for number in OUTPUTS:
            self._mcu.gpio[number].add_listener(lambda *_, number=number: self._tell(number))
        await self.device.astart(120)
        self.device.cdc.on_serial_data = usb.from_chip
        asyncio.get_running_loop().add_reader(0, self._hear)
        os.write(1, f"{usb.path} {serial.path}\n".encode("ascii"))
        await asyncio.Event().wait()

    def _tell(self, number: int) -> None:
        pin = self._mcu.gpio[number]
        level, at_us = int(pin.output_enable and pin.output_value), round(self.device.simulator.clock.micros)
        os.write(1, f"o {number} {level} {at_us}\n".encode("ascii"))

    def _hear(self) -> None:
        data = os.read(0, 4096)
        if not data:
            os._exit(0)
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            kind, number, value = line.decode().split()
            if kind == "i":
                self._mcu.gpio[int(number)].set_input_value(bool(int(value)))
            else:
                self._mcu.adc.channel_values[int(number)] = int(value)


if __name__ == "__main__":
    uart.RPUART.check_interrupts = check_interrupts
    uart.RPUART.write_uint32 = write_uint32
    asyncio.run(Bench(sys.argv[1]).run())
