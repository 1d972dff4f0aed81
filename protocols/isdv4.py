"""Wacom ISDv4 serial pen tablets (W8001): 19200 (old) or 38400 baud, 8N1. Only the first byte of a packet has bit 7 set.

Source: Linux drivers/input/touchscreen/wacom_w8001.c; xorg/isdv4.h of xserver-xorg-input-wacom. Host to tablet: one letter a command.

    pen packet, 9 bytes
    byte 0   0x80 | proximity<<5 | eraser<<2 | side<<1 | tip
         1   x bits 15..9        2   x bits 8..2
         3   y bits 15..9        4   y bits 8..2
         5   pressure bits 6..0
         6   x bits 1..0 in 6..5, y bits 1..0 in 4..3, pressure bits 9..7 in 2..0
         7   tilt x              8   tilt y
    answer to a query, 11 bytes
    byte 0   0xC0 | id           1..6  the greatest x, y, pressure, laid out as above
         7,8 greatest tilt x, y  9,10  version = byte 9 << 7 | byte 10

There is no checksum: a flipped bit inside a coordinate is seen only when it leaves the tablet's range.
"""

from dataclasses import dataclass

STOP, START, QUERY, RESET = b"0", b"1", b"*", b"&"
BAUDS = (38_400, 19_200)
PEN_BYTES = 9
ANSWER_BYTES = 11
UNITS_MM = 100.0
"""nominal resolution, as in the kernel driver"""

FIRST, ANSWER, PROXIMITY, ERASER, SIDE, TIP = 0x80, 0x40, 0x20, 0x04, 0x02, 0x01


@dataclass(frozen=True, slots=True)
class Pen:
    """One report. x right, y down, in tablet units; pressure 0..1023."""

    x: int
    y: int
    pressure: int
    tip: bool
    proximity: bool = True
    side: bool = False
    eraser: bool = False
    tilt_x: int = 0
    tilt_y: int = 0


@dataclass(frozen=True, slots=True)
class Maxima:
    """Answer to a query."""

    x: int
    y: int
    pressure: int
    tilt_x: int = 0
    tilt_y: int = 0
    version: int = 0
    id: int = 0


def encode_pen(pen: Pen) -> bytes:
    """9 bytes."""
    first = FIRST | PROXIMITY * pen.proximity | ERASER * pen.eraser | SIDE * pen.side | TIP * pen.tip
    return bytes([first]) + _pack(pen.x, pen.y, pen.pressure) + bytes([pen.tilt_x, pen.tilt_y])


def encode_maxima(maxima: Maxima) -> bytes:
    """11 bytes."""
    tail = bytes([maxima.tilt_x, maxima.tilt_y, maxima.version >> 7, maxima.version & 0x7F])
    return bytes([FIRST | ANSWER | maxima.id]) + _pack(maxima.x, maxima.y, maxima.pressure) + tail


def _pack(x: int, y: int, pressure: int) -> bytes:
    low = (x & 3) << 5 | (y & 3) << 3 | pressure >> 7 & 7
    return bytes([x >> 9 & 0x7F, x >> 2 & 0x7F, y >> 9 & 0x7F, y >> 2 & 0x7F, pressure & 0x7F, low])


def _unpack(packet: bytes) -> tuple[int, int, int]:
    x = packet[1] << 9 | packet[2] << 2 | packet[6] >> 5 & 3
    y = packet[3] << 9 | packet[4] << 2 | packet[6] >> 3 & 3
    return x, y, (packet[6] & 7) << 7 | packet[5]


def _pen(packet: bytes) -> Pen:
    x, y, pressure = _unpack(packet)
    first = packet[0]
    return Pen(x, y, pressure, bool(first & TIP), bool(first & PROXIMITY), bool(first & SIDE), bool(first & ERASER), packet[7], packet[8])


def _maxima(packet: bytes) -> Maxima:
    return Maxima(*_unpack(packet), packet[7], packet[8], packet[9] << 7 | packet[10], packet[0] & 0x3F)


class Decoder:
    """Finds packets in a stream; whatever is cut off by the next first byte is dropped and counted."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.lost = 0
        """bytes that belong to no whole packet; the end of one at the very beginning is no loss"""
        self._in_step = False

    def feed(self, data: bytes) -> list[Pen | Maxima]:
        """What these bytes complete, in order."""
        found: list[Pen | Maxima] = []
        for byte in data:
            if (item := self._take(byte)) is not None:
                found.append(item)
        return found

    def _take(self, byte: int) -> Pen | Maxima | None:
        if byte & FIRST:
            self.lost += len(self._held)
            self._held = bytearray([byte])
            return None
        if not self._held:
            self.lost += self._in_step
            return None
        self._held.append(byte)
        answer = bool(self._held[0] & ANSWER)
        if len(self._held) < (ANSWER_BYTES if answer else PEN_BYTES):
            return None
        self._in_step = True
        packet, self._held = bytes(self._held), bytearray()
        return _maxima(packet) if answer else _pen(packet)
