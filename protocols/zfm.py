"""Fingerprint sensors of the ZFM / R30x / R50x family: packets on a UART, big endian throughout.

Source: R503 fingerprint module user manual V1.1 and V1.2.2, sections "Data package format" and "Instructions".

    byte  0..1   EF 01            start code
          2..5   FF FF FF FF      address of the module
          6      PID              01 command, 02 data, 07 acknowledge, 08 end of data
          7..8   length           payload + 2 (the checksum)
          9..    payload          command: instruction, parameters; acknowledge: confirmation code, values
          last 2 checksum         (PID + length bytes + payload bytes) mod 65536

Not here: time, retries, ports.
"""

import struct
from dataclasses import dataclass

START = b"\xef\x01"
ADDRESS = b"\xff\xff\xff\xff"
HEADER_BYTES = 9
CHECKSUM_BYTES = 2
LONGEST_PAYLOAD = 256

COMMAND, DATA, ACK, END = 0x01, 0x02, 0x07, 0x08

GEN_IMG, IMG_2_TZ, MATCH, SEARCH, REG_MODEL, STORE, LOAD_CHAR, UP_CHAR, DOWN_CHAR = range(0x01, 0x0A)
UP_IMAGE, DOWN_IMAGE, DELET_CHAR, EMPTY, SET_SYS_PARA, READ_SYS_PARA = 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F
VFY_PWD, HI_SPEED_SEARCH, TEMPLETE_NUM, READ_INDEX_TABLE = 0x13, 0x1B, 0x1D, 0x1F
AURA_LED_CONFIG, SOFT_RST, GET_ECHO, LED_ON, LED_OFF = 0x35, 0x3D, 0x53, 0x50, 0x51
GET_FW_VER, READ_PROD_INFO = 0x3A, 0x3C

OK, PACKET_ERROR, NO_FINGER, UPLOAD_FAILED = 0x00, 0x01, 0x02, 0x0F
CODES = {
    0x00: "ok",
    0x01: "packet error",
    0x02: "no finger",
    0x03: "enrol failed",
    0x06: "image too messy",
    0x07: "too few features",
    0x08: "no match",
    0x09: "not found",
    0x0A: "combine failed",
    0x0B: "bad page",
    0x0C: "template read error",
    0x0D: "upload feature failed",
    0x0E: "cannot receive data",
    0x0F: "upload image failed",
    0x10: "delete failed",
    0x11: "clear failed",
    0x13: "wrong password",
    0x15: "invalid image",
    0x18: "flash error",
    0x1A: "invalid register",
    0x20: "wrong address",
    0x21: "must verify password",
    0x55: "module ok",
}

POWER_UP = 0x55
"""sent once when the module is ready, up to 200 ms after power"""

PARAMETER_BAUD, PARAMETER_SECURITY, PARAMETER_PACKET = 4, 5, 6
BAUD_STEP = 9600
PACKET_SIZES = (32, 64, 128, 256)


IMAGES = {256 * 288 // 2: (256, 288), 192 * 192 // 2: (192, 192), 160 * 160 // 2: (160, 160)}
"""bytes of an upload -> columns and rows of the models that send so much"""


class ZfmError(ValueError):
    """Bytes that the manual does not allow."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One whole packet with a right checksum."""

    pid: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """A packet that began well and whose checksum or length is wrong."""

    reason: str


def checksum(pid: int, payload: bytes) -> int:
    """Sum over PID, both length bytes and payload, mod 65536."""
    length = len(payload) + CHECKSUM_BYTES
    return (pid + (length >> 8) + (length & 0xFF) + sum(payload)) & 0xFFFF


def encode(pid: int, payload: bytes) -> bytes:
    """One packet on the wire."""
    return START + ADDRESS + struct.pack(">BH", pid, len(payload) + CHECKSUM_BYTES) + payload + struct.pack(">H", checksum(pid, payload))


def command(instruction: int, parameters: bytes = b"") -> bytes:
    """A command packet."""
    return encode(COMMAND, bytes([instruction]) + parameters)


def ack(code: int, values: bytes = b"") -> bytes:
    """An acknowledge packet."""
    return encode(ACK, bytes([code]) + values)


def data_packets(content: bytes, size: int) -> list[bytes]:
    """An upload: data packets of `size` payload bytes, the last one marked as end."""
    starts = range(0, len(content), size)
    return [encode(END if start + size >= len(content) else DATA, content[start : start + size]) for start in starts]


class Decoder:
    """Finds packets in a stream; skips what belongs to none, resynchronises on the next start code after damage.

    Only the factory's address is taken: the checksum does not cover it.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self.stray = 0
        """bytes skipped so far"""

    def feed(self, data: bytes) -> list[Packet | Damaged]:
        """What these bytes complete, in order."""
        self._held += data
        found: list[Packet | Damaged] = []
        while (item := self._next()) is not None:
            found.append(item)
        return found

    def _next(self) -> Packet | Damaged | None:
        self._skip_to_start()
        if len(self._held) < HEADER_BYTES:
            return None
        pid, length = struct.unpack_from(">BH", self._held, 6)
        if not CHECKSUM_BYTES <= length <= LONGEST_PAYLOAD + CHECKSUM_BYTES or pid not in (COMMAND, DATA, ACK, END) or self._held[2:6] != ADDRESS:
            return self._damage("impossible header")
        end = HEADER_BYTES + length
        if len(self._held) < end:
            return None
        payload = bytes(self._held[HEADER_BYTES : end - CHECKSUM_BYTES])
        (stated,) = struct.unpack_from(">H", self._held, end - CHECKSUM_BYTES)
        if stated != checksum(pid, payload):
            return self._damage(f"checksum {stated:04x} instead of {checksum(pid, payload):04x}")
        del self._held[:end]
        return Packet(pid, payload)

    def _skip_to_start(self) -> None:
        at = self._held.find(START)
        if at < 0:
            at = len(self._held) - (1 if self._held.endswith(START[:1]) else 0)
        self.stray += at
        del self._held[:at]

    def _damage(self, reason: str) -> Damaged:
        """Go on searching behind the start code, so that a packet inside a damaged one is not lost."""
        del self._held[: len(START)]
        return Damaged(reason)


@dataclass(frozen=True, slots=True)
class SystemParameters:
    """Answer to ReadSysPara, 16 bytes behind the confirmation code."""

    status: int
    system_id: int
    library_size: int
    security: int
    address: bytes
    packet_code: int
    baud_n: int

    FORMAT = ">HHHH4sHH"

    @property
    def packet_size(self) -> int:
        return PACKET_SIZES[self.packet_code]

    @property
    def baud(self) -> int:
        return self.baud_n * BAUD_STEP

    def encode(self) -> bytes:
        return struct.pack(self.FORMAT, self.status, self.system_id, self.library_size, self.security, self.address, self.packet_code, self.baud_n)


@dataclass(frozen=True, slots=True)
class ProductInfo:
    """Answer to ReadProdInfo (R503 from V1.2 on), 46 bytes behind the confirmation code; some modules add 4 reserved ones."""

    model: str
    batch: str
    serial: str
    hardware: str
    sensor: str
    width: int
    height: int

    FORMAT = ">16s4s8sBB8sHHHH"

    @classmethod
    def decode(cls, values: bytes) -> "ProductInfo | None":
        """None for an answer that is too short to be one."""
        if len(values) < struct.calcsize(cls.FORMAT):
            return None
        model, batch, serial, main, sub, sensor, width, height, _, _ = struct.unpack_from(cls.FORMAT, values)
        return cls(text(model), text(batch), text(serial), f"{main}.{sub}", text(sensor), width, height)

    def encode(self, template_bytes: int, library_size: int) -> bytes:
        main, _, sub = self.hardware.partition(".")
        words = (self.model.encode(), self.batch.encode(), self.serial.encode(), int(main), int(sub), self.sensor.encode())
        return struct.pack(self.FORMAT, *words, self.width, self.height, template_bytes, library_size)


def text(raw: bytes) -> str:
    """ASCII that ends at the first zero; anything else in it is dropped."""
    return "".join(chr(byte) for byte in raw.split(b"\0", 1)[0] if 0x20 <= byte < 0x7F).strip()


def find_ack(got: bytes | bytearray) -> bytes | None:
    """Payload of the first whole acknowledge in these bytes."""
    return next((item.payload for item in Decoder().feed(bytes(got)) if isinstance(item, Packet) and item.pid == ACK and item.payload), None)


class Upload:
    """Collects one UpImage or UpChar: acknowledge, data packets, end packet. Counts every byte and checks every checksum."""

    def __init__(self, size: int | None) -> None:
        """size: payload bytes that a whole upload has; None where the manual leaves it open (templates)."""
        self.size = size
        self._decoder = Decoder()
        self._content = bytearray()
        self._accepted = False
        self.damage = ""
        """what was wrong with a packet of it"""

    @property
    def progress(self) -> float:
        """0.0 .. 1.0"""
        return min(1.0, len(self._content) / self.size) if self.size else 0.0

    def feed(self, data: bytes) -> bytes | None:
        """The whole content once its end came. Raises UploadRefused, ZfmError when it ended damaged or with a wrong size."""
        for item in self._decoder.feed(data):
            if isinstance(item, Damaged):
                self.damage = item.reason
            elif self._take(item):
                return self._finished()
        return None

    def _take(self, packet: Packet) -> bool:
        """True at the end packet. Data before our acknowledge belongs to an older upload."""
        if packet.pid == ACK:
            self._acknowledged(packet)
        elif self._accepted and packet.pid in (DATA, END):
            self._content += packet.payload
            return packet.pid == END
        return False

    def _acknowledged(self, packet: Packet) -> None:
        if packet.payload[:1] != bytes([OK]):
            raise UploadRefused(packet.payload[0] if packet.payload else PACKET_ERROR)
        self._accepted = True

    def _finished(self) -> bytes:
        """Noise that only looked like a packet costs no content; a damaged packet does, and the size tells where it is known."""
        if self.size is None and self.damage:
            raise ZfmError(f"damaged packet in the upload: {self.damage}")
        if self.size is not None and not self.damage and len(self._content) in IMAGES.keys() - {self.size}:
            raise OtherModel(*IMAGES[len(self._content)])
        if self.size is not None and len(self._content) != self.size:
            because = f" ({self.damage})" if self.damage else ""
            raise ZfmError(f"upload of {len(self._content)} bytes instead of {self.size}{because}")
        return bytes(self._content)


class UploadRefused(ZfmError):
    """The module acknowledged an upload with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"upload refused: {CODES.get(code, hex(code))}")
        self.code = code


class OtherModel(ZfmError):
    """A whole image came, and it is of another model's size."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(f"pictures of {width} x {height}")


HIGH = bytes((value >> 4) * 17 for value in range(256))
LOW = bytes((value & 0x0F) * 17 for value in range(256))


def expand(image: bytes) -> bytes:
    """4-bit pixels, two a byte, high nibble first (left) -> one byte a pixel, 0..255 in steps of 17."""
    pixels = bytearray(2 * len(image))
    pixels[0::2] = image.translate(HIGH)
    pixels[1::2] = image.translate(LOW)
    return bytes(pixels)


def wire_bytes(content_size: int, packet_size: int) -> int:
    """Bytes on the wire of one upload's data packets (the acknowledge adds 12)."""
    return content_size + -(-content_size // packet_size) * (HEADER_BYTES + CHECKSUM_BYTES)
