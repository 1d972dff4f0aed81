"""Pictures of simulated residents for tests, and known ways to spoil them."""

import random
from collections.abc import Callable, Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.images import Images
from simulators.people import Person, make_people
from tools.paths import samples_folder

Pixels = NDArray[np.uint8]
Spoil = Callable[[Pixels], Pixels]

PEOPLE = make_people(4, random.Random(1))
SOURCES = ("generated", "samples")


@lru_cache(maxsize=2)
def images(source: str = "generated") -> Images:
    """Generators, or real samples where there are any (generators again where not)."""
    return Images(1, samples_folder() if source == "samples" else None)


def person(number: int = 0) -> Person:
    return PEOPLE[number]


def blurred(sigma_px: float) -> Spoil:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.uint8)


def lit(factor: float, offset: float = 0) -> Spoil:
    return lambda image: np.asarray(np.clip(image * factor + offset, 0, 255), dtype=np.uint8)


def moved(dx: float = 0, dy: float = 0, turn_deg: float = 0, zoom: float = 1) -> Spoil:
    def spoil(image: Pixels) -> Pixels:
        rows, columns = image.shape[:2]
        matrix = np.asarray(cv2.getRotationMatrix2D((columns / 2, rows / 2), turn_deg, zoom), dtype=np.float64)
        matrix[:, 2] += (dx, dy)
        return np.asarray(cv2.warpAffine(image, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)

    return spoil


def twice(image: Pixels) -> Pixels:
    """Two people side by side."""
    half = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2))
    return np.hstack((half, half)).astype(np.uint8)


def backlit(image: Pixels) -> Pixels:
    spoilt = (image * 0.25).astype(np.uint8)
    spoilt[:100], spoilt[:, :100], spoilt[:, -100:] = 240, 240, 240
    return spoilt


FACE_FAULTS: Mapping[str, tuple[Spoil, str]] = {
    "dark": (lit(0.3), "face_dark"),
    "black": (lit(0.02), "face_dark"),
    "over-exposed": (lit(2.4, 70), "face_bright"),
    "backlit": (backlit, "face_backlit"),
    "dirty lens": (blurred(8.9), "face_blurred"),
    "out of focus": (blurred(5), "face_blurred"),
    "tilted": (moved(turn_deg=14), "face_tilted"),
    "far": (moved(zoom=0.5), "face_far"),
    "aside": (moved(dx=150), "face_off_centre"),
    "two people": (twice, "face_several"),
}
IRIS_FAULTS: Mapping[str, tuple[Spoil, str]] = {
    "no light": (lit(0.02), "iris_dark"),
    "sunlight": (lit(2.4, 70), "iris_bright"),
    "out of focus": (blurred(3), "iris_blurred"),
    "dirty lens": (blurred(5.3), "iris_blurred"),
    "aside": (moved(dx=190), "iris_off_centre"),
    "far": (moved(zoom=0.6), "iris_far"),
}
FINGER_FAULTS: Mapping[str, frozenset[str]] = {
    "dry": frozenset({"finger_dry"}),
    "wet": frozenset({"finger_wet"}),
    "partial": frozenset({"finger_off_centre"}),
    "tip": frozenset({"finger_small"}),
    "smeared": frozenset({"finger_smudged", "finger_wet"}),
    "dirty": frozenset({"finger_smudged", "finger_wet"}),
}
"""condition of the finger -> reasons that are right"""
