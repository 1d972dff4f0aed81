"""The iris camera: near-infrared filter before the lens, so it sees nothing unless the board's illuminator shines.

Pictures brighten with the light that fell into the exposure; `FULL_LIGHT_S` of it gives the whole picture.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import cv2
import numpy as np

from simulators import camera
from simulators.camera import CameraServer, Exposure, Pixels, Shape
from simulators.people import Person
from simulators.world import World, digest

FAULTS: Mapping[str, str] = camera.FAULTS
FULL_LIGHT_S = 0.008
TURN_S = 0.1
"""a resident who follows the prompts holds still for the frame after the lit one"""
LIT_GREY = 100
"""95th percentile from which a picture can be used: the resident then counts it as taken and turns the other eye"""


class IrisCameraServer(CameraServer):
    """The second sensor, grey."""

    name = "iris"
    model = "imx296"
    look = "iris"
    exposure_us = 30_000

    def __init__(self, world: World, link: Path | str, faults: Collection[str] = ()) -> None:
        super().__init__(world, link, faults)
        self._turn: tuple[int | None, int] = (None, 1)
        self._taken_s: float | None = None
        """begin of the usable picture that was handed over last"""

    def _before_lens(self) -> tuple[Person | None, int | None]:
        desk = self.world.desk
        person, _ = super()._before_lens()
        if person is None:
            return None, None
        if self._turn[0] != person.number:
            self._turn, self._taken_s = (person.number, 1), None
        if self._taken_s is not None and self.world.clock.now_s() - self._taken_s > TURN_S:
            self._turn, self._taken_s = (person.number, 3 - self._turn[1]), None
        eye = desk.eye or self._turn[1]
        return (None, None) if eye in person.missing_eyes else (person, eye)

    def scene(self, frame: Exposure, shape: Shape) -> Pixels:
        eye = np.full(shape, 120, dtype=np.uint8)
        if frame.person is not None and frame.eye is not None:
            eye = self.world.images.iris(frame.person, frame.eye)
        if eye.shape != shape:
            eye = np.asarray(cv2.resize(eye, shape[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return np.asarray(cv2.convertScaleAbs(eye, alpha=min(1.0, frame.lit_s / FULL_LIGHT_S), beta=2), dtype=np.uint8)

    def _witness(self, frame: Exposure, pixels: Pixels) -> None:
        if frame.person is None or frame.eye is None:
            return
        self.world.served.record(frame.person, "iris", frame.eye, digest(pixels))
        if np.percentile(pixels[::4, ::4], 95) >= LIT_GREY:
            self._taken_s = frame.begin_s


def build(world: World, link: Path | str, faults: Collection[str] = ()) -> IrisCameraServer:
    """The iris camera at `link` ("host:port", port 0 picks one)."""
    return IrisCameraServer(world, link, faults)
