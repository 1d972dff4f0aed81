"""The face camera as its sensor: frames of whoever sits at the desk, served to the picamera2 stand-in.

Wire of the stand-in (ours alone, loopback TCP): a JSON line a request, a JSON line an answer, then `bytes` of pixels where the
answer says so. Frames begin every 33,333 us; a request waits until its frame has been exposed and read out. Faults act in the model
(lens, exposure) or on the wire (stall, unplug). The iris camera shares all but the scene (iris_camera.py).
"""

import asyncio
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.faults import PLUG_FAULTS, Active
from simulators.noise import numbers
from simulators.people import Person
from simulators.plug import Plug
from simulators.world import World, check_faults, digest

Pixels = NDArray[np.uint8]
Shape = tuple[int, int]

FAULTS: Mapping[str, str] = {
    "unplug": "the ribbon cable is out: connections close and none is accepted",
    "replug": "the ribbon cable is loose: out for half a second now, and again every 4 s",
    "refuse": "another program holds the camera",
    "reset-middle": "the sensor restarts in the middle of each picture: half of it comes, then the connection closes",
    "stall": "the sensor stops delivering: a capture never returns",
    "black-frames": "all pixels near black",
    "dirty-lens": "grease on the lens: everything blurred",
    "over-exposed": "exposure far too long",
    "wrong-size": "frames of half the size that was configured",
    "late": "every frame comes 4 s late",
    "old-frame": "frames exposed before they were asked for",
}
FRAME_S = 1 / 30
READOUT_S = 0.010
LATE_S = 4.0
OLD_S = 10.0
"""longer than any camera is asked again for a newer one"""
NOISE_FIELDS = 6
STRIDE_BYTES = 64


@dataclass
class Exposure:
    """What one frame saw while it was exposed."""

    number: int
    begin_s: float
    took_s: float
    """from the request to the end of the readout"""
    lit_s: float
    """of near-infrared light"""
    person: Person | None
    eye: int | None


@dataclass
class Client:
    """One connection: how it configured the sensor, and its last frame."""

    main: dict[str, Any] = field(default_factory=dict)
    lores: dict[str, Any] | None = None
    controls: dict[str, Any] = field(default_factory=dict)
    frame: Exposure | None = None


class CameraServer:
    """One sensor. `scene` is what a subclass changes."""

    name = "camera"
    model = "imx708"
    look = "camera"
    exposure_us = 8_000

    def __init__(self, world: World, link: Path | str, faults: Collection[str] = ()) -> None:
        check_faults(FAULTS, faults)
        self.world = world
        self.active = Active(faults)
        self.played = self.active.played
        self._plug = Plug(self._close, self._listen, world.clock, self.played)
        self._host, _, port = str(link).rpartition(":")
        self._port = int(port) if port.isdigit() else 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.Task[None]] = set()
        self._frames = 0
        self.sweeps = 0
        """focus searches asked of this sensor"""
        self._noise: dict[tuple[int, ...], list[NDArray[np.int16]]] = {}

    @property
    def address(self) -> str:
        return f"{self._host or '127.0.0.1'}:{self._port}"

    @property
    def listening(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        await self._plug.begin(self.active)

    async def _listen(self) -> None:
        if self._server is not None:
            return
        self._server = await asyncio.start_server(self._client, self._host or "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        await self._plug.end()
        await self._close()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(FAULTS, [name])
        self.active.turn(name, on)
        if name in PLUG_FAULTS:
            self._plug.act(name, on)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client()
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                header, payload = await self._answer(client, json.loads(line))
                cut = bool(payload) and self.active.acts("reset-middle")
                writer.write(json.dumps({**header, "bytes": len(payload)}).encode() + b"\n" + (payload[: len(payload) // 2] if cut else payload))
                await writer.drain()
                if cut:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, client: Client, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        do = request["do"]
        if self.active.acts("refuse"):
            return {"error": "Camera in Acquired state trying acquire() requiring state Available"}, b""
        if do == "info":
            return {"properties": {"Model": self.model, "PixelArraySize": [4608, 2592]}, "controls": self._controls()}, b""
        if do == "configure":
            client.main, client.lores = request["main"], request["lores"]
        elif do == "controls":
            client.controls.update(request["controls"])
        elif do == "focus":
            self.sweeps += 1
            return {"focused": "dirty-lens" not in self.active}, b""
        elif do == "frame":
            return await self._frame(client, request["flush_ns"]), b""
        elif do == "array":
            return await asyncio.to_thread(self._array, client, request["stream"])
        return {}, b""

    def _controls(self) -> dict[str, Any]:
        return {
            "AeEnable": [0, 1, 1], "AwbEnable": [0, 1, 1], "ExposureTime": [26, 112_015_443, 20_000], "AnalogueGain": [1.0, 16.0, 1.0],
            "ColourGains": [0.0, 32.0, 1.0], "FrameDurationLimits": [17_000, 112_016_000, 33_333], "AfMode": [0, 2, 0], "LensPosition": [0.0, 32.0, 1.0],
        }

    async def _frame(self, client: Client, flush_ns: int | None) -> dict[str, Any]:
        """Wait for the next frame that fits; answer with the metadata libcamera gives."""
        while self.active.acts("stall"):
            await self.world.clock.sleep_s(0.05)
        now = self.world.clock.now_s()
        exposure_s = client.controls.get("ExposureTime", self.exposure_us) / 1e6
        earliest = flush_ns / 1e9 if flush_ns is not None else now - FRAME_S
        begin = max(math.ceil(earliest / FRAME_S) * FRAME_S, client.frame.begin_s + FRAME_S if client.frame else 0.0)
        await self._sleep_until(begin + exposure_s + READOUT_S + (LATE_S if self.active.acts("late") else 0))
        self._frames += 1
        shown = begin - OLD_S if self.active.acts("old-frame") else begin
        took_s = max(0.0, begin + exposure_s + READOUT_S - now)
        client.frame = Exposure(self._frames, begin, took_s, self.world.lit_s(begin, begin + exposure_s), *self._before_lens())
        return {"frame": self._frames, "metadata": self._metadata(client, shown, exposure_s)}

    def _metadata(self, client: Client, begin_s: float, exposure_s: float) -> dict[str, Any]:
        """SensorTimestamp is the end of the first row's exposure, nanoseconds of the monotonic clock."""
        return {
            "SensorTimestamp": round((begin_s + exposure_s) * 1e9),
            "ExposureTime": round(exposure_s * 1e6),
            "FrameDuration": round(FRAME_S * 1e6),
            "AnalogueGain": client.controls.get("AnalogueGain", 1.5),
            "ColourGains": client.controls.get("ColourGains", [1.9, 1.6]),
            "FocusFoM": 300 if "dirty-lens" in self.active else 1800,
            "LensPosition": 1.2,
            "Lux": 420.0,
            "ColourTemperature": 5000,
        }

    async def _sleep_until(self, when_s: float) -> None:
        left = when_s - self.world.clock.now_s()
        if left > 0:
            await self.world.clock.sleep_s(left)

    def _before_lens(self) -> tuple[Person | None, int | None]:
        """Who is in front of this camera now."""
        desk = self.world.desk
        return (desk.person if desk.looking_at == self.look else None), None

    def _array(self, client: Client, stream: str) -> tuple[dict[str, Any], bytes]:
        """Pixels of the last frame, in the stream's size and format; what leaves by `main` is recorded."""
        frame, config = client.frame, client.main if stream == "main" else client.lores
        if frame is None or config is None:
            return {"error": f"Stream {stream} is not defined"}, b""
        pixels = self._picture(frame, client.main["size"], config["size"])
        if self.active.acts("wrong-size"):
            pixels = np.ascontiguousarray(pixels[::2, ::2])
        if stream == "main":
            self.world.served.sensor_s += frame.took_s
            self._witness(frame, pixels)
        array = _yuv420(pixels) if config["format"] == "YUV420" else pixels
        return {"shape": array.shape}, np.ascontiguousarray(array).tobytes()

    def _witness(self, frame: Exposure, pixels: Pixels) -> None:
        if frame.person is not None:
            self.world.served.record(frame.person, "face", 0, digest(pixels))

    def scene(self, frame: Exposure, shape: Shape) -> Pixels:
        """What the lens throws on the sensor, before faults and noise."""
        return self.world.images.face(frame.person, shape) if frame.person else self.world.images.empty_desk(shape)

    def _picture(self, frame: Exposure, main_size: Shape, size: Shape) -> Pixels:
        """Sizes are (columns, rows). The smaller stream shows what the main one does."""
        scene = self.scene(frame, (main_size[1], main_size[0]))
        if tuple(size) != tuple(main_size):
            scene = np.asarray(cv2.resize(scene, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if self.active.acts("black-frames"):
            scene = scene // 40
        if self.active.acts("dirty-lens"):
            scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), size[1] / 90), dtype=np.uint8)
        if self.active.acts("over-exposed"):
            scene = np.asarray(cv2.convertScaleAbs(scene, alpha=2.4, beta=70), dtype=np.uint8)
        return self._sensed(scene, frame.number)

    def _sensed(self, scene: Pixels, number: int) -> Pixels:
        """Nobody keeps quite still, no sensor is free of noise."""
        fields = self._noise.get(scene.shape)
        if fields is None:
            rng = numbers(self.world.seed, self.name, "noise")
            fields = self._noise[scene.shape] = [np.rint(rng.normal(0, 1.6, scene.shape)).astype(np.int16) for _ in range(NOISE_FIELDS)]
        moved = np.roll(scene, (number * 7 % 3 - 1, number * 5 % 3 - 1), axis=(0, 1)) if scene.shape[0] > 3 else scene
        return np.asarray(cv2.add(moved, fields[number % NOISE_FIELDS], dtype=cv2.CV_8U), dtype=np.uint8)


def _yuv420(pixels: Pixels) -> Pixels:
    """Planar YUV, rows padded to 64 bytes as the Pi's image processor leaves them."""
    if pixels.ndim == 2:
        planes = np.full((pixels.shape[0] * 3 // 2, pixels.shape[1]), 128, dtype=np.uint8)
        planes[: pixels.shape[0]] = pixels
        pad = -pixels.shape[1] % STRIDE_BYTES
        return np.pad(planes, ((0, 0), (0, pad)))
    pad = -pixels.shape[1] % STRIDE_BYTES
    return np.asarray(cv2.cvtColor(np.pad(pixels, ((0, 0), (0, pad), (0, 0))), cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def build(world: World, link: Path | str, faults: Collection[str] = ()) -> CameraServer:
    """The face camera at `link` ("host:port", port 0 picks one)."""
    return CameraServer(world, link, faults)
