"""Invented portraits with known truth: soft-edged ellipses with the shading that face detectors react to.

They prove nothing about people; they carry known eyes and a known head through the chain where no real portraits are at hand.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.noise import Field, numbers, smooth

Pixels = NDArray[np.uint8]
Colour = tuple[float, float, float]

SHAPE = (800, 600)
SOFT_PX = 1.5


@dataclass(frozen=True)
class Face:
    """Red-green-blue (800, 600) with the share of each pixel that belongs to the person; eye centres in px."""

    pixels: Pixels
    share: Field
    eyes: tuple[tuple[float, float], tuple[float, float]]
    """left and right in the picture"""


class _Canvas:
    """Paints soft ellipses back to front; what is painted as `body` belongs to the person."""

    def __init__(self) -> None:
        self.colour = np.zeros((*SHAPE, 3), np.float32)
        self.share = np.zeros(SHAPE, np.float32)
        rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
        self.rows, self.columns = rows, columns

    def inside(self, x: float, y: float, rx: float, ry: float, soft_px: float = SOFT_PX) -> Field:
        """1 in the ellipse, 0 outside, a soft edge between."""
        edge = (1 - np.hypot((self.columns - x) / rx, (self.rows - y) / ry)) * min(rx, ry)
        return np.asarray(np.clip(edge / soft_px + 0.5, 0, 1), dtype=np.float32)

    def paint(self, mask: Field, colour: Colour | Field, body: bool = False) -> None:
        value = np.asarray(colour, dtype=np.float32)
        self.colour = self.colour * (1 - mask[..., None]) + value * mask[..., None]
        if body:
            self.share = np.maximum(self.share, mask)

    def shade(self, mask: Field, factor: float) -> None:
        self.colour *= (1 + (factor - 1) * mask)[..., None]


def generate(*names: object, eyes_open: bool = True, scarf: bool = False) -> Face:
    """The same person for the same names. scarf: hair, ears and neck are covered."""
    rng = numbers("generate_face", *names)
    canvas = _Canvas()
    x, y = SHAPE[1] / 2 + rng.normal(0, 4), 400 + rng.normal(0, 5)
    width, height = 128 + rng.uniform(-8, 10), 172 + rng.uniform(-10, 10)
    tone = rng.uniform(0.45, 1.0)
    skin: Colour = (222 * tone, 172 * tone, 138 * tone)
    dark = rng.uniform(18, 45)
    hair: Colour = (dark, 0.85 * dark, 0.75 * dark)
    _shoulders(canvas, x, y, width, height, skin, rng)
    if not scarf:
        canvas.paint(canvas.inside(x, y - 0.22 * height, 1.10 * width, 0.98 * height, 4), hair, body=True)
    _head(canvas, x, y, width, height, skin)
    if not scarf:
        canvas.paint(canvas.inside(x, y - 0.86 * height, 0.92 * width, 0.36 * height, 8), hair, body=True)
    apart, eye_y = 0.43 * width + rng.uniform(-2, 2), y - 0.10 * height
    for side in (-1, 1):
        _eye(canvas, x + side * apart, eye_y, 0.20 * width, skin, hair, eyes_open)
    _nose_and_mouth(canvas, x, y, width, height, rng)
    if scarf:
        _scarf(canvas, x, y, width, height, rng)
    grain = rng.normal(0, 3.5, (*SHAPE, 3))
    pixels = np.asarray(np.clip(np.rint(canvas.colour + grain), 0, 255), dtype=np.uint8)
    return Face(pixels, canvas.share, ((x - apart, eye_y), (x + apart, eye_y)))


def _shoulders(canvas: _Canvas, x: float, y: float, width: float, height: float, skin: Colour, rng: np.random.Generator) -> None:
    shirt: Colour = tuple(rng.uniform(40, 220, 3))
    folds = 1 + 0.06 * smooth(rng, SHAPE, 18)
    canvas.paint(canvas.inside(x, y + 2.35 * height, 2.05 * width, 1.05 * height), folds[..., None] * np.array(shirt, np.float32), body=True)
    neck: Colour = (0.86 * skin[0], 0.84 * skin[1], 0.84 * skin[2])
    canvas.paint(canvas.inside(x, y + 1.05 * height, 0.52 * width, 0.62 * height), neck, body=True)


def _head(canvas: _Canvas, x: float, y: float, width: float, height: float, skin: Colour) -> None:
    ear: Colour = (0.88 * skin[0], 0.85 * skin[1], 0.84 * skin[2])
    for side in (-1, 1):
        canvas.paint(canvas.inside(x + side * width, y + 0.02 * height, 0.13 * width, 0.20 * height), ear, body=True)
    depth = ((canvas.columns - x) / width) ** 2 + 0.5 * ((canvas.rows - y) / height) ** 2
    shaded = np.array(skin, np.float32) * (1.06 - 0.26 * depth)[..., None]
    canvas.paint(canvas.inside(x, y, width, height, 3), np.asarray(shaded, dtype=np.float32), body=True)


def _eye(canvas: _Canvas, x: float, y: float, size: float, skin: Colour, hair: Colour, is_open: bool) -> None:
    canvas.shade(canvas.inside(x, y - 0.15 * size, 1.9 * size, 1.25 * size, 0.9 * size), 0.66)
    canvas.paint(canvas.inside(x, y - 1.35 * size, 1.55 * size, 0.28 * size, 3), hair)
    if not is_open:
        canvas.paint(canvas.inside(x, y + 0.15 * size, 1.05 * size, 0.10 * size), (0.4 * skin[0], 0.35 * skin[1], 0.35 * skin[2]))
        return
    lens = canvas.inside(x, y + 0.55 * size, 1.25 * size, 0.98 * size) * canvas.inside(x, y - 0.55 * size, 1.25 * size, 0.98 * size)
    canvas.paint(lens, (226, 222, 216))
    canvas.paint(canvas.inside(x, y, 0.46 * size, 0.46 * size) * lens, (62, 40, 26))
    canvas.paint(canvas.inside(x, y, 0.20 * size, 0.20 * size) * lens, (12, 10, 10))
    canvas.paint(canvas.inside(x - 0.14 * size, y - 0.16 * size, 0.09 * size, 0.09 * size), (250, 250, 250))
    canvas.paint(canvas.inside(x, y - 0.40 * size, 1.15 * size, 0.10 * size), (40, 26, 22))


def _scarf(canvas: _Canvas, x: float, y: float, width: float, height: float, rng: np.random.Generator) -> None:
    """Cloth round an oval that leaves brows to chin free, falling over the shoulders."""
    cloth: Colour = tuple(rng.uniform(30, 225, 3))
    folds = (1 + 0.10 * smooth(rng, SHAPE, 14))[..., None] * np.array(cloth, np.float32)
    free = canvas.inside(x, y + 0.06 * height, 0.90 * width, 0.93 * height, 3)
    head = canvas.inside(x, y - 0.08 * height, 1.18 * width, 1.14 * height, 3)
    fall = canvas.inside(x, y + 1.75 * height, 1.45 * width, 1.10 * height, 3)
    canvas.paint(np.maximum(head, fall) * (1 - free), np.asarray(folds, dtype=np.float32), body=True)
    canvas.shade(canvas.inside(x, y + 0.06 * height, 0.98 * width, 1.0 * height, 8) * (1 - free), 0.72)


def _nose_and_mouth(canvas: _Canvas, x: float, y: float, width: float, height: float, rng: np.random.Generator) -> None:
    canvas.shade(canvas.inside(x + 0.13 * width, y + 0.12 * height, 0.09 * width, 0.24 * height, 9), 0.86)
    canvas.shade(canvas.inside(x - 0.02 * width, y + 0.14 * height, 0.06 * width, 0.22 * height, 7), 1.10)
    for side in (-1, 1):
        canvas.shade(canvas.inside(x + side * 0.11 * width, y + 0.36 * height, 0.07 * width, 0.030 * height, 3), 0.45)
    mouth = 0.40 * width * rng.uniform(0.9, 1.1)
    canvas.paint(canvas.inside(x, y + 0.56 * height, mouth, 0.065 * height, 3), (168, 88, 84))
    canvas.paint(canvas.inside(x, y + 0.555 * height, 0.95 * mouth, 0.012 * height), (92, 42, 42))
    canvas.shade(canvas.inside(x, y + 0.72 * height, 0.5 * width, 0.05 * height, 8), 0.88)
    canvas.colour = np.asarray(cv2.GaussianBlur(canvas.colour, (0, 0), 0.8), dtype=np.float32)
