"""ESC/POS slip printer on a serial port (or a USB printer that offers one).

`print` returns when the printer says that the last line is on paper, not when the bytes have left. Not here: what a slip says, A4 paper
(edge/devices/proof.py).
"""

from edge.clock import Clock
from edge.devices.interfaces import Identity, PrinterStatus
from edge.devices.paper import demand_ready
from edge.errors import DeviceProtocolError, DeviceTimeout
from edge.links.serial_port import SerialPort
from protocols import escpos
from station_config.schema import Printer

ANSWER_S = 0.5
PRINTING_S = 12.0
"""a slip of 40 lines takes 3 to 6 s on a slow printer"""
LOOK_EVERY_S = 1.0
"""how soon a printer that ran out of paper in the middle of a slip is noticed"""
STRAY_LIMIT = 64


class EscPosPrinter:
    """One printer on one serial port."""

    def __init__(self, name: str, config: Printer, clock: Clock) -> None:
        self.name = name
        self.width_mm = config.width_mm
        self._clock = clock
        self._port = SerialPort(name, config.port, config.baud)
        self._finished = False
        """the printer has said that the slip is on paper"""

    async def open(self) -> Identity:
        """Raises DeviceAbsent, DeviceTimeout, DeviceProtocolError."""
        await self._port.open()
        await self.status()
        maker = await self._ask(escpos.MAKER)
        if not maker:
            return Identity("", "ESC/POS")
        return Identity(maker, await self._ask(escpos.MODEL), await self._ask(escpos.SERIAL), await self._ask(escpos.FIRMWARE))

    async def health(self) -> None:
        await self.status()

    async def close(self) -> None:
        await self._port.close()

    def wire(self) -> str:
        return self._port.tail.text()

    async def status(self) -> PrinterStatus:
        self._port.drop_input()
        return await self._look()

    async def _look(self) -> PrinterStatus:
        """Between status bytes the printer may say that the slip is finished: nothing that came is dropped."""
        answers = [await self._real_time(n) for n in (escpos.PRINTER, escpos.OFFLINE_CAUSE, escpos.PAPER)]
        status = escpos.decode_status(*answers)
        return PrinterStatus(not (status.offline or status.error), status.paper_low, status.paper_out, status.cover_open)

    async def print(self, document: bytes) -> PrinterStatus:
        """Print all of it; returns the status that was heard last.

        Raises DeviceRefused `paper_out`, `cover_open`, `printer_offline`, before or in the middle of it; DeviceTimeout.

        The printer is asked once, behind the last line, to say when all before the question is on paper: one that has restarted meanwhile
        has forgotten slip and question, and asked again it would say yes.
        """
        status = demand_ready(self.name, await self.status())
        longest_s = len(document) * 10 / self._port.baud + PRINTING_S
        end_s = self._clock.monotonic_s() + longest_s
        self._finished = False
        await self._hand_over(document, longest_s)
        await self._port.write(escpos.DONE)
        while not await self._printed():
            status = demand_ready(self.name, await self._look())
            if not self._finished and self._clock.monotonic_s() >= end_s:
                raise self._port.timed_out("the last line to be printed", longest_s)
        return status

    async def _hand_over(self, document: bytes, deadline_s: float) -> None:
        self._port.tail.private = ">"  # the slip bears a name, which does not belong in a fault report
        try:
            await self._port.write(document, deadline_s)
        except DeviceTimeout:
            demand_ready(self.name, await self._look())
            raise
        finally:
            self._port.tail.private = ""

    async def _printed(self) -> bool:
        """Wait a while for the answer; False when it has not come yet."""
        if not self._finished:
            try:
                self._finished = await self._port.read_until(_done, LOOK_EVERY_S)
            except DeviceTimeout:
                return False
        return True

    async def _real_time(self, n: int) -> int:
        await self._port.write(escpos.DLE_EOT + bytes([n]), ANSWER_S)
        return await self._port.read_until(self._status_byte, ANSWER_S)

    def _status_byte(self, got: bytearray) -> int | None:
        if len(got) > STRAY_LIMIT:
            what = f"{len(got)} bytes, none of them a status"
            raise DeviceProtocolError("bad_answer", self.name, what, "Check baud rate and cable.", got_bytes=len(got), baud=self._port.baud)
        self._finished = self._finished or bool(_done(got))
        return next((byte for byte in escpos.answers(got) if escpos.is_status(byte)), None)

    async def _ask(self, which: bytes) -> str:
        """GS I; cheap printers are silent."""
        try:
            answer = await self._port.exchange(escpos.IDENTIFY + which, _text, ANSWER_S)
        except DeviceTimeout:
            return ""
        return answer


def _done(got: bytearray) -> bool | None:
    """The answer to GS r has bits 4 and 7 clear."""
    return True if any(not byte & 0x90 for byte in escpos.answers(got)) else None


def _text(got: bytearray) -> str | None:
    start, end = got.find(b"_"), got.find(b"\0")
    return got[start + 1 : end].decode("ascii", "replace") if 0 <= start < end else None
