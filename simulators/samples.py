"""Real pictures from a folder (`finger`, `face`, `iris`), read once and brought to a common scale. Nothing else knows file names."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.noise import Field

Pixels = NDArray[np.uint8]


class Samples:
    """Originals; each list may be empty."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @cached_property
    def prints(self) -> list[Pixels]:
        """Grey (400, 360) at 500 ppi, ridges dark, the print's middle in the middle. *.pgm is taken as 500 ppi, *.bmp as 1000."""
        return [_centred(image) for image in (*self._read("finger", "*.pgm", _grey), *self._read("finger", "*.bmp", _grey_half))]

    @cached_property
    def eyes(self) -> list[Pixels]:
        """Grey, near infrared."""
        return self._read("iris", "*.png", _grey)

    @cached_property
    def portraits(self) -> list[tuple[Pixels, Field]]:
        """Red-green-blue, and the share of each pixel that belongs to the person."""
        return [(image, _person_share(image)) for image in self._read("face", "*.jpg", _colour)]

    def _read(self, folder: str, pattern: str, read: Callable[[Path], Pixels]) -> list[Pixels]:
        return [read(path) for path in sorted((self._folder / folder).glob(pattern))] if self._folder else []


def _grey(path: Path) -> Pixels:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _grey_half(path: Path) -> Pixels:
    return np.asarray(cv2.resize(_grey(path), (0, 0), fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _colour(path: Path) -> Pixels:
    return np.ascontiguousarray(np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def _centred(image: Pixels) -> Pixels:
    """Cut round the middle of what has ridges, white where there is nothing."""
    detail = cv2.GaussianBlur(cv2.absdiff(image, cv2.blur(image, (15, 15))), (0, 0), 12).astype(np.float32)
    rows, columns = np.nonzero(detail > 0.5 * detail.max())
    move = np.array([[1, 0, 180 - columns.mean()], [0, 1, 200 - rows.mean()]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(image, move, (360, 400), borderValue=255), dtype=np.uint8)


def _person_share(image: Pixels) -> Field:
    """Cut the person out by GrabCut at a small size; 1 person, 0 backdrop, soft between."""
    small = cv2.resize(image, (180, 240), interpolation=cv2.INTER_AREA)
    mask = np.full((240, 180), cv2.GC_PR_FGD, dtype=np.uint8)
    mask[:16], mask[:130, :24], mask[:130, -24:] = cv2.GC_BGD, cv2.GC_BGD, cv2.GC_BGD
    mask[90:, 60:120] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    share = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(cv2.GaussianBlur(share, (0, 0), 0.8), image.shape[1::-1]), dtype=np.float32)
