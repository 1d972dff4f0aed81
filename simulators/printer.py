"""An ESC/POS slip printer: parses what it is sent, keeps what it printed, runs out of paper.

The parser is this file's own; it is checked with bytes that python-escpos produces. Wire: protocols/escpos.py (answers only).
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from protocols import escpos
from simulators.faults import WIRE_FAULTS
from simulators.wire_device import WireDevice
from simulators.world import World

FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "paper-low": "the roll is nearly empty",
    "paper-out": "there is no paper",
    "reset-middle": "the printer restarts after two lines of each slip and has forgotten the rest",
    "paper-ends": "the paper ends after two lines of each slip",
    "cover-open": "the cover is open",
    "offline": "the printer is switched to offline",
    "refuse": "no status is ever answered",
    "anonymous": "GS I is not answered, as by cheap printers",
    "hang": "nothing is printed, status says that all is well",
}

TOLD_IN_STATUS = frozenset({"paper-low", "paper-out", "cover-open", "offline"})

LINE_S = 0.028
"""4.2 mm at 150 mm/s"""
BITS = 10
IDENTITY = {b"A": "1.07", b"B": "REKAM", b"C": "SIM-80", b"D": "P0001"}

DLE, ESC, FS, GS = 0x10, 0x1B, 0x1C, 0x1D
PARAMETERS: dict[bytes, int] = {
    b"\x1b@": 0, b"\x1b2": 0, b"\x1b3": 1, b"\x1ba": 1, b"\x1bE": 1, b"\x1bG": 1, b"\x1b-": 1, b"\x1b!": 1, b"\x1bM": 1, b"\x1bt": 1, b"\x1bR": 1,
    b"\x1bd": 1, b"\x1bJ": 1, b"\x1b{": 1, b"\x1bV": 1, b"\x1bp": 3, b"\x1c.": 0, b"\x1c&": 0,
    b"\x1d!": 1, b"\x1dB": 1, b"\x1db": 1, b"\x1dL": 2, b"\x1dW": 2, b"\x1dr": 1, b"\x1dI": 1, b"\x1da": 1, b"\x1dH": 1, b"\x1dh": 1, b"\x1dw": 1, b"\x1df": 1,
}  # fmt: skip
"""bytes that follow each command of fixed length"""


@dataclass
class Printed:
    """One slip up to its cut."""

    lines: list[str] = field(default_factory=list)
    bold: list[str] = field(default_factory=list)
    qr: list[str] = field(default_factory=list)
    images: int = 0


class Parser:
    """ESC/POS bytes -> what is on the paper. One `step` handles one command or one line."""

    def __init__(self) -> None:
        self.slips: list[Printed] = []
        self.page = Printed()
        self.unknown: list[bytes] = []
        self._held = bytearray()
        self._text = bytearray()
        self._bold = False
        self._qr = b""

    def feed(self, data: bytes) -> None:
        self._held += data

    @property
    def waiting(self) -> bool:
        """Bytes have come that are not carried out yet."""
        return bool(self._held)

    def step(self) -> bytes | None:
        """The command that was carried out (a line is b"\\n"); None when more bytes are needed."""
        if not self._held:
            return None
        if self._held[0] not in (DLE, ESC, FS, GS):
            return self._print_byte()
        size = self._size()
        if size is None or len(self._held) < size:
            return None
        whole = bytes(self._held[:size])
        del self._held[:size]
        self._do(whole)
        return whole

    def _print_byte(self) -> bytes:
        byte = self._held.pop(0)
        if byte == 0x0A:
            self._end_line()
        elif byte >= 0x20:
            self._text.append(byte)
        return bytes([byte])

    def _end_line(self) -> None:
        text = self._text.decode("cp1252", "replace")
        self._text.clear()
        self.page.lines.append(text)
        if self._bold:
            self.page.bold.append(text)

    def _size(self) -> int | None:
        """Bytes of the command that begins here, None while that is not known yet."""
        held = self._held
        if len(held) < 2:
            return None
        if held[0] == DLE:
            return 3
        head = bytes(held[:2])
        if head in PARAMETERS:
            return 2 + PARAMETERS[head]
        if head == b"\x1dV":
            return None if len(held) < 3 else 4 if held[2] in (65, 66) else 3
        if head in (b"\x1d(", b"\x1b("):
            return None if len(held) < 5 else 5 + held[3] + 256 * held[4]
        if head == b"\x1dv":
            return None if len(held) < 8 else 8 + (held[4] + 256 * held[5]) * (held[6] + 256 * held[7])
        self.unknown.append(head)
        return 2

    def _do(self, command: bytes) -> None:
        head = command[:2]
        if head == b"\x1b@":
            self._bold = False
        elif head in (b"\x1bE", b"\x1bG"):
            self._bold = bool(command[2] & 1)
        elif head == b"\x1d(":
            self._do_qr(command)
        elif head == b"\x1dv":
            self.page.images += 1
        elif head == b"\x1bd" and self._text:
            self._end_line()
        elif head == b"\x1dV":
            self.slips.append(self.page)
            self.page = Printed()

    def _do_qr(self, command: bytes) -> None:
        """GS ( k pL pH 49 fn: 80 stores the text, 81 prints it."""
        if command[2:3] != b"k" or command[5] != 49:
            return
        if command[6] == 80:
            self._qr = command[8:]
        elif command[6] == 81:
            self.page.qr.append(self._qr.decode("utf-8", "replace"))


class SlipPrinter(WireDevice):
    """One printer. Real-time status is answered at once, the rest in its turn."""

    def __init__(self, world: World, link: Path | str, faults: Collection[str], *, baud: int) -> None:
        super().__init__(world, link, faults, FAULTS, baud=baud, strict_baud=True)
        self.parser = Parser()
        self._asked = bytearray()
        self._work = asyncio.Event()

    @property
    def slips(self) -> list[Printed]:
        """What was printed and cut off so far."""
        return self.parser.slips

    def status(self) -> escpos.Status:
        ended = len(self.parser.page.lines) >= 2 and self.active.acts("paper-ends")
        out = "paper-out" in self.active or ended
        cover = "cover-open" in self.active
        return escpos.Status("offline" in self.active or out or cover, cover, "paper-low" in self.active or out, out, False)

    def plugged_in(self) -> None:
        slips = self.parser.slips
        self.parser = Parser()
        self.parser.slips = slips

    def set_fault(self, name: str, on: bool) -> None:
        super().set_fault(name, on)
        self._work.set()

    def receive(self, data: bytes) -> None:
        for n in self._real_time(data):
            if not self.active.acts("refuse"):
                self.active.played.update(self.active & TOLD_IN_STATUS)
                self.port.send(bytes([escpos.encode_status(self.status(), n)]))
        self.parser.feed(data)
        self.world.served.sensor_s += len(data) * BITS / self.port.baud
        self._work.set()

    def _real_time(self, data: bytes) -> list[int]:
        """The n of each DLE EOT n that these bytes complete."""
        self._asked += data
        asked = [self._asked[at + 2] for at in range(len(self._asked) - 2) if self._asked[at : at + 2] == escpos.DLE_EOT]
        del self._asked[: max(0, len(self._asked) - 2)]
        return asked

    def _restarts(self) -> bool:
        return len(self.parser.page.lines) >= 2 and self.active.acts("reset-middle")

    async def live(self) -> None:
        while True:
            self._work.clear()
            if self._restarts():
                self.plugged_in()
            while self._can_print() and (command := self.parser.step()) is not None:
                await self._carry_out(command)
            await self._work.wait()

    def _can_print(self) -> bool:
        return self.parser.waiting and not self.status().offline and not self.active.acts("hang") and not self._restarts()

    async def _carry_out(self, command: bytes) -> None:
        if command == b"\n":
            await self.world.clock.sleep_s(LINE_S)
            self.world.served.sensor_s += LINE_S
        elif command[:2] == b"\x1dr":
            self.port.send(bytes([0x03 * self.status().paper_low]))
        elif command[:2] == escpos.IDENTIFY and not self.active.acts("anonymous"):
            self.port.send(b"_" + IDENTITY.get(command[2:], "").encode("ascii") + b"\0")


def build(world: World, link: Path | str, faults: Collection[str] = (), *, baud: int = 115_200) -> SlipPrinter:
    """An 80 mm printer with a knife."""
    return SlipPrinter(world, link, faults, baud=baud)
