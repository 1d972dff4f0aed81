"""Iris module: a second camera behind a near-infrared filter, and the board's light, which it may only borrow.

The board pulses the light within a lease and ends it by itself. So the shutter stays open for nearly a whole frame and the pulse
makes the picture. The pulse is asked for a moment ahead: frames are taken one after the other, from the first whose exposure began after
the board's answer, so that one of them sees it; it may lie across two, so the one after is looked at too and the better is kept. What
was exposed beside every pulse, on a machine that was busy, says nothing about light or eye. Not responsible for the dose limits
(firmware) or for finding the iris (edge/quality/iris.py).
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
AHEAD_S = 0.04
"""of the first pulse: a frame of 33 ms, the board's answer, and the thread that waits for the frame"""
PULSE_S = 0.02
MET_MS = 5.0
"""of light within an exposure; the board's clock is known to 2 ms"""
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
        """A lit picture to aim by; `light_ms` 0: the board gave no light, or it was missed. The caller keeps it to one a second."""
        try:
            frame = await self._lit_frame({"light_ms": float(AIM_MS)}, AIM_MS, "lores")
        except DeviceRefused:
            return self._grey(await self._sensor.recent(), {"light_ms": 0.0})
        return frame if _has_met(frame) else Frame(frame.pixels, metadata={**frame.metadata, "light_ms": 0.0})

    async def capture(self, eye: int) -> Frame:
        """The first lit picture; when the light reached none, the best: the verdict then says that it is too dark. DeviceRefused
        `light_missed`: no exposure met a pulse, so there is nothing to judge."""
        if eye not in (RIGHT, LEFT):
            raise ValueError(f"eye {eye}: 1 is right, 2 is left")
        notes = {"eye": float(eye), "light_ms": float(self._settings.light_ms)}
        best = await self._lit_frame(notes, self._settings.light_ms)
        for _ in range(LEASES - 1):
            if _is_lit(best):
                break
            try:
                best = max(best, await self._lit_frame(notes, self._settings.light_ms), key=_worth)
            except DeviceRefused:
                break  # the board rests the light; what there is, is judged
        if not _has_met(best):
            raise DeviceRefused("light_missed", self.name, "no picture was exposed while the light shone", "Take it again.", tries=LEASES)
        return best

    async def _lit_frame(self, notes: dict[str, float], light_ms: int, stream: str = "main") -> Frame:
        """Borrow the light once; frames follow each other without a gap until one is lit or the lease is over."""
        lease_s = await self._borrow(light_ms) / 1000
        lit_from_s = self._clock.monotonic_s()
        try:
            best = self._grey(await self._sensor.exposed_after(lit_from_s, stream), notes)
            while not _is_lit(best) and self._clock.monotonic_s() < lit_from_s + lease_s:
                best = max(best, self._grey(await self._sensor.next_frame(stream), notes), key=_worth)
            if _is_lit(best):
                best = max(best, self._grey(await self._sensor.next_frame(stream), notes), key=_worth)
        finally:
            await self._give_back()
        return best

    async def _borrow(self, light_ms: int) -> int:
        """Milliseconds granted. A board that cannot give light is no fault of this camera: DeviceRefused either way."""
        ahead_s = max(0.0, min(AHEAD_S, light_ms / 1000 - PULSE_S))
        try:
            return await self._light.light(light_ms, self._clock.monotonic_s() + ahead_s)
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
        seen = {"brightness": percentile(grey[::4, ::4], 95), "lit_ms": self._lit_ms(frame)}
        return Frame(grey, metadata={**frame.metadata, **notes, **seen})

    def _lit_ms(self, frame: Frame) -> float:
        """How long the light shone, by the board's word, while this frame was exposed."""
        begin_s = float(frame.metadata["began_s"])
        end_s = begin_s + float(frame.metadata["ExposureTime"]) / 1e6
        return 1000 * sum(max(0.0, min(end_s, pulse.end_s) - max(begin_s, pulse.begin_s)) for pulse in self._light.pulses())


def _controls(settings: Settings) -> dict[str, Any]:
    return {
        "AfMode": AF_MANUAL, "LensPosition": settings.lens_dioptres, "AeEnable": False, "ExposureTime": settings.exposure_us, "AnalogueGain": settings.gain,
        "FrameDurationLimits": (FRAME_DURATION_US, FRAME_DURATION_US),
    }


def _is_lit(frame: Frame) -> bool:
    return float(frame.metadata["brightness"]) >= LIT_GREY


def _has_met(frame: Frame) -> bool:
    return _is_lit(frame) or float(frame.metadata["lit_ms"]) >= MET_MS


def _worth(frame: Frame) -> tuple[float, float]:
    """The brightest of the lit ones; of dark ones that which should have been lit."""
    return (float(frame.metadata["brightness"]), 0.0) if _is_lit(frame) else (0.0, float(frame.metadata["lit_ms"]))
