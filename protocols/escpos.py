"""ESC/POS: a slip as bytes, and what the printer answers. 58 mm (32 columns) and 80 mm (48 columns) paper, font A.

Source: Epson ESC/POS command reference; each command is named where it is used. Not here: ports, waiting, what the slip says.

    DLE EOT n  10 04 n     answered at once, even without paper: one byte, bits 0 and 7 are 0, bits 1 and 4 are 1
       n = 1   bit 3 offline
       n = 2   bit 2 cover open        bit 5 stopped for want of paper      bit 6 error
       n = 4   bits 2, 3 paper low     bits 5, 6 paper out
    GS r 1     1D 72 01    answered when all before it is printed: bits 0, 1 paper low; 2, 3 paper out; bits 4 and 7 are 0
    GS I n     1D 49 n     `_`, text, NUL: n = 65 firmware, 66 maker, 67 model, 68 serial number
    GS a n     1D 61 n     n = 0: no reports by itself (ASB), which else come at each change: four bytes, in the first bits 0, 1, 7 are 0 and
                           bit 4 is 1, in the others bits 4 and 7 are 0, so that alone each would be an answer to GS r
"""

import re
import textwrap
from dataclasses import dataclass

COLUMNS = {58: 32, 80: 48}
QR_DOTS = {58: 6, 80: 8}
"""dots a module: a 40-character code of version 3 is about 22 mm wide on 58 mm paper, read well by a telephone"""

DLE_EOT = b"\x10\x04"
PRINTER, OFFLINE_CAUSE, PAPER = 1, 2, 4
FIXED_MASK, FIXED_BITS = 0x93, 0x12
DONE = b"\x1dr\x01"
IDENTIFY = b"\x1dI"
FIRMWARE, MAKER, MODEL, SERIAL = b"A", b"B", b"C", b"D"

RESET = b"\x1b@"
NO_REPORTS = b"\x1da\x00"
CODE_PAGE_1252 = b"\x1bt\x10"
LEFT, CENTRE = b"\x1ba\x00", b"\x1ba\x01"
BOLD_ON, BOLD_OFF = b"\x1bE\x01", b"\x1bE\x00"
LARGE, NORMAL = b"\x1d!\x11", b"\x1d!\x00"
FEED = b"\x1bd"
CUT = b"\x1dVB\x00"
"""GS V 66 0: feed to the knife, then cut part of the way"""

QR_MODEL_2 = b"\x1d(k\x04\x001A2\x00"
QR_LEVEL_M = b"\x1d(k\x03\x001E1"
QR_PRINT = b"\x1d(k\x03\x001Q0"


def qr(text: str, dots: int) -> bytes:
    """A QR code that the printer draws itself (GS ( k, functions 165, 167, 169, 180, 181); error correction M."""
    data = text.encode("utf-8")
    size = b"\x1d(k\x03\x001C" + bytes([dots])
    store = b"\x1d(k" + (len(data) + 3).to_bytes(2, "little") + b"1P0" + data
    return QR_MODEL_2 + size + QR_LEVEL_M + store + QR_PRINT


class Slip:
    """Collects one slip; `document` is ready to be sent."""

    def __init__(self, width_mm: int) -> None:
        """width_mm: of the paper; anything below 80 counts as 58."""
        self._width = 80 if width_mm >= 80 else 58
        self._parts = [RESET, NO_REPORTS, CODE_PAGE_1252]

    @property
    def columns(self) -> int:
        return COLUMNS[self._width]

    def line(self, text: str = "", *, bold: bool = False) -> "Slip":
        """A paragraph, broken between words."""
        shown = b"".join(part.encode("cp1252", "replace") + b"\n" for part in wrap(text, self.columns))
        self._parts.append(BOLD_ON + shown + BOLD_OFF if bold else shown)
        return self

    def title(self, text: str) -> "Slip":
        """Centred, twice as large."""
        lines = b"".join(part.encode("cp1252", "replace") + b"\n" for part in wrap(text, self.columns // 2))
        self._parts.append(CENTRE + LARGE + lines + NORMAL + LEFT)
        return self

    def pair(self, name: str, value: str) -> "Slip":
        """Name on the left, value on the right of one line, or below it when both do not fit."""
        gap = self.columns - len(name) - len(value)
        return self.line(name + " " * gap + value) if gap >= 1 else self.line(name).line("  " + value)

    def rule(self) -> "Slip":
        return self.line("-" * self.columns)

    def qr(self, text: str) -> "Slip":
        """Centred."""
        self._parts.append(CENTRE + qr(text, QR_DOTS[self._width]) + b"\n" + LEFT)
        return self

    def cut(self) -> "Slip":
        self._parts.append(FEED + b"\x02" + CUT)
        return self

    @property
    def document(self) -> bytes:
        return b"".join(self._parts)


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns` characters; a longer word is cut. Leading blanks of the text stay."""
    return textwrap.wrap(text, columns, break_on_hyphens=False) or [""]


@dataclass(frozen=True, slots=True)
class Status:
    """What the three DLE EOT answers say together."""

    offline: bool
    cover_open: bool
    paper_low: bool
    paper_out: bool
    error: bool


def is_status(byte: int) -> bool:
    """True for a byte that can be an answer to DLE EOT."""
    return byte & FIXED_MASK == FIXED_BITS


def answers(got: bytes | bytearray) -> bytes:
    """Without reports that the printer sent by itself, also one of which the end has not come yet."""
    return _REPORT.sub(b"", bytes(got))


def _one_of(mask: int, bits: int) -> bytes:
    return b"[" + re.escape(bytes(byte for byte in range(256) if byte & mask == bits)) + b"]"


_REPORT = re.compile(_one_of(0x93, 0x10) + b"(?:" + _one_of(0x90, 0) + b"{3}|" + _one_of(0x90, 0) + rb"{0,2}\Z)", re.DOTALL)


def decode_status(printer: int, cause: int, paper: int) -> Status:
    """Answers to n = 1, 2, 4."""
    return Status(
        offline=bool(printer & 0x08),
        cover_open=bool(cause & 0x04),
        paper_low=bool(paper & 0x0C),
        paper_out=bool(paper & 0x60) or bool(cause & 0x20),
        error=bool(cause & 0x40),
    )


def encode_status(status: Status, n: int) -> int:
    """The printer's answer to DLE EOT n."""
    bits = {
        PRINTER: 0x08 * status.offline,
        OFFLINE_CAUSE: 0x04 * status.cover_open | 0x20 * status.paper_out | 0x40 * status.error,
        PAPER: 0x0C * status.paper_low | 0x60 * status.paper_out,
    }
    return FIXED_BITS | bits.get(n, 0)
