"""Invented irises in near infrared with known truth: a polar texture between two circles, lids, lashes and two glints."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.noise import Field, numbers, smooth

Pixels = NDArray[np.uint8]

SHAPE = (480, 640)
PUPIL_GREY, SCLERA_GREY, SKIN_GREY = 28, 178, 195
LAYERS = ((2, 14, 1.0), (5, 8, 0.9), (11, 5, 0.7), (1.2, 20, 0.5))
"""smoothing along the angle and the radius, px of the polar texture; weight"""
POLAR = (64, 720)


@dataclass(frozen=True)
class Eye:
    """Grey (480, 640) and the truth behind it; px."""

    pixels: Pixels
    x: float
    y: float
    pupil_radius: float
    iris_radius: float


def generate(*names: object, lid: float = 0.0) -> Eye:
    """The same eye for the same names. lid: share of the opening that the upper lid takes away."""
    rng = numbers("generate_iris", *names)
    x, y = SHAPE[1] / 2 + rng.normal(0, 6), SHAPE[0] / 2 + rng.normal(0, 5)
    iris = 118 + rng.uniform(-4, 4)
    pupil = iris * (0.42 + rng.uniform(-0.02, 0.02))
    image = _globe(x, y, pupil, iris, rng)
    image = _lids(image, x, y, iris, lid, rng)
    for dx in (-0.35, 0.3):
        cv2.circle(image, (round(x + dx * pupil), round(y - 0.25 * pupil)), 4, 250.0, cv2.FILLED)
    sensed = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8)) + rng.normal(0, 2.5, SHAPE)
    return Eye(np.asarray(np.clip(np.rint(sensed), 0, 255), dtype=np.uint8), x, y, pupil, iris)


def _texture(rng: np.random.Generator) -> Field:
    """Polar (64, 720): row 0 at the pupil; closed round the circle."""
    texture = np.zeros(POLAR)
    for along, outwards, weight in LAYERS:
        noise = np.hstack([rng.standard_normal(POLAR, dtype=np.float32)] * 2)[:, : POLAR[1] + 120]
        layer = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigmaX=along, sigmaY=outwards))[:, 60 : POLAR[1] + 60]
        texture += weight * layer / layer.std()
    depth = np.linspace(0, 1, POLAR[0], dtype=np.float32)[:, None]
    collarette = -14 * np.exp(-(((depth - 0.30) / 0.06) ** 2))
    return np.asarray(105 + 16 * texture / 1.6 + collarette + 18 * depth, dtype=np.float32)


def _globe(x: float, y: float, pupil: float, iris: float, rng: np.random.Generator) -> Field:
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
    distance, angle = np.hypot(columns - x, rows - y), np.arctan2(rows - y, columns - x)
    depth = np.clip((distance - pupil) / (iris - pupil), 0, 1) * (POLAR[0] - 1)
    around = (angle / (2 * np.pi) % 1) * (POLAR[1] - 1)
    ring = np.asarray(cv2.remap(_texture(rng), around.astype(np.float32), depth.astype(np.float32), cv2.INTER_LINEAR))
    inside = 1 / (1 + np.exp(np.clip((distance - pupil) / 1.2, -50, 50)))
    outside = 1 / (1 + np.exp(np.clip(-(distance - iris) / 2.2, -50, 50)))
    sclera = SCLERA_GREY + 4 * smooth(rng, SHAPE, 25)
    return np.asarray(inside * PUPIL_GREY + (1 - inside) * ((1 - outside) * ring + outside * sclera), dtype=np.float32)


def _lids(image: Field, x: float, y: float, iris: float, lid: float, rng: np.random.Generator) -> Field:
    """Parabolic lids over a wide opening, the upper one with its shadow and lashes."""
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
    bow = ((columns - x) / (2.9 * iris)) ** 2
    upper = y - iris * (1.18 - 2.2 * lid) + iris * bow
    lower = y + 1.25 * iris - iris * bow
    skin = SKIN_GREY + 6 * smooth(rng, SHAPE, 30)
    shadow = np.clip(1 - (rows - upper) / 14, 0, 1) * (rows >= upper)
    shaded = image * (1 - 0.25 * shadow)
    covered = np.clip(upper - rows + 0.5, 0, 1) + np.clip(rows - lower + 0.5, 0, 1)
    result = np.asarray(shaded * (1 - covered) + skin * covered, dtype=np.float32)
    for start in range(round(x - 1.8 * iris), round(x + 1.8 * iris), 9):
        if 0 <= start < SHAPE[1]:
            top = float(upper[0, start])
            tip = (round(start + 0.25 * (start - x) + rng.normal(0, 3)), round(top - 26 - rng.uniform(0, 10)))
            cv2.line(result, (start, round(top)), tip, 60.0, 1, cv2.LINE_AA)
    return result
