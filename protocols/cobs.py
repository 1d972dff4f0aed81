"""Consistent overhead byte stuffing: frames free of zero bytes, parted by zero bytes. Also runs on the board (MicroPython).

Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999, section III. A receiver is in step again at
the next zero whatever came before. Not responsible for whether a frame is intact: `crc` is.
"""

RUN = 254
"""longest run of bytes without a zero that one code byte can announce"""


def encode(data: bytes) -> bytes:
    """At most len(data) + len(data) // 254 + 1 bytes, none of them zero; no delimiter."""
    out = bytearray()
    parts = data.split(b"\x00")
    for index in range(len(parts)):
        part = parts[index]
        while len(part) >= RUN:
            out += b"\xff" + part[:RUN]
            part = part[RUN:]
            if not part and index == len(parts) - 1:
                return bytes(out)
        out += bytes([len(part) + 1]) + part
    return bytes(out)


def stuff(plain: bytearray, stuffed: bytearray, at: int) -> None:
    """As `encode`, for less than 254 bytes and without allocating: len(plain) + 1 bytes into `stuffed` from `at` on."""
    code_at = at
    for index in range(len(plain)):
        here = at + 1 + index
        stuffed[here] = plain[index]
        if not plain[index]:
            stuffed[code_at] = here - code_at
            code_at = here
    stuffed[code_at] = at + 1 + len(plain) - code_at


def decode(stuffed: bytes) -> bytes | None:
    """The bytes before `encode`; None when no encoder writes this. Takes no delimiter."""
    out = bytearray()
    at = 0
    while at < len(stuffed):
        code = stuffed[at]
        part = stuffed[at + 1 : at + code]
        if code == 0 or len(part) != code - 1:
            return None
        out += part
        at += code
        if code <= RUN and at < len(stuffed):
            out.append(0)
    return bytes(out)


class Splitter:
    """Cuts a stream into stuffed frames. Holds at most `limit` bytes; longer ones are dropped and counted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.dropped = 0
        """bytes of frames that were too long"""
        self._held = bytearray(limit)
        self._length = 0

    def push(self, byte: int) -> bytes | None:
        """A stuffed frame when `byte` ends one, else None; empty frames (zeros in a row) pass unseen."""
        if byte:
            if self._length < self.limit:
                self._held[self._length] = byte
            self._length += 1
            return None
        length, self._length = self._length, 0
        if length > self.limit:
            self.dropped += length
            return None
        return bytes(self._held[:length]) if length else None
