"""The two ways into a fingerprint sensor's port: whole verified acknowledges for the library, whole verified uploads for us."""

import asyncio

import serial

from edge.devices.interfaces import Progress
from edge.links.tail import WireTail
from protocols import zfm

STALL_S = 1.0
STRAY_LIMIT = 4096


class CheckedUart:
    """The serial port as the library sees it: one whole acknowledge with a right checksum, or nothing."""

    def __init__(self, port: serial.Serial, tail: WireTail) -> None:
        """tail: shown acknowledges only; all else that comes on this wire may be part of a finger."""
        self.code: int | None = None
        """confirmation code of the last answer, None when none came"""
        self._port = port
        self._tail = tail
        self._answer = b""

    def write(self, data: bytes) -> int | None:
        self._port.reset_input_buffer()
        self._answer = b""
        self.code = None
        return self._port.write(bytes(data))

    def read(self, count: int) -> bytes:
        """The next `count` bytes of the answer; a short error acknowledge is filled up with zeros, since the library asks for the long one."""
        if not self._answer:
            payload = self._next_ack()
            if payload is None:
                return b""
            self.code = payload[0]
            whole = zfm.encode(zfm.ACK, payload)
            self._tail.show("<", whole)
            if len(whole) != count and self.code == zfm.OK:
                raise zfm.ZfmError(f"answer of {len(whole)} bytes instead of {count}: it belongs to an older command")
            self._answer = whole.ljust(count, b"\0")
        taken, self._answer = self._answer[:count], self._answer[count:]
        return taken

    def _next_ack(self) -> bytes | None:
        """Noise is skipped: an answer may stand behind what only looked like the start of one."""
        decoder = zfm.Decoder()
        damage = ""
        while (data := self._port.read(max(1, self._port.in_waiting))) and decoder.stray < STRAY_LIMIT:
            for item in decoder.feed(data):
                if isinstance(item, zfm.Damaged):
                    damage = item.reason
                elif item.pid == zfm.ACK and item.payload:
                    return item.payload
        if damage or decoder.stray:
            raise zfm.ZfmError(damage or f"{decoder.stray} bytes, none of them an answer")
        return None


class UploadReader:
    """Feeds a port's growing buffer into `zfm.Upload`, reports progress in whole per cents, pushes the stall alarm ahead."""

    def __init__(self, size: int | None, progress: Progress) -> None:
        self.upload = zfm.Upload(size)
        self.stall: asyncio.Timeout
        self._progress = progress
        self._seen = 0
        self._told = -1

    def take(self, got: bytearray) -> bytes | None:
        """The image once it is whole. Raises zfm.ZfmError."""
        if len(got) == self._seen:
            return None
        self.stall.reschedule(asyncio.get_running_loop().time() + STALL_S)
        image = self.upload.feed(bytes(got[self._seen :]))
        self._seen = len(got)
        percent = int(self.upload.progress * 100)
        if percent != self._told:
            self._told = percent
            self._progress(percent / 100)
        return image
