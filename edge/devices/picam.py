"""What face camera and iris camera share: one picamera2 object, driven from threads that can be left behind.

picamera2 is imported in `open` alone (it exists on a Raspberry Pi; elsewhere the bench puts a stand-in on the path). Its defaults
would hand out a frame from before the request (`queue=True`), so frames are asked for with a flush and their age is checked again
here: exposure began at SensorTimestamp - ExposureTime, on the monotonic clock (picamera2 0.3.36, picamera2.py `captured_request`).
Not responsible for what a picture shows.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from edge.clock import Clock
from edge.devices.interfaces import Frame, Identity, Pixels
from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceTimeout
from edge.links.worker import run_blocking

T = TypeVar("T")

OPEN_S = 6.0
FRAME_S = 3.0
"""a frame takes 33 ms, a loaded board a second; more than this and the sensor has stopped"""
CLOSE_S = 2.0
FRAME_DURATION_US = 33_333
STALE_TRIES = 3
CABLE = "Check the ribbon cable; it is tried again by itself."
STARTED_AGAIN = "The camera is started again by itself."
BUFFERS = 3
"""two keep 30 frames a second going, the third is the one being read"""
METADATA = ("ExposureTime", "AnalogueGain", "LensPosition", "FocusFoM", "Lux", "ColourTemperature")


class Sensor:
    """One camera by its number, with a `main` stream for stills and a smaller `lores` one for the preview."""

    def __init__(self, name: str, index: int, main: Mapping[str, Any], lores: Mapping[str, Any], clock: Clock) -> None:
        """main, lores: picamera2's stream settings, sizes as (columns, rows)."""
        self.name = name
        self._index = index
        self._streams = {"main": main, "lores": lores}
        self._clock = clock
        self._camera: Any = None
        self._turn = asyncio.Lock()

    async def open(self, controls: Mapping[str, Any]) -> Identity:
        """Configure and start; controls that this sensor does not have are left out. Raises DeviceAbsent, DeviceTimeout."""
        async with self._turn:
            try:
                model = await self._in_thread("the camera to start", lambda: self._start(controls), OPEN_S, undo=self._close_blocking)
            except DeviceTimeout:
                raise
            except ImportError as problem:
                what, next_step = f"no picamera2 on this machine ({problem})", "Install it: sudo apt-get install python3-picamera2."
                raise DeviceAbsent("camera_software", self.name, what, next_step, index=self._index) from problem
            except Exception as problem:  # foreign code: a system library built for another numpy raises ValueError, the next one something else
                await self._close()
                what = f"no camera {self._index} ({type(problem).__name__}: {problem})"
                raise DeviceAbsent("camera_absent", self.name, what, CABLE, index=self._index) from problem
        return Identity(maker="Raspberry Pi camera", model=model, serial=str(self._index))

    async def close(self) -> None:
        async with self._turn:
            await self._close()

    async def recent(self) -> Frame:
        """The next frame of the preview stream."""
        return await self.next_frame("lores")

    async def next_frame(self, stream: str = "main") -> Frame:
        """The frame that is completed next, without a gap after the one before."""
        return await self._frame(stream, self._streams[stream], None)

    async def exposed_after(self, begin_s: float, stream: str = "main") -> Frame:
        """A frame whose exposure began at or after `begin_s` of the monotonic clock."""
        return await self._frame(stream, self._streams[stream], begin_s)

    async def focus(self) -> None:
        """One autofocus sweep where the lens can move; a sweep that finds nothing leaves judging to the picture."""
        async with self._turn:
            if "AfMode" in self._opened().camera_controls:
                await self._guarded("the focus sweep", lambda: self._opened().autofocus_cycle(), OPEN_S)

    def _start(self, controls: Mapping[str, Any]) -> str:
        from picamera2 import Picamera2

        self._camera = camera = Picamera2(self._index)
        streams = {name: dict(settings) for name, settings in self._streams.items()}
        configuration = camera.create_still_configuration(**streams, raw=None, buffer_count=BUFFERS, queue=False)
        camera.configure(configuration)
        camera.set_controls({name: value for name, value in controls.items() if name in camera.camera_controls})
        camera.start()
        return str(camera.camera_properties.get("Model", "unknown"))

    async def _frame(self, stream: str, settings: Mapping[str, Any], begin_s: float | None) -> Frame:
        async with self._turn:
            for _ in range(STALE_TRIES):
                array, metadata = await self._guarded("a frame", lambda: self._capture(stream, flush=begin_s is not None), FRAME_S)
                began_s = (metadata["SensorTimestamp"] - 1000 * metadata["ExposureTime"]) / 1e9
                if begin_s is None or began_s >= begin_s:
                    return Frame(self._pixels(array, settings), metadata={**_kept(metadata), "began_s": began_s})
        late_ms = round((begin_s - began_s) * 1000)
        what = f"frames are {late_ms} ms older than asked for"
        raise DeviceProtocolError("frame_old", self.name, what, STARTED_AGAIN, late_ms=late_ms, tries=STALE_TRIES)

    def _capture(self, stream: str, flush: bool) -> tuple[Any, dict[str, Any]]:
        with self._opened().captured_request(flush=True if flush else None) as request:
            return request.make_array(stream), request.get_metadata()

    def _pixels(self, array: Any, settings: Mapping[str, Any]) -> Pixels:
        """Check the size; red-green-blue as it is, YUV420 as its padded planes."""
        columns, rows = settings["size"]
        expected = (rows * 3 // 2, columns) if settings["format"] == "YUV420" else (rows, columns)
        if array.shape[0] != expected[0] or array.shape[1] < expected[1]:
            width_px, height_px = int(array.shape[1]), int(array.shape[0])
            what = f"a frame of {width_px} x {height_px} instead of {columns} x {rows}"
            raise DeviceProtocolError("frame_wrong_size", self.name, what, STARTED_AGAIN, width_px=width_px, height_px=height_px)
        return np.asarray(array, dtype=np.uint8)

    def _opened(self) -> Any:
        if self._camera is None:
            raise DeviceAbsent("camera_absent", self.name, "not open", "It is tried again by itself.", index=self._index)
        return self._camera

    async def _guarded(self, awaited: str, work: Callable[[], T], deadline_s: float) -> T:
        """picamera2 reports a vanished camera as RuntimeError; libcamera's time-outs never end by themselves."""
        try:
            return await self._in_thread(awaited, work, deadline_s)
        except RuntimeError as problem:
            what = f"camera {self._index} is gone ({problem})"
            raise DeviceAbsent("camera_absent", self.name, what, CABLE, index=self._index) from problem

    async def _in_thread(self, awaited: str, work: Callable[[], T], deadline_s: float, undo: Callable[[], object] = lambda: None) -> T:
        try:
            return await run_blocking(f"picamera2-{self.name}", work, deadline_s, undo)
        except TimeoutError as problem:
            what = f"waited {deadline_s:g} s for {awaited}"
            raise DeviceTimeout("camera_silent", self.name, what, STARTED_AGAIN, index=self._index, waited_s=deadline_s) from problem

    async def _close(self) -> None:
        """Under a thread that hangs in it, closing makes that thread fail and end."""
        if self._camera is None:
            return
        try:
            await run_blocking(f"picamera2-{self.name}-close", self._close_blocking, CLOSE_S)
        except (RuntimeError, OSError, TimeoutError):
            return  # the object is dropped; a new one is made at the next opening

    def _close_blocking(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()


class SensorDevice:
    """What every camera driver does alike (interfaces.Device)."""

    def __init__(self, name: str, sensor: Sensor, controls: Mapping[str, Any]) -> None:
        self.name = name
        self._sensor = sensor
        self._controls = controls

    async def open(self) -> Identity:
        return await self._sensor.open(self._controls)

    async def health(self) -> None:
        await self._sensor.recent()

    async def close(self) -> None:
        await self._sensor.close()

    def wire(self) -> str:
        """libcamera shows none."""
        return ""


def _kept(metadata: Mapping[str, Any]) -> dict[str, float | str]:
    """The figures worth keeping with a picture."""
    kept: dict[str, float | str] = {name: float(metadata[name]) for name in METADATA if name in metadata}
    if "ColourGains" in metadata:
        kept["RedGain"], kept["BlueGain"] = (float(gain) for gain in metadata["ColourGains"])
    return kept
