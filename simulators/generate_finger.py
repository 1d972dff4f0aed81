"""Invented fingerprints with known truth: zero-pole orientation, ridges grown by oriented filters.

Cores and deltas set the orientation field; noise filtered again and again with each pixel's own Gabor kernel becomes ridges with
minutiae where they must be. Half the rounds run at half size, so a finger costs a quarter of a second. They carry ground truth
through the chain; nothing about real fingers may be tuned on them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.noise import Field, numbers, smooth

Pixels = NDArray[np.uint8]
Point = tuple[float, float]

SHAPE = (400, 340)
"""rows, columns at 500 ppi"""
KINDS = ("left_loop", "right_loop", "whorl", "arch")
SHARES = (0.32, 0.32, 0.30, 0.06)
ORIENTATIONS = 24
FREQUENCY_CLASSES = (0.87, 1.0, 1.15)
PERIOD_PX = (8.2, 10.2)
COARSE_ROUNDS, FINE_ROUNDS = 12, 3


@dataclass(frozen=True)
class Finger:
    """Grey (400, 340), ridges dark, and the truth behind them."""

    pixels: Pixels
    kind: str
    cores: tuple[Point, ...]
    """x, y in px"""
    deltas: tuple[Point, ...]
    orientation: Field
    """direction of the ridges, radians, y downwards"""
    period_px: float


def generate(*names: object) -> Finger:
    """The same finger for the same names."""
    rng = numbers("generate_finger", *names)
    kind = str(rng.choice(KINDS, p=SHARES))
    cores, deltas = _singularities(kind, rng)
    orientation = _arch(rng) if kind == "arch" else _zero_pole(cores, deltas)
    period = float(rng.uniform(*PERIOD_PX))
    ridges = _grow(orientation, period, rng)
    grey = 230 - 170 / (1 + np.exp(-4 * ridges))
    return Finger(np.asarray(np.rint(grey), dtype=np.uint8), kind, cores, deltas, orientation, period)


def _singularities(kind: str, rng: np.random.Generator) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    x, y = SHAPE[1] / 2 + rng.uniform(-12, 12), 0.45 * SHAPE[0] + rng.uniform(-12, 12)
    aside, below = 80 + rng.uniform(-10, 10), 110 + rng.uniform(-10, 10)
    if kind == "whorl":
        return ((x, y - 14), (x, y + 16)), ((x - 105, y + 105), (x + 105, y + 105))
    if kind == "arch":
        return (), ()
    return ((x, y),), ((x + (aside if kind == "left_loop" else -aside), y + below),)


def _zero_pole(cores: tuple[Point, ...], deltas: tuple[Point, ...]) -> Field:
    """Half of (sum of the angles from the cores - sum of those from the deltas)."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float64)
    angle = sum(np.arctan2(y - cy, x - cx) for cx, cy in cores) - sum(np.arctan2(y - dy, x - dx) for dx, dy in deltas)
    return np.asarray(angle / 2 % np.pi, dtype=np.float32)


def _arch(rng: np.random.Generator) -> Field:
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float64)
    k = rng.uniform(0.95, 1.25)
    height = np.maximum(0, k - k * y / (0.95 * SHAPE[0]))
    return np.asarray(-np.arctan(height * np.cos(np.pi * x / SHAPE[1]) * 1.1) % np.pi, dtype=np.float32)


def _grow(orientation: Field, period_px: float, rng: np.random.Generator) -> Field:
    """Ridges as -1..1, 1 on a ridge."""
    chosen = np.clip(np.rint(smooth(rng, SHAPE, 45) * 0.8 + 1), 0, 2).astype(np.intp)
    half = (SHAPE[1] // 2, SHAPE[0] // 2)
    coarse_orientation, coarse_chosen = orientation[::2, ::2], chosen[::2, ::2]
    ridges = rng.normal(0, 0.4, half[::-1]).astype(np.float32)
    ridges = _rounds(ridges, coarse_orientation, coarse_chosen, period_px / 2, COARSE_ROUNDS)
    ridges = np.asarray(cv2.resize(ridges, SHAPE[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return _rounds(ridges, orientation, chosen, period_px, FINE_ROUNDS)


def _rounds(ridges: Field, orientation: Field, chosen: NDArray[np.intp], period_px: float, rounds: int) -> Field:
    """Each kernel runs only over the box that holds its pixels."""
    index = np.rint(orientation / np.pi * ORIENTATIONS).astype(np.intp) % ORIENTATIONS
    cells = []
    for number in range(ORIENTATIONS):
        for which, share in enumerate(FREQUENCY_CLASSES):
            where = (index == number) & (chosen == which)
            if where.any():
                kernel = _kernel(number, period_px / share)
                cells.append((kernel, *_boxed(where, kernel.shape[0] // 2)))
    for _ in range(rounds):
        grown = np.zeros_like(ridges)
        for kernel, box, inside in cells:
            grown[box][inside] = np.asarray(cv2.filter2D(ridges[box], cv2.CV_32F, kernel))[inside]
        ridges = np.tanh(6 * grown)
    return ridges


def _boxed(where: NDArray[np.bool_], reach: int) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """The bounding box of the set pixels, wider by the kernel's reach, and the pixels inside it."""
    rows, columns = np.nonzero(where.any(axis=1))[0], np.nonzero(where.any(axis=0))[0]
    box = slice(max(0, rows[0] - reach), rows[-1] + reach + 1), slice(max(0, columns[0] - reach), columns[-1] + reach + 1)
    return box, where[box]


def _kernel(number: int, period_px: float) -> Field:
    """Even Gabor across ridges of one direction: zero mean, absolute sum 1."""
    reach = 8 if period_px > 6 else 5
    sigma = 0.387 * period_px
    across = np.pi * number / ORIENTATIONS + np.pi / 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    wave = np.cos(2 * np.pi * (x * np.cos(across) + y * np.sin(across)) / period_px) * np.exp(-(x * x + y * y) / (2 * sigma**2))
    wave -= wave.mean()
    return np.asarray(wave / np.abs(wave).sum(), dtype=np.float32)
