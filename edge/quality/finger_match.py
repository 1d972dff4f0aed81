"""Is this the same finger as before? Band-limited phase-only correlation of enhanced prints; no model, no minutiae.

For a warning within one enrolment (same finger twice) and for the check of the index fingers at the end: never a decision about
who somebody is. On 256 x 288 prints of a public set it caught 69 % of repeats with no false alarm in 360 pairs. What is kept of a
finger is one spectrum in RAM; left and right cannot be told from a single print.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.devices.interfaces import Frame
from edge.quality.finger import SIDE_MIN_PX, at_500_ppi

Field = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

PERIOD_PX = 9.0
"""ridge distance at 500 ppi"""
DIRECTIONS = 16
SIDE_PX = 256
TURNS_DEG = range(-20, 21, 2)
BAND = (0.09, 0.36)
"""cycles per pixel at half size: ridges and their near harmonics"""


@dataclass(frozen=True, slots=True)
class Print:
    """A new print, turned every way it may lie; `kept` is the upright one."""

    turned: tuple[Spectrum, ...]

    @property
    def kept(self) -> Spectrum:
        return self.turned[len(self.turned) // 2]


class Gallery:
    """The fingers of one enrolment. Nothing of it survives a power cut."""

    def __init__(self) -> None:
        self._kept: dict[int, Spectrum] = {}

    def keep(self, position: int, new: Print) -> None:
        self._kept[position] = new.kept

    def score(self, position: int, new: Print) -> float | None:
        """Likeness to one kept finger, 0..100; None when it was not kept in this power life."""
        kept = self._kept.get(position)
        return None if kept is None else likeness(new, kept)

    def closest(self, new: Print, besides: int | None = None) -> tuple[int, float] | None:
        """The kept finger most like this one, and how much; `besides` is left out (a retake replaces itself)."""
        scored = [(position, likeness(new, kept)) for position, kept in self._kept.items() if position != besides]
        return max(scored, key=lambda pair: pair[1], default=None)


def examine(frame: Frame) -> Print | None:
    """Prepare a new print for comparing (about 50 ms); None for pictures that are no print. frame: grey with its ppi."""
    if frame.pixels.ndim != 2 or frame.ppi is None or min(frame.pixels.shape) < SIDE_MIN_PX:
        return None
    ridges, mask = _ridges(at_500_ppi(frame.pixels, frame.ppi))
    if not mask.any():
        return None
    half = np.asarray(cv2.resize(ridges, (0, 0), fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.float32)
    rows, columns = np.nonzero(mask[::2, ::2])
    return Print(tuple(_spectrum(half, float(columns.mean()), float(rows.mean()), turn) for turn in TURNS_DEG))


def likeness(new: Print, kept: Spectrum) -> float:
    """0..100: the highest peak over all turns."""
    band = _band()
    peak = max(float(_correlation(turned, kept, band).max()) for turned in new.turned)
    return 100 * peak / float(band.mean())


def _correlation(a: Spectrum, b: Spectrum, band: Field) -> Field:
    cross = a * np.conj(b)
    whitened = cross / (np.abs(cross) + 1e-6) * band
    return np.asarray(cv2.idft(_as_planes(whitened), flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT), dtype=np.float32)


def _as_planes(spectrum: Spectrum) -> Field:
    return np.ascontiguousarray(spectrum).view(np.float32).reshape(*spectrum.shape, 2)


def _spectrum(half: Field, x: float, y: float, turn_deg: float) -> Spectrum:
    """Turned about the print's middle, which goes to the middle of the square."""
    matrix = np.asarray(cv2.getRotationMatrix2D((x, y), turn_deg, 1), dtype=np.float64)
    matrix[:, 2] += (SIDE_PX / 2 - x, SIDE_PX / 2 - y)
    square = cv2.warpAffine(half, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    planes = np.asarray(cv2.dft(square, flags=cv2.DFT_COMPLEX_OUTPUT), dtype=np.float32)
    return np.asarray(planes[..., 0] + 1j * planes[..., 1], dtype=np.complex64)


def _ridges(grey: NDArray[np.uint8]) -> tuple[Field, NDArray[np.bool_]]:
    """Ridges as -1..1 inside the finger, 0 outside; and the finger."""
    field = grey.astype(np.float32)
    mean = cv2.GaussianBlur(field, (0, 0), 8)
    deviation = np.sqrt(np.maximum(np.asarray(cv2.GaussianBlur(field * field, (0, 0), 8)) - np.asarray(mean) ** 2, 0))
    flat = np.asarray((field - mean) / (deviation + 6), dtype=np.float32)
    mask = (deviation > max(8.0, 0.28 * float(np.percentile(deviation, 95)))).astype(np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((21, 21), np.uint8)), dtype=np.uint8)
    index = np.rint(_direction(flat) / np.pi * DIRECTIONS).astype(np.intp) % DIRECTIONS
    enhanced = np.zeros_like(flat)
    for number, kernel in enumerate(_gabors()):
        chosen = index == number
        if chosen.any():
            enhanced[chosen] = np.asarray(cv2.filter2D(flat, cv2.CV_32F, kernel))[chosen]
    return np.asarray(np.tanh(4 * enhanced) * mask, dtype=np.float32), mask.astype(np.bool_)


def _direction(flat: Field) -> Field:
    """Direction across the ridges, 0..pi, smoothed over 6 px."""
    gx, gy = (np.asarray(cv2.Sobel(flat, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1)))
    across = np.asarray(cv2.GaussianBlur(gx * gx - gy * gy, (0, 0), 6))
    along = np.asarray(cv2.GaussianBlur(2 * gx * gy, (0, 0), 6))
    return np.asarray(0.5 * np.arctan2(along, across) % np.pi, dtype=np.float32)


@lru_cache(maxsize=1)
def _gabors() -> tuple[Field, ...]:
    """Even kernels across each direction: zero mean, absolute sum 1."""
    sigma = PERIOD_PX / 2
    y, x = np.mgrid[-13:14, -13:14].astype(np.float32)
    kernels = []
    for number in range(DIRECTIONS):
        angle = np.pi * number / DIRECTIONS
        wave = np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / PERIOD_PX) * np.exp(-(x * x + y * y) / (2 * sigma**2))
        wave -= wave.mean()
        kernels.append(np.asarray(wave / np.abs(wave).sum(), dtype=np.float32))
    return tuple(kernels)


@lru_cache(maxsize=1)
def _band() -> Field:
    frequency = np.fft.fftfreq(SIDE_PX)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    return np.asarray((radius > BAND[0]) & (radius < BAND[1]), dtype=np.float32)
