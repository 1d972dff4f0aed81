"""Iris module: a second camera behind a near-infrared filter, and the board's light, which it may only borrow.

The board pulses the light within a lease and ends it by itself. So the shutter stays open for nearly a whole frame and the pulse
makes the picture: frames are taken one after the other, from the first whose exposure began after the board's answer, until one is
lit; a pulse may lie across two frames, so the one after it is looked at too and the brighter is kept. Not responsible for the dose
limits (firmware) or for finding the iris (edge/quality/iris.py).
"""

from typing import Any

import numpy as np

from edge.clock import Clock
from edge.devices.interfaces import Frame, Illuminator
from edge.devices.picam import FRAME_DURATION_US, Sensor, SensorDevice
from edge.errors import DeviceError, DeviceRefused
from edge.ranks import percentile
from station_config.schema import Iris as Settings

LEASES = 3
"""tries, each a lease of `light_ms`"""
AIM_MS = 100
"""lease for one pulse: single ones at 1 Hz are no burst to the board (firmware/illuminator.py)"""
LIT_GREY = 100
"""95th percentile of a picture that the light reached; skin and sclera in near infrared lie far above, a dark frame below 10"""
AF_MANUAL = 0
"""libcamera controls.AfModeEnum.Manual"""
RIGHT, LEFT = 1, 2


class PicameraIris(SensorDevice):
    """interfaces.IrisModule through picamera2 and an Illuminator."""

    def __init__(self, name: str, settings: Settings, light: Illuminator, clock: Clock) -> None:
        self._settings = settings
        self._light = light
        self._clock = clock
        stream = {"size": (settings.width_px, settings.height_px), "format": "YUV420"}
        super().__init__(name, Sensor(name, settings.index, stream, stream, clock), _controls(settings))

    async def preview(self) -> Frame:
        """A lit picture to aim by; a dark one (`light_ms` 0) while the board gives no light. The caller keeps it to one a second."""
        try:
            return await self._lit_frame({"light_ms": float(AIM_MS)}, AIM_MS, "lores")
        except DeviceRefused:
            return self._grey(await self._sensor.recent(), {"light_ms": 0.0})

    async def capture(self, eye: int) -> Frame:
        """The first lit picture; when the light reached none, the brightest: the verdict then says that it is too dark."""
        if eye not in (RIGHT, LEFT):
            raise ValueError(f"eye {eye}: 1 is right, 2 is left")
        notes = {"eye": float(eye), "light_ms": float(self._settings.light_ms)}
        best = await self._lit_frame(notes, self._settings.light_ms)
        for _ in range(LEASES - 1):
            if _is_lit(best):
                break
            try:
                best = max(best, await self._lit_frame(notes, self._settings.light_ms), key=_brightness)
            except DeviceRefused:
                break  # the board rests the light; what there is, is judged
        return best

    async def _lit_frame(self, notes: dict[str, float], light_ms: int, stream: str = "main") -> Frame:
        """Borrow the light once; frames follow each other without a gap until one is lit or the lease is over."""
        lease_s = await self._borrow(light_ms) / 1000
        lit_from_s = self._clock.monotonic_s()
        try:
            best = self._grey(await self._sensor.exposed_after(lit_from_s, stream), notes)
            while not _is_lit(best) and self._clock.monotonic_s() < lit_from_s + lease_s:
                best = max(best, self._grey(await self._sensor.next_frame(stream), notes), key=_brightness)
            if _is_lit(best):
                best = max(best, self._grey(await self._sensor.next_frame(stream), notes), key=_brightness)
        finally:
            await self._give_back()
        return best

    async def _borrow(self, light_ms: int) -> int:
        """Milliseconds granted. A board that cannot give light is no fault of this camera: DeviceRefused either way."""
        try:
            return await self._light.light(light_ms)
        except DeviceRefused:
            raise
        except DeviceError as problem:
            what, next_step = f"no light: {problem.what}", "The board is tried again by itself."
            raise DeviceRefused("light_unavailable", self.name, what, next_step, cause=problem.code, light_ms=light_ms) from problem

    async def _give_back(self) -> None:
        try:
            await self._light.dark()
        except DeviceError:
            return  # the lease ends by itself on the board

    def _grey(self, frame: Frame, notes: dict[str, float]) -> Frame:
        """The luminance plane of the padded YUV420 array."""
        grey = np.ascontiguousarray(frame.pixels[: self._settings.height_px, : self._settings.width_px])
        return Frame(grey, metadata={**frame.metadata, **notes, "brightness": percentile(grey[::4, ::4], 95)})


def _controls(settings: Settings) -> dict[str, Any]:
    return {
        "AfMode": AF_MANUAL, "LensPosition": settings.lens_dioptres, "AeEnable": False, "ExposureTime": settings.exposure_us, "AnalogueGain": settings.gain,
        "FrameDurationLimits": (FRAME_DURATION_US, FRAME_DURATION_US),
    }


def _brightness(frame: Frame) -> float:
    return float(frame.metadata["brightness"])


def _is_lit(frame: Frame) -> bool:
    return _brightness(frame) >= LIT_GREY
