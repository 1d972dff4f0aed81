"""How a finger meets the glass: turned, shifted, stretched by the skin, cut by the contact; dry, wet, partial or smeared if asked."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.noise import Field, smooth

Pixels = NDArray[np.uint8]

FINGER_SHAPE = (288, 256)
"""rows, columns of the usual optical module, 508 ppi"""
SENSOR_PPI = 508
ORIGINAL_PPI = 500
GLASS_GREY = 235
CONDITIONS: Mapping[str, str] = {
    "normal": "a clean, dry-to-the-touch finger, pressed lightly",
    "dry": "ridges break up into patches",
    "wet": "valleys fill, the print goes dark",
    "partial": "only half of the finger lies on the glass",
    "tip": "only the tip lies on the glass",
    "smeared": "the finger moved during the exposure",
    "dirty": "the glass is greasy: everything blurred",
}


def press(original: Pixels, body: np.random.Generator, touch: np.random.Generator, condition: str = "normal") -> Pixels:
    """original: ridges dark on white, 500 ppi, at least as large as the glass. Returns FINGER_SHAPE.

    body: what makes this finger its owner's (size, long waves), the same each time; touch: how it is laid down this time.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}; known: {', '.join(CONDITIONS)}")
    skin = _conditioned(_on_glass(original, body, touch), touch, condition)
    image = GLASS_GREY - (GLASS_GREY - np.minimum(skin, GLASS_GREY)) * _contact(touch, condition)
    if condition == "smeared":
        image = np.asarray(cv2.filter2D(image, -1, np.eye(13, dtype=np.float32) / 13), dtype=np.float32)
    if condition == "dirty":
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 3), dtype=np.float32)
    return np.asarray(np.clip(np.rint(image + touch.normal(0, 2, FINGER_SHAPE)), 0, 255), dtype=np.uint8)


def _on_glass(original: Pixels, body: np.random.Generator, touch: np.random.Generator) -> Field:
    rows, columns = FINGER_SHAPE
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    zoom = body.uniform(0.94, 1.06) * ORIGINAL_PPI / SENSOR_PPI
    angle = np.radians(body.normal(0, 4) + touch.normal(0, 3))
    dx, dy = x - columns / 2, y - rows / 2
    cos, sin = np.float32(np.cos(angle) * zoom), np.float32(np.sin(angle) * zoom)
    middle = (original.shape[1] / 2 + body.normal(0, 6) + touch.normal(0, 5), original.shape[0] / 2 + body.normal(0, 6) + touch.normal(0, 5))
    from_x = cos * dx - sin * dy + middle[0] + _stretch(body, touch)
    from_y = sin * dx + cos * dy + middle[1] + _stretch(body, touch)
    mapped = cv2.remap(original, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(mapped, dtype=np.float32)


def _stretch(body: np.random.Generator, touch: np.random.Generator) -> Field:
    """Displacement in px along one axis: 5 of the body, 1 of the skin as it is pressed this time."""
    return np.asarray(5 * smooth(body, FINGER_SHAPE, 45) + smooth(touch, FINGER_SHAPE, 60), dtype=np.float32)


def _contact(rng: np.random.Generator, condition: str) -> Field:
    """1 where skin touches, an ellipse with a ragged edge; less of it for a partial print."""
    rows, columns = FINGER_SHAPE
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    middle_x = 0.98 * columns if condition == "partial" else columns / 2
    middle_y = 1.2 * rows if condition == "tip" else rows / 2
    reach = np.hypot((x - middle_x) / (0.47 * columns), (y - middle_y) / (0.49 * rows)) + 0.03 * smooth(rng, FINGER_SHAPE, 9)
    return np.asarray(np.clip((1.02 - reach) / 0.04, 0, 1), dtype=np.float32)


def _conditioned(ridges: Field, rng: np.random.Generator, condition: str) -> Field:
    if condition == "dry":
        kept = np.clip(0.12 + 0.9 * smooth(rng, FINGER_SHAPE, 3), 0, 1)
        return np.asarray(GLASS_GREY - (GLASS_GREY - ridges) * kept, dtype=np.float32)
    if condition == "wet":
        return np.asarray(0.7 * np.asarray(cv2.GaussianBlur(cv2.erode(ridges, np.ones((4, 4), np.uint8)), (0, 0), 1.2)), dtype=np.float32)
    return ridges
