"""A ZFM / R30x / R50x fingerprint sensor: the finger that lies on it, its buffers and library, its packets.

The image is the world's finger quantised to 4 bit; the world keeps the digest of the 8-bit picture (each nibble times 17) that a right
client ends up with. Wire: protocols/zfm.py. Checked with adafruit_fingerprint and pyfingerprint.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from protocols import zfm
from simulators.faults import STALL_S, WIRE_FAULTS
from simulators.people import Person
from simulators.wire_device import WireDevice
from simulators.world import Pixels, World, digest

FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "dirty-lens": "smears lie over every image",
    "dry-finger": "ridges are thin and pale",
    "wet-finger": "ridges run together",
    "blind": "the sensor never sees a finger",
    "refuse": "VfyPwd is answered with 13, wrong password",
    "refuse-upload": "UpImage is answered with 0F",
    "corrupt-image": "one data packet of each image has a wrong checksum",
    "drop-image": "one byte in the middle of each image is lost",
    "lose-packet": "one data packet of each image is lost",
    "stall-image": "silence of 4 s in the middle of each image",
    "wrong-size": "each image ends after half of its rows",
    "reset-middle": "the sensor resets itself in the middle of each image",
    "slow-only": "speeds above 57,600 baud are refused with 1A",
}

TOUCHES = {"dirty-lens": "dirty", "dry-finger": "dry", "wet-finger": "wet"}
"""fault -> condition of simulators/impression.py"""
EXPOSURE_S = 0.05
NO_FINGER_S = 0.02
FEATURES_S = 0.3
POWER_UP_S = 0.15
TEMPLATE_BYTES = 512
LIBRARY_SIZE = 1000
SYSTEM_ID = 9
FASTEST_BAUD = 921_600
SMALL = 192
"""rows and columns of an R503, which tells who it is; an R307 does not know the instructions"""
PRODUCT = zfm.ProductInfo("R503", "2210", "00004711", "1.2", "ZW0903", SMALL, SMALL)
FIRMWARE = b"REKAM-SIM 1.2.2"
FIRMWARE_BYTES = 32

Answer = tuple[float, bytes]
"""seconds the module works on it, acknowledge payload"""


class FingerprintSensor(WireDevice):
    """One module. Commands are answered one after the other, as the module's single processor does."""

    def __init__(self, world: World, link: Path | str, faults: Collection[str], *, baud: int, rows: int, columns: int) -> None:
        super().__init__(world, link, faults, FAULTS, baud=baud, strict_baud=True)
        self.rows, self.columns = rows, columns
        self.packet_code = 2
        self.security = 3
        self.library: dict[int, bytes] = {}
        self.aura: list[tuple[int, int]] = []
        """mode and colour of each order to the light ring"""
        self._buffers: dict[int, bytes] = {}
        self._image: bytes | None = None
        self._handed_over = False
        """the latest image is; the next look tells whether the finger was lifted"""
        self._served: tuple[int, str] | None = None
        self._decoder = zfm.Decoder()
        self._commands: asyncio.Queue[zfm.Packet] = asyncio.Queue()
        self._handlers = self._table()

    def plugged_in(self) -> None:
        self._reset()
        self.port.send(bytes([zfm.POWER_UP]))

    def _reset(self) -> None:
        """Buffers are lost; speed, packet size and library lie in flash."""
        self._image = None
        self._buffers.clear()
        self._decoder = zfm.Decoder()

    def receive(self, data: bytes) -> None:
        for item in self._decoder.feed(data):
            if isinstance(item, zfm.Damaged):
                self.port.send(zfm.ack(zfm.PACKET_ERROR))
            else:
                self._commands.put_nowait(item)

    async def live(self) -> None:
        while True:
            packet = await self._commands.get()
            if packet.pid != zfm.COMMAND or not packet.payload:
                continue
            handler = self._handlers.get(packet.payload[0])
            takes_s, answer = handler(packet.payload[1:]) if handler else (0.0, bytes([zfm.PACKET_ERROR]))
            if takes_s:
                await self.world.clock.sleep_s(takes_s)
            self._answer(packet.payload, answer)
            await self.port.drained()

    def _answer(self, command: bytes, answer: bytes) -> None:
        """The acknowledge, and what follows it."""
        then = (lambda: self._take_speed(command[2])) if command[:2] == bytes([zfm.SET_SYS_PARA, zfm.PARAMETER_BAUD]) and not answer[0] else None
        self.port.send(zfm.encode(zfm.ACK, answer), then)
        if answer[0] != zfm.OK:
            return
        if command[0] == zfm.UP_IMAGE:
            self._send_image()
        elif command[0] == zfm.UP_CHAR:
            self._send_data(zfm.data_packets(self._buffers[command[1]], zfm.PACKET_SIZES[self.packet_code]))
        elif command[0] == zfm.SOFT_RST:
            self.plugged_in()

    def _take_speed(self, n: int) -> None:
        self.port.baud = n * zfm.BAUD_STEP

    # the finger

    def _look(self) -> bytes | None:
        """The packed image of what lies on the sensor now, or None."""
        desk = self.world.desk
        person, position = desk.person, desk.finger_on_sensor
        if person is None or position is None or position in person.missing_fingers or self.active.acts("blind"):
            return None
        grey = fit(self._touch(person, position), self.rows, self.columns)
        nibbles = (grey >> 4).astype(np.uint8)
        self._served = (position, digest(nibbles * np.uint8(17)))
        return (nibbles[:, 0::2] << 4 | nibbles[:, 1::2]).tobytes()

    def _touch(self, person: Person, position: int) -> Pixels:
        condition = next((condition for fault, condition in TOUCHES.items() if self.active.acts(fault)), None)
        return self.world.images.finger(person, position) if condition is None else self.world.images.finger(person, position, condition)

    # instructions

    def _table(self) -> dict[int, Callable[[bytes], Answer]]:
        return self._common() | (self._of_r503() if self.columns == SMALL else {})

    def _of_r503(self) -> dict[int, Callable[[bytes], Answer]]:
        return {
            zfm.AURA_LED_CONFIG: self._aura,
            zfm.READ_PROD_INFO: lambda _: (0.0, bytes([zfm.OK]) + PRODUCT.encode(TEMPLATE_BYTES, LIBRARY_SIZE)),
            zfm.GET_FW_VER: lambda _: (0.0, bytes([zfm.OK]) + FIRMWARE.ljust(FIRMWARE_BYTES, b"\0")),
        }

    def _aura(self, parameters: bytes) -> Answer:
        """mode 1..6, speed, colour 1..7, count (R503 V1.2.2)."""
        if len(parameters) != 4 or not 1 <= parameters[0] <= 6 or not 1 <= parameters[2] <= 7:
            return _plain(zfm.PACKET_ERROR)
        self.aura.append((parameters[0], parameters[2]))
        return _plain(zfm.OK)

    def _common(self) -> dict[int, Callable[[bytes], Answer]]:
        return {
            zfm.GEN_IMG: self._gen_img,
            zfm.IMG_2_TZ: self._img_2_tz,
            zfm.MATCH: self._match,
            zfm.SEARCH: self._search,
            zfm.HI_SPEED_SEARCH: self._search,
            zfm.REG_MODEL: self._reg_model,
            zfm.STORE: self._store,
            zfm.LOAD_CHAR: self._load_char,
            zfm.UP_CHAR: lambda p: _plain(zfm.OK if p[0] in self._buffers else 0x0D),
            zfm.UP_IMAGE: lambda _: _plain(zfm.OK if self._image and not self.active.acts("refuse-upload") else zfm.UPLOAD_FAILED),
            zfm.DELET_CHAR: self._delet_char,
            zfm.EMPTY: self._empty,
            zfm.SET_SYS_PARA: self._set_sys_para,
            zfm.READ_SYS_PARA: lambda _: (0.0, bytes([zfm.OK]) + self.parameters().encode()),
            zfm.VFY_PWD: lambda p: _plain(zfm.OK if p == bytes(4) and not self.active.acts("refuse") else 0x13),
            zfm.TEMPLETE_NUM: lambda _: (0.0, bytes([zfm.OK]) + len(self.library).to_bytes(2, "big")),
            zfm.READ_INDEX_TABLE: self._read_index_table,
            zfm.LED_ON: lambda _: _plain(zfm.OK),
            zfm.LED_OFF: lambda _: _plain(zfm.OK),
            zfm.SOFT_RST: lambda _: _plain(zfm.OK),
            zfm.GET_ECHO: lambda _: _plain(zfm.POWER_UP),
        }

    def parameters(self) -> zfm.SystemParameters:
        """What ReadSysPara answers."""
        return zfm.SystemParameters(0, SYSTEM_ID, LIBRARY_SIZE, self.security, zfm.ADDRESS, self.packet_code, self.port.baud // zfm.BAUD_STEP)

    def _gen_img(self, _: bytes) -> Answer:
        seen = self._look()
        if seen is None:
            self.world.served.sensor_s += NO_FINGER_S if self._handed_over else 0
            self._handed_over = False
            return NO_FINGER_S, bytes([zfm.NO_FINGER])
        self._image = seen
        return EXPOSURE_S, bytes([zfm.OK])

    def _img_2_tz(self, parameters: bytes) -> Answer:
        if self._image is None:
            return _plain(0x15)
        self._buffers[parameters[0]] = _template(self._image)
        return FEATURES_S, bytes([zfm.OK])

    def _match(self, _: bytes) -> Answer:
        same = 1 in self._buffers and self._buffers.get(1) == self._buffers.get(2)
        return (0.0, b"\x00\x00\xc8") if same else (0.0, b"\x08\x00\x00")

    def _search(self, parameters: bytes) -> Answer:
        wanted = self._buffers.get(parameters[0])
        first, count = int.from_bytes(parameters[1:3], "big"), int.from_bytes(parameters[3:5], "big")
        pages = (page for page, template in sorted(self.library.items()) if template == wanted and first <= page <= first + count)
        page = next(pages, None)
        if page is None:
            return 0.0, b"\x09\x00\x00\x00\x00"
        return 0.0, bytes([zfm.OK]) + page.to_bytes(2, "big") + b"\x00\xc8"

    def _reg_model(self, _: bytes) -> Answer:
        return _plain(zfm.OK if 1 in self._buffers and self._buffers.get(1) == self._buffers.get(2) else 0x0A)

    def _store(self, parameters: bytes) -> Answer:
        page = int.from_bytes(parameters[1:3], "big")
        if page >= LIBRARY_SIZE or parameters[0] not in self._buffers:
            return _plain(0x0B)
        self.library[page] = self._buffers[parameters[0]]
        return _plain(zfm.OK)

    def _load_char(self, parameters: bytes) -> Answer:
        page = int.from_bytes(parameters[1:3], "big")
        if page not in self.library:
            return _plain(0x0C)
        self._buffers[parameters[0]] = self.library[page]
        return _plain(zfm.OK)

    def _delet_char(self, parameters: bytes) -> Answer:
        page, count = int.from_bytes(parameters[:2], "big"), int.from_bytes(parameters[2:4], "big")
        for gone in range(page, page + count):
            self.library.pop(gone, None)
        return _plain(zfm.OK)

    def _empty(self, _: bytes) -> Answer:
        self.library.clear()
        return _plain(zfm.OK)

    def _set_sys_para(self, parameters: bytes) -> Answer:
        number, value = parameters[0], parameters[1]
        if number == zfm.PARAMETER_BAUD and self._holds(value * zfm.BAUD_STEP):
            return _plain(zfm.OK)
        if number == zfm.PARAMETER_SECURITY and 1 <= value <= 5:
            self.security = value
            return _plain(zfm.OK)
        if number == zfm.PARAMETER_PACKET and value < len(zfm.PACKET_SIZES):
            self.packet_code = value
            return _plain(zfm.OK)
        return _plain(0x1A)

    def _holds(self, baud: int) -> bool:
        return 0 < baud <= FASTEST_BAUD and (baud <= 57_600 or not self.active.acts("slow-only"))

    def _read_index_table(self, parameters: bytes) -> Answer:
        table = bytearray(32)
        for page in self.library:
            if page // 256 == parameters[0]:
                table[page % 256 // 8] |= 1 << page % 8
        return 0.0, bytes([zfm.OK]) + bytes(table)

    # uploads

    def _send_image(self) -> None:
        assert self._image is not None
        content = self._image[: len(self._image) // 2] if self.active.acts("wrong-size") else self._image
        packets = zfm.data_packets(content, zfm.PACKET_SIZES[self.packet_code])
        middle = len(packets) // 2
        if self.active.acts("corrupt-image"):
            packets[middle] = packets[middle][:-1] + bytes([packets[middle][-1] ^ 1])
        if self.active.acts("drop-image"):
            packets[middle] = packets[middle][:40] + packets[middle][41:]
        if self.active.acts("lose-packet"):
            del packets[middle]
        if self.active.acts("reset-middle"):
            self._send_data(packets[:middle])
            self.plugged_in()
        elif self.active.acts("stall-image"):
            self._stall(packets, middle)
        else:
            self._send_data(packets, self._witness(len(content)))

    def _stall(self, packets: list[bytes], middle: int) -> None:
        self._send_data(packets[:middle])
        self.port.pause(STALL_S)
        self._send_data(packets[middle:])

    def _send_data(self, packets: list[bytes], then: Callable[[], None] | None = None) -> None:
        for packet in packets[:-1]:
            self.port.send(packet)
        self.port.send(packets[-1], then)

    def _witness(self, size: int) -> Callable[[], None] | None:
        """Tells the world what was handed over, once the last byte has left."""
        person, served = self.world.desk.person, self._served
        if person is None or served is None:
            return None
        wire_s = zfm.wire_bytes(size, zfm.PACKET_SIZES[self.packet_code]) * 10 / self.port.baud

        def told() -> None:
            self.world.served.record(person, "finger", served[0], served[1])
            self.world.served.sensor_s += EXPOSURE_S + wire_s
            self._handed_over = True

        return told


def fit(grey: Pixels, rows: int, columns: int) -> Pixels:
    """The middle of the finger, as large as the sensor; white around one that is smaller."""
    top, left = max(0, (grey.shape[0] - rows) // 2), max(0, (grey.shape[1] - columns) // 2)
    part = grey[top : top + rows, left : left + columns]
    canvas = np.full((rows, columns), 255, np.uint8)
    down, right = (rows - part.shape[0]) // 2, (columns - part.shape[1]) // 2
    canvas[down : down + part.shape[0], right : right + part.shape[1]] = part
    return canvas


def _plain(code: int) -> Answer:
    return 0.0, bytes([code])


def _template(image: bytes) -> bytes:
    """Same finger, same features: 512 bytes that depend on nothing else."""
    return b"".join(hashlib.sha256(bytes([part]) + image).digest() for part in range(TEMPLATE_BYTES // 32))


def build(world: World, link: Path | str, faults: Collection[str] = (), *, baud: int = 57_600, rows: int = 288, columns: int = 256) -> FingerprintSensor:
    """R307 by default; columns = 192 is an R503: light ring and product information."""
    return FingerprintSensor(world, link, faults, baud=baud, rows=rows, columns=columns)
