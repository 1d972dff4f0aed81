"""What the devices see: one body per simulated resident, out of real samples or out of generators.

Samples (a folder with `finger`, `face` and `iris`) are brought to the sensor's size and varied by a seed, so that a few real
pictures give every resident ten different fingers, two eyes and a face. Without a folder the generators make the originals. The
same seed gives the same pixels. Not responsible for wires, faults or light.
"""

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators import generate_signature
from simulators.noise import Field, numbers, smooth
from simulators.people import Person

Pixels = NDArray[np.uint8]

FINGER_SHAPE = (288, 256)
"""rows, columns of the usual optical module, 508 ppi"""
SENSOR_PPI = 508
IRIS_SHAPE = (480, 640)
FACE_SHAPE = (800, 600)
GLASS_GREY = 235
RED_CLOTH, BLUE_CLOTH = (196, 24, 32), (24, 66, 190)
CACHED = 64
"""pictures kept: about six people"""


class Images:
    """Pictures of the residents; every answer is a copy of nobody's: treat it as read-only."""

    def __init__(self, seed: int = 1, samples: Path | None = None) -> None:
        self.seed = seed
        self.samples = samples
        self._finger = lru_cache(CACHED)(self._make_finger)
        self._iris = lru_cache(CACHED)(self._make_iris)
        self._face = lru_cache(CACHED)(self._make_face)

    def finger(self, person: Person, position: int) -> Pixels:
        """Grey (288, 256) at 508 ppi; position 1 right thumb .. 10 left little."""
        return self._finger(person.number, position)

    def iris(self, person: Person, eye: int) -> Pixels:
        """Grey (480, 640), near infrared; eye 1 right, 2 left."""
        return self._iris(person.number, eye)

    def face(self, person: Person, shape: tuple[int, int] = FACE_SHAPE) -> Pixels:
        """Red-green-blue of `shape` (rows, columns) before red cloth for an odd birth year, blue for an even one."""
        return self._face(person.number, int(person.birth_date[:4]) % 2 == 1, shape)

    def signature(self, person: Person) -> list[generate_signature.Pen]:
        """(t_ms, x, y, pressure 0..1023, tip) every 5 ms; tablet 10,000 x 3,750 units of 0.01 mm."""
        return generate_signature.generate(self.seed, person.number)

    def empty_desk(self, shape: tuple[int, int] = FACE_SHAPE) -> Pixels:
        """What the face camera sees with nobody there: the cloth."""
        return _cloth(shape, (150, 150, 155), numbers(self.seed, "desk"))

    @cached_property
    def _prints(self) -> list[Pixels]:
        """Originals at 500 ppi, finger dark on white."""
        found = [*self._sample_files("finger", "*.pgm", _grey), *self._sample_files("finger", "*.bmp", _grey_half)]
        return [_centred(image) for image in found]

    @cached_property
    def _eyes(self) -> list[Pixels]:
        return self._sample_files("iris", "*.png", _grey)

    @cached_property
    def _portraits(self) -> list[tuple[Pixels, Field]]:
        """Originals with the share of each pixel that belongs to the person."""
        return [(image, _person_share(image)) for image in self._sample_files("face", "*.jpg", _colour)]

    def _sample_files(self, folder: str, pattern: str, read: Callable[[Path], Pixels]) -> list[Pixels]:
        return [read(path) for path in sorted((self.samples / folder).glob(pattern))] if self.samples else []

    def _make_finger(self, number: int, position: int) -> Pixels:
        order = numbers(self.seed, "hands", number).permutation(2 * len(self._prints))
        which, mirrored = divmod(int(order[(position - 1) % len(order)]), 2)
        original = self._prints[which]
        rng = numbers(self.seed, "finger", number, position)
        return _impression(original[:, ::-1] if mirrored else original, rng)

    def _make_iris(self, number: int, eye: int) -> Pixels:
        rng = numbers(self.seed, "iris", number, eye)
        original = self._eyes[int(rng.integers(len(self._eyes)))]
        textured = _own_texture(original, rng)
        return _bytes(_placed(textured[:, ::-1] if eye == 2 else textured, IRIS_SHAPE, rng, turn_deg=2, zoom=0.03, shift_px=6))

    def _make_face(self, number: int, red: bool, shape: tuple[int, int]) -> Pixels:
        rng = numbers(self.seed, "face", number)
        image, share = self._portraits[int(rng.integers(len(self._portraits)))]
        stack = np.dstack((image.astype(np.float32) * _skin_light(rng), share * 255))
        placed: Field = _placed(stack[:, ::-1] if rng.random() < 0.5 else stack, shape, rng, turn_deg=1.5, zoom=0.04, shift_px=8)
        cloth = _cloth(shape, RED_CLOTH if red else BLUE_CLOTH, rng)
        alpha = placed[..., 3:] / 255
        return _bytes(placed[..., :3] * alpha + cloth * (1 - alpha))


def _bytes(field: NDArray[Any]) -> Pixels:
    return np.asarray(np.clip(np.rint(field), 0, 255), dtype=np.uint8)


def _grey(path: Path) -> Pixels:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _grey_half(path: Path) -> Pixels:
    """A 1000 ppi card at 500 ppi."""
    return np.asarray(cv2.resize(_grey(path), (0, 0), fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _colour(path: Path) -> Pixels:
    return np.ascontiguousarray(np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def _centred(image: Pixels) -> Pixels:
    """Cut 400 x 360 round the middle of the print, white where there is none."""
    detail = cv2.GaussianBlur(cv2.absdiff(image, cv2.blur(image, (15, 15))), (0, 0), 12).astype(np.float32)
    rows, columns = np.nonzero(detail > 0.5 * detail.max())
    move = np.array([[1, 0, 180 - columns.mean()], [0, 1, 200 - rows.mean()]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(image, move, (360, 400), borderValue=255), dtype=np.uint8)


def _impression(original: Pixels, rng: np.random.Generator) -> Pixels:
    """Press the print on the glass: turned, shifted, stretched by the skin, cut by the contact ellipse with a ragged edge."""
    rows, columns = FINGER_SHAPE
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle, zoom = np.radians(rng.normal(0, 5)), rng.uniform(0.94, 1.06) * 500 / SENSOR_PPI
    dx, dy = x - columns / 2, y - rows / 2
    cos, sin = np.float32(np.cos(angle) * zoom), np.float32(np.sin(angle) * zoom)
    from_x = cos * dx - sin * dy + original.shape[1] / 2 + rng.normal(0, 8) + 5 * smooth(rng, FINGER_SHAPE, 45)
    from_y = sin * dx + cos * dy + original.shape[0] / 2 + rng.normal(0, 8) + 5 * smooth(rng, FINGER_SHAPE, 45)
    ridges = cv2.remap(original, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR, borderValue=255).astype(np.float32)
    reach = np.hypot(dx / (0.47 * columns), dy / (0.49 * rows)) + 0.03 * smooth(rng, FINGER_SHAPE, 9)
    touch = np.clip((1.02 - reach) / 0.04, 0, 1)
    return _bytes(GLASS_GREY - (GLASS_GREY - np.minimum(ridges, GLASS_GREY)) * touch + rng.normal(0, 2, FINGER_SHAPE))


def _placed(image: NDArray[np.generic], shape: tuple[int, int], rng: np.random.Generator, turn_deg: float, zoom: float, shift_px: float) -> Field:
    """Fill `shape` with the picture, a little turned, zoomed and shifted; edges are repeated."""
    rows, columns = shape
    scale = max(rows / image.shape[0], columns / image.shape[1]) * (1 + zoom * rng.uniform(0.2, 1))
    matrix = np.asarray(cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), rng.uniform(-turn_deg, turn_deg), scale), dtype=np.float64)
    matrix[:, 2] += (columns / 2 - image.shape[1] / 2, rows / 2 - image.shape[0] / 2)
    matrix[:, 2] += rng.uniform(-shift_px, shift_px, 2)
    source = np.ascontiguousarray(image, dtype=np.float32)
    return np.asarray(cv2.warpAffine(source, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


def _skin_light(rng: np.random.Generator) -> Field:
    return np.asarray(rng.uniform(0.92, 1.04, 3) * rng.uniform(0.95, 1.03), dtype=np.float32)


def _cloth(shape: tuple[int, int], colour: tuple[int, int, int], rng: np.random.Generator) -> Pixels:
    """A plain backdrop with the slightest folds."""
    folds = 1 + 0.015 * smooth(rng, shape, 60)
    return _bytes(folds[..., None] * np.array(colour, dtype=np.float32))


def _person_share(image: Pixels) -> Field:
    """Cut the person out by GrabCut at a quarter of the size; 1 person, 0 backdrop, soft between."""
    small = cv2.resize(image, (180, 240), interpolation=cv2.INTER_AREA)
    mask = np.full((240, 180), cv2.GC_PR_FGD, dtype=np.uint8)
    mask[:16], mask[:130, :24], mask[:130, -24:] = cv2.GC_BGD, cv2.GC_BGD, cv2.GC_BGD
    mask[90:, 60:120] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    share = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(cv2.GaussianBlur(share, (0, 0), 0.8), image.shape[1::-1]), dtype=np.float32)


def _own_texture(eye: Pixels, rng: np.random.Generator) -> Pixels:
    """Lay a texture of its own over the iris, so that one real eye serves for many residents."""
    (cx, cy), radius = _pupil(eye)
    y, x = np.mgrid[0 : eye.shape[0], 0 : eye.shape[1]].astype(np.float32)
    distance, angle = np.hypot(x - cx, y - cy) / radius, np.arctan2(y - cy, x - cx)
    polar = smooth(rng, (64, 720), 5) + 0.7 * smooth(rng, (64, 720), 2)
    polar = np.concatenate((polar, polar[:, ::-1]), axis=1)
    row = np.clip((distance - 1) / 1.2 * 63, 0, 63).astype(np.float32)
    column = ((angle / (2 * np.pi) % 1) * 1439).astype(np.float32)
    texture = cv2.remap(polar, column, row, cv2.INTER_LINEAR)
    ring = np.clip((distance - 1.08) / 0.1, 0, 1) * np.clip((1.85 - distance) / 0.1, 0, 1)
    ring *= eye < 190
    return _bytes(eye * (1 - ring) + ring * (np.median(eye[ring > 0.5]) + 16 * texture))


def _pupil(eye: Pixels) -> tuple[tuple[float, float], float]:
    """Centre and radius of the largest dark round blob."""
    dark = cv2.morphologyEx((cv2.medianBlur(eye, 5) < 60).astype(np.uint8), cv2.MORPH_OPEN, np.ones((15, 15), np.uint8))
    contours, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return (eye.shape[1] / 2, eye.shape[0] / 2), 50.0
    (cx, cy), radius = cv2.minEnclosingCircle(max(contours, key=cv2.contourArea))
    return (float(cx), float(cy)), float(radius)
