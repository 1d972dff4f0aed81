"""Seeded numbers for pictures: one stream a purpose, the same on every machine."""

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def numbers(*names: object) -> np.random.Generator:
    """A stream that depends on the names alone."""
    digest = hashlib.sha256("/".join(map(str, names)).encode("utf-8")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def smooth(rng: np.random.Generator, shape: tuple[int, int], sigma_px: float) -> Field:
    """Gaussian noise of deviation 1, smoothed; `shape` is (rows, columns). Drawn coarse and enlarged where that cannot be seen."""
    step = max(1, int(sigma_px / 4))
    rows, columns = -(-shape[0] // step) + 1, -(-shape[1] // step) + 1
    field = cv2.GaussianBlur(rng.standard_normal((rows, columns), dtype=np.float32), (0, 0), max(sigma_px / step, 0.3))
    field = cv2.resize(field, (columns * step, rows * step), interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]
    deviation = float(field.std()) or 1.0
    return np.asarray((field - field.mean()) / deviation, dtype=np.float32)
