"""Face camera: picamera2 with a full-size stream for the portrait and a small one for the page.

Exposure and white balance are the sensor's own unless the configuration fixes them (a kit with its own lamp should). Not
responsible for framing or sharpness: edge/quality/face.py judges.
"""

from typing import Any

import numpy as np

from edge.clock import Clock
from edge.devices.interfaces import Frame
from edge.devices.picam import FRAME_DURATION_US, Sensor, SensorDevice
from station_config.schema import Camera as Settings

PREVIEW_LONGEST_PX = 640
AF_MODES = {"fixed": 0, "sweep": 1, "continuous": 2}
"""libcamera controls.AfModeEnum Manual, Auto, Continuous"""


class PicameraCamera(SensorDevice):
    """interfaces.Camera through picamera2."""

    def __init__(self, name: str, settings: Settings, clock: Clock) -> None:
        size = (settings.width_px, settings.height_px)
        self._lores_size = _within(size, PREVIEW_LONGEST_PX)
        self._clock = clock
        self._sweep = settings.focus == "sweep"
        # "BGR888" is red, green, blue in the array's order
        main, lores = {"size": size, "format": "BGR888"}, {"size": self._lores_size, "format": "YUV420"}
        super().__init__(name, Sensor(name, settings.index, main, lores, clock), _controls(settings))

    async def preview(self) -> Frame:
        """Red-green-blue, the still's shape with the longest side 640."""
        import cv2

        frame = await self._sensor.recent()
        columns, rows = self._lores_size
        colour = cv2.cvtColor(frame.pixels, cv2.COLOR_YUV2RGB_I420)[:rows, :columns]  # rows are padded to 64 bytes
        return Frame(np.asarray(colour, dtype=np.uint8), metadata=frame.metadata)

    async def still(self) -> Frame:
        if self._sweep:
            await self._sensor.focus()
        return await self._sensor.exposed_after(self._clock.monotonic_s())


def _controls(settings: Settings) -> dict[str, Any]:
    controls: dict[str, Any] = {
        "AfMode": AF_MODES[settings.focus], "AeEnable": True, "AwbEnable": True, "FrameDurationLimits": (FRAME_DURATION_US, FRAME_DURATION_US),
    }
    if settings.focus == "fixed":
        controls["LensPosition"] = settings.lens_dioptres
    if settings.exposure_us:
        controls |= {"AeEnable": False, "ExposureTime": settings.exposure_us, "AnalogueGain": settings.gain}
    if settings.colour_gains:
        controls |= {"AwbEnable": False, "ColourGains": settings.colour_gains}
    return controls


def _within(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """The same shape, even sides (YUV420 needs them), longest side at most `longest_px`."""
    scale = min(1.0, longest_px / max(size))
    return round(size[0] * scale / 2) * 2, round(size[1] * scale / 2) * 2
