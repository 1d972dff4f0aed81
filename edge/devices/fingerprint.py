"""Fingerprint sensors of the ZFM / R30x / R50x family: commands through adafruit_fingerprint, images through our own checked reader.

The library verifies no checksum, reads fixed lengths and recurses once per data packet, so it talks through `CheckedUart`, which hands
it whole verified acknowledges only, and never sees an image. Not here: judging the image, waiting for a finger to be lifted.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import numpy as np
import serial
from adafruit_fingerprint import Adafruit_Fingerprint

from edge.clock import Clock
from edge.devices.interfaces import Frame, Identity, Progress
from edge.devices.zfm_port import STALL_S, CheckedUart, UploadReader
from edge.errors import DeviceAbsent, DeviceError, DeviceProtocolError, DeviceRefused, DeviceTimeout
from edge.links.serial_port import SerialPort
from protocols import zfm
from station_config.schema import Fingerprint

T = TypeVar("T")

SPEEDS = (921_600, 460_800, 230_400, 115_200, 57_600, 38_400, 19_200, 9_600)
ANSWER_S = 1.0
"""longest answer to a plain command; GenImg of an R503 takes 0.2 s"""
PROBE_S = 0.25
COMMAND_S = 3.0
POLL_S = 0.05
"""longest pause between two looks for a finger: 8 to 14 looks a second"""
FIRST_POLL_S = 0.005
EAGER = 4
"""pauses grow from the first by this part of the wait so far: a finger that was held ready is seen at once"""
QUIET_S = 0.1
"""four times the longest gap inside an upload"""
BABBLE_S = 3.0
PATIENCE_S = 1.0
UPLOAD_TRIES = 3
BLIND_TRIES = 2
LARGEST_PACKETS = 3
"""SetSysPara 6: 256 bytes, 4 % fewer bytes on the wire than the default"""
TEMPLATE_BUFFER = 1
LONGEST_TEMPLATE = 1536
AURA_BREATHE, AURA_ON, AURA_OFF, AURA_BLUE = 1, 3, 4, 2
PLACE_AGAIN = "Lift the finger and place it again."
CABLE = "Check cable and earthing; it is tried again by itself."
OTHER_MODEL = "Fit a sensor of the configured model, or correct width_px and height_px of [devices.fingerprint]."
PACKET_ERROR = 0x01
OPTIONAL = frozenset({"AuraLedConfig"})
"""what an older module does not know, it calls a packet error"""
REFUSALS: dict[int, tuple[str, str]] = {
    **dict.fromkeys((0x03, 0x06, 0x07, 0x15), ("finger_unclear", PLACE_AGAIN)),
    **dict.fromkeys((0x13, 0x20, 0x21), ("sensor_locked", "The sensor has another password or address: have its maker's tool reset it, or fit another.")),
    0x18: ("command_refused", "Its memory is worn out: fit another sensor."),
}
"""confirmation code -> message id, next step"""
REFUSED = ("command_refused", "It is tried again by itself; fit another sensor if it goes on.")

LIBRARY_FAILS = (RuntimeError, UnboundLocalError, struct.error, IndexError, zfm.ZfmError)
"""all that adafruit_fingerprint 2.2.25 raises when an answer is not what it hoped for"""


class ZfmSensor:
    """One sensor on one serial port."""

    def __init__(self, name: str, config: Fingerprint, clock: Clock) -> None:
        self.name = name
        self.packet_size = 0
        self._config = config
        self._clock = clock
        self._port = SerialPort(name, config.port, config.baud)
        self._port.tail.private = "<"
        self._uart: CheckedUart | None = None
        self._library: Adafruit_Fingerprint | None = None
        self._aura = False
        """it has a ring"""
        self._lit = False
        self._unsettled = False

    @property
    def baud(self) -> int:
        """Speed in use; after `open` the fastest that both ends hold."""
        return self._port.baud

    async def open(self) -> Identity:
        """Find the sensor at any speed, then raise packet size and speed. Raises DeviceAbsent, DeviceRefused, DeviceTimeout, DeviceProtocolError."""
        await self._port.open()
        await self._settle()
        await self._find()
        await self._largest_packets()
        await self._fastest_speed()
        self._aura = await self._light(AURA_OFF)
        return await self._identity()

    async def health(self) -> None:
        """ReadSysPara; also ends the light of a capture that was cancelled. While its picture is still on its way, the sensor is well."""
        if self._unsettled and not await self._falls_silent(PATIENCE_S):
            return
        await self._command("ReadSysPara", lambda sensor: sensor.read_sysparam())
        await self._dark()

    async def close(self) -> None:
        self._library = None
        await self._port.close()

    def wire(self) -> str:
        return self._port.tail.text()

    async def finger_present(self) -> bool:
        """GenImg: True when the image of a finger now lies in the sensor's buffer."""
        code = await self._command("GenImg", lambda sensor: sensor.get_image(), allowed=(zfm.OK, zfm.NO_FINGER))
        return code == zfm.OK

    async def capture(self, progress: Progress) -> Frame:
        """Wait for a finger and fetch its image: uint8 (rows, columns), values 0..255 in steps of 17.

        Raises DeviceTimeout `finger_missing`, `image_stalled`; DeviceProtocolError `image_damaged`, `image_refused`.
        """
        try:
            await self._await_finger()
            image = await self._fetch(zfm.command(zfm.UP_IMAGE), self._image_bytes(), progress)
        finally:
            await self._dark()
        pixels = np.frombuffer(zfm.expand(image), np.uint8).reshape(self._config.height_px, self._config.width_px)
        return Frame(pixels, self._config.ppi, {"baud": float(self.baud), "packet_bytes": float(self.packet_size)})

    async def template(self) -> bytes:
        """Features of the finger whose image lies in the sensor's buffer, in the maker's own form (512 to 1,536 bytes).

        Raises DeviceRefused when the image is too poor, else as `capture`.
        """
        await self._command("Img2Tz", lambda sensor: sensor.image_2_tz(TEMPLATE_BUFFER))
        return await self._fetch(zfm.command(zfm.UP_CHAR, bytes([TEMPLATE_BUFFER])), None, lambda done: None)

    # opening

    def _speeds(self) -> Iterator[int]:
        """The sensor keeps its speed over a power cut, so the one we raise it to comes first."""
        yield from dict.fromkeys((self._config.fastest_baud, self._config.baud, *reversed(SPEEDS)))

    async def _find(self) -> None:
        for baud in self._speeds():
            await self._port.set_baud(baud)
            try:
                self._library = await self._in_thread("VfyPwd", self._connect, PROBE_S)
            except (DeviceTimeout, DeviceProtocolError):
                continue
            self._note_packet_size()
            return
        port, speeds = self._config.port, len(list(self._speeds()))
        what = f"no sensor answers on {port} at any of {speeds} speeds"
        raise DeviceAbsent("device_silent", self.name, what, "Check plug and power.", port=port, speeds=speeds, waited_s=PROBE_S * speeds)

    def _connect(self, port: serial.Serial) -> Adafruit_Fingerprint:
        self._uart = CheckedUart(port, self._port.tail)
        return Adafruit_Fingerprint(self._uart)

    async def _largest_packets(self) -> None:
        if self._sensor().data_packet_size != LARGEST_PACKETS:
            await self._set(zfm.PARAMETER_PACKET, LARGEST_PACKETS)
            await self.health()
        self._note_packet_size()

    def _note_packet_size(self) -> None:
        self.packet_size = zfm.PACKET_SIZES[min(self._sensor().data_packet_size, LARGEST_PACKETS)]

    async def _fastest_speed(self) -> None:
        """Go up to the fastest speed that the sensor accepts and that then carries an answer. Whether it carries images shows later."""
        for baud in SPEEDS:
            if self.baud < baud <= self._config.fastest_baud and await self._try_speed(baud):
                return

    async def _try_speed(self, baud: int) -> bool:
        before = self.baud
        if not await self._set(zfm.PARAMETER_BAUD, baud // zfm.BAUD_STEP):
            return False
        await self._port.set_baud(baud)
        try:
            await self._command("ReadSysPara", lambda sensor: sensor.read_sysparam(), answer_s=PROBE_S)
        except (DeviceTimeout, DeviceProtocolError):
            await self._call_back(before)
            return False
        return True

    async def _call_back(self, baud: int) -> None:
        """To a speed that held, blindly: what the sensor answers cannot be read, and it would keep the other one over a power cut."""
        for _ in range(BLIND_TRIES):
            with suppress(DeviceError):
                await self._command("SetSysPara", lambda sensor: sensor.set_sysparam(zfm.PARAMETER_BAUD, baud // zfm.BAUD_STEP), answer_s=PROBE_S)
        await self._port.set_baud(baud)
        await self.health()

    async def _identity(self) -> Identity:
        """Newer modules tell type and serial number; of the others only the system identifier is known."""
        wire = f"packets {self.packet_size}, baud {self.baud}"
        info = zfm.ProductInfo.decode(await self._told(zfm.READ_PROD_INFO))
        if info is None:
            return Identity("ZFM", f"system id {self._sensor().system_id}", firmware=wire)
        version = zfm.text(await self._told(zfm.GET_FW_VER))
        known = ", ".join(part for part in (version, f"hardware {info.hardware}", wire) if part)
        return Identity("ZFM", info.model, f"{info.batch}{info.serial}", known)

    async def _told(self, instruction: int) -> bytes:
        """Values behind the acknowledge; empty where the module does not know the instruction, or is silent to it."""
        await self._settle()
        try:
            answer = await self._port.exchange(zfm.command(instruction), zfm.find_ack, ANSWER_S)
        except DeviceTimeout:
            return b""
        return answer[1:] if answer[0] == zfm.OK else b""

    async def _set(self, parameter: int, value: int) -> bool:
        """SetSysPara; False when the sensor refuses that value."""
        try:
            await self._command("SetSysPara", lambda sensor: sensor.set_sysparam(parameter, value))
        except DeviceRefused:
            return False
        return True

    # finger and light

    async def _await_finger(self) -> None:
        """The ring breathes while it waits, shines steadily once there is a finger, and stays dark where the finger was there at once."""
        began_s, longest_s = self._clock.monotonic_s(), self._config.finger_timeout_s
        while not await self.finger_present():
            waited_s = self._clock.monotonic_s() - began_s
            if waited_s >= longest_s:
                raise DeviceTimeout("finger_missing", self.name, f"no finger within {longest_s:g} s", "Place the finger on the sensor.", waited_s=longest_s)
            if self._aura and not self._lit:
                self._lit = True  # also when it is cancelled before the sensor has answered
                await self._light(AURA_BREATHE)
            await self._clock.sleep_s(min(POLL_S, FIRST_POLL_S + waited_s / EAGER))
        if self._lit:
            await self._light(AURA_ON)

    async def _light(self, mode: int) -> bool:
        """Aura ring of the R503; False where there is none."""
        try:
            await self._command("AuraLedConfig", lambda sensor: sensor.set_led(AURA_BLUE, mode), answer_s=PROBE_S)
        except DeviceRefused:
            return False
        return True

    async def _dark(self) -> None:
        """End the ring's light, also of a cancelled capture; within PROBE_S on a dead port. Bytes of a picture on their way put it off to the next time."""
        if not self._lit or self._unsettled:
            return
        with suppress(DeviceError):
            await self._light(AURA_OFF)
            self._lit = False

    # uploads

    async def _fetch(self, request: bytes, size: int | None, progress: Progress) -> bytes:
        """UpImage or UpChar, again when it came damaged, at last at the configured speed: what is sent stays in the sensor's buffer."""
        for left in reversed(range(UPLOAD_TRIES)):
            try:
                return await self._upload(request, size, progress)
            except (DeviceProtocolError, DeviceTimeout) as error:
                if not left or error.code == "sensor_other_model":
                    raise
                if left == 1 and error.code == "image_damaged" and self.baud > self._config.baud:
                    await self._try_speed(self._config.baud)
        raise AssertionError("unreachable")

    async def _upload(self, request: bytes, size: int | None, progress: Progress) -> bytes:
        await self._settle()
        self._unsettled = True
        reader = UploadReader(size, progress)
        try:
            async with asyncio.timeout(STALL_S) as reader.stall:
                image = await self._port.exchange(request, reader.take, 1.5 * self._wire_s(size or LONGEST_TEMPLATE) + STALL_S)
        except TimeoutError as error:
            if reader.upload.damage:
                raise self._bad("image_damaged", f"the image's end did not come whole ({reader.upload.damage})") from error
            percent = round(100 * reader.upload.progress)
            what = f"the image stopped at {percent} %"
            raise DeviceTimeout("image_stalled", self.name, what, "Try again; check the cable.", waited_s=STALL_S, done_percent=percent) from error
        except zfm.UploadRefused as error:
            self._unsettled = False
            raise self._bad("image_refused", str(error), PLACE_AGAIN) from error
        except zfm.OtherModel as error:
            what = f"the sensor sends {error}, the configuration says {self._config.width_px} x {self._config.height_px}"
            raise self._bad("sensor_other_model", what, OTHER_MODEL) from error
        except zfm.ZfmError as error:
            raise self._bad("image_damaged", str(error)) from error
        self._unsettled = False
        return image

    async def _settle(self) -> None:
        """Let an unfinished upload run out, so that its bytes answer no later question. Raises DeviceTimeout when it never ends."""
        if not self._unsettled and not self._port.drop_input():
            return
        longest_s = BABBLE_S + (self._wire_s(self._image_bytes()) if self._unsettled else 0.0)
        if not await self._falls_silent(longest_s):
            raise self._port.timed_out("the sensor to fall silent", longest_s)

    async def _falls_silent(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while await self._heard():
                    pass
        except TimeoutError:
            return False
        self._unsettled = False
        return True

    def _image_bytes(self) -> int:
        return self._config.width_px * self._config.height_px // 2

    def _wire_s(self, size: int) -> float:
        return zfm.wire_bytes(size, self.packet_size) * 10 / self.baud

    async def _heard(self) -> bool:
        try:
            return bool(await self._port.read(QUIET_S))
        except DeviceTimeout:
            return False

    # the library

    def _sensor(self) -> Adafruit_Fingerprint:
        if self._library is None:
            raise DeviceAbsent("port_absent", self.name, "the sensor is not open", "It is tried again by itself.", port=self._config.port)
        return self._library

    async def _command(
        self, instruction: str, work: Callable[[Adafruit_Fingerprint], int], allowed: tuple[int, ...] = (zfm.OK,), answer_s: float = ANSWER_S,
    ) -> int:
        """One command through the library. Raises DeviceRefused for any other confirmation code."""
        await self._settle()
        sensor = self._sensor()
        code = await self._in_thread(instruction, lambda _: work(sensor), answer_s)
        if code not in allowed:
            raise self._refused(instruction, code)
        return code

    async def _in_thread(self, instruction: str, work: Callable[[serial.Serial], T], answer_s: float) -> T:
        """The library's call, to its end even when the caller is cancelled: nobody may use the port before."""
        call = asyncio.ensure_future(self._port.in_thread(work, COMMAND_S, answer_s))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait({call})
            if not call.cancelled():
                call.exception()
            raise
        except LIBRARY_FAILS as error:
            raise self._explain(instruction, error, answer_s) from error

    def _explain(self, instruction: str, error: Exception, waited_s: float) -> DeviceError:
        """What the library's exception meant, from the answer that it was given."""
        code = self._uart.code if self._uart else None
        if isinstance(error, zfm.ZfmError):
            return self._bad("bad_answer", f"{instruction}: {error}")
        if code is None:
            return self._port.timed_out(f"the answer to {instruction}", waited_s)
        if code != zfm.OK:
            return self._refused(instruction, code)
        return self._bad("bad_answer", f"{instruction}: {error}")

    def _refused(self, instruction: str, answer: int) -> DeviceError:
        text, known = zfm.CODES.get(answer, "unknown code"), {"instruction": instruction, "answer": f"{answer:02x}"}
        what = f"{instruction} answered {answer:02x} ({text})"
        if answer == PACKET_ERROR and instruction not in OPTIONAL:
            return DeviceProtocolError("bad_answer", self.name, f"{what}: our bytes arrived damaged", CABLE, **known)
        code, next_step = REFUSALS.get(answer, REFUSED)
        return DeviceRefused(code, self.name, what, next_step, **known)

    def _bad(self, code: str, what: str, next_step: str = CABLE) -> DeviceProtocolError:
        return DeviceProtocolError(code, self.name, what, next_step, baud=self.baud)
