"""What the devices see: one body per simulated resident, out of real samples or out of generators.

Samples (a folder with `finger`, `face` and `iris`) are brought to the sensor's size and varied by a seed, so that a few real
pictures give every resident ten different fingers, two eyes and a face. Without them the generators invent all of it. The same
seed gives the same pixels. Not responsible for wires, faults of devices or light.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators import generate_face, generate_finger, generate_iris, generate_signature
from simulators.impression import CONDITIONS, FINGER_SHAPE, SENSOR_PPI, press
from simulators.noise import Field, numbers, smooth
from simulators.people import Person
from simulators.samples import Samples

__all__ = ["CONDITIONS", "FACE_SHAPE", "FINGER_SHAPE", "IRIS_SHAPE", "SENSOR_PPI", "Images"]

Pixels = NDArray[np.uint8]

IRIS_SHAPE = generate_iris.SHAPE
FACE_SHAPE = (800, 600)
RED_CLOTH, BLUE_CLOTH, BARE_WALL = (196, 24, 32), (24, 66, 190), (150, 150, 155)
SCARF_SHARE = 0.6
"""of the invented women"""
CACHED = 64
"""pictures kept of each kind: five or six residents"""


class Images:
    """Pictures of the residents. They are cached: treat every answer as read-only."""

    def __init__(self, seed: int = 1, samples: Path | None = None) -> None:
        cv2.setNumThreads(1)  # the bench shares its machine with the programs under test
        self._seed = seed
        self._samples = Samples(samples)
        self._finger = lru_cache(CACHED)(self._make_finger)
        self._generated_finger = lru_cache(CACHED)(self._generate_finger)
        self._iris = lru_cache(CACHED)(self._make_iris)
        self._face = lru_cache(CACHED)(self._make_face)
        self.empty_desk = lru_cache(2)(self._make_empty_desk)

    def prepare(self, person: Person) -> None:
        """Make all of one resident's pictures, so that no device waits for one: 0.2 s from samples, 2 s from generators."""
        self.face(person)
        for position in range(1, 11):
            self.finger(person, position)
        for eye in (1, 2):
            self.iris(person, eye)

    def finger(self, person: Person, position: int, condition: str = "normal", touch: int = 0) -> Pixels:
        """Grey (288, 256) at 508 ppi; position 1 right thumb .. 10 left little. condition: see CONDITIONS; touch: the same finger placed once more."""
        return self._finger(person.number, position, condition, touch)

    def iris(self, person: Person, eye: int) -> Pixels:
        """Grey (480, 640), near infrared; eye 1 right, 2 left."""
        return self._iris(person.number, eye)

    def face(self, person: Person, shape: tuple[int, int] = FACE_SHAPE) -> Pixels:
        """Red-green-blue of `shape` (rows, columns) before red cloth for an odd birth year, blue for an even one."""
        return self._face(person.number, person.sex == "P", int(person.birth_date[:4]) % 2 == 1, shape)

    def signature(self, person: Person) -> list[generate_signature.Pen]:
        """(t_ms, x, y, pressure 0..1023, tip) every 5 ms; tablet 10,000 x 3,750 units of 0.01 mm."""
        return generate_signature.generate(self._seed, person.number)

    def _make_empty_desk(self, shape: tuple[int, int] = FACE_SHAPE) -> Pixels:
        return _bytes(_cloth(shape, BARE_WALL, numbers(self._seed, "desk")))

    def _make_finger(self, number: int, position: int, condition: str, touch: int) -> Pixels:
        body, laid = numbers(self._seed, "finger", number, position), numbers(self._seed, "touch", number, position, touch)
        return press(self._original_finger(number, position), body, laid, condition)

    def _original_finger(self, number: int, position: int) -> Pixels:
        """Within one resident no sample serves twice, mirrored ones counted apart (as long as there are five)."""
        prints = self._samples.prints
        if not prints:
            return self._generated_finger(number, position)
        order = numbers(self._seed, "hands", number).permutation(2 * len(prints))
        which, mirrored = divmod(int(order[(position - 1) % len(order)]), 2)
        return prints[which][:, ::-1] if mirrored else prints[which]

    def _generate_finger(self, number: int, position: int) -> Pixels:
        return generate_finger.generate(self._seed, number, position).pixels

    def _make_iris(self, number: int, eye: int) -> Pixels:
        if not self._samples.eyes:
            return generate_iris.generate(self._seed, number, eye).pixels
        rng = numbers(self._seed, "iris", number, eye)
        original = self._samples.eyes[int(rng.integers(len(self._samples.eyes)))]
        own = _own_texture(original, rng)
        return _bytes(_placed(own[:, ::-1] if eye == 2 else own, IRIS_SHAPE, rng, turn_deg=2, zoom=0.03, shift_px=6))

    def _make_face(self, number: int, woman: bool, red: bool, shape: tuple[int, int]) -> Pixels:
        rng = numbers(self._seed, "face", number)
        image, share = self._portrait(number, woman, rng)
        light = rng.uniform(0.92, 1.04, 3) * rng.uniform(0.95, 1.03)
        stack = np.dstack((image * light, share * 255))
        placed = _placed(stack[:, ::-1] if rng.random() < 0.5 else stack, shape, rng, turn_deg=1.5, zoom=0.04, shift_px=8)
        alpha = placed[..., 3:] / 255
        return _bytes(placed[..., :3] * alpha + _cloth(shape, RED_CLOTH if red else BLUE_CLOTH, rng) * (1 - alpha))

    def _portrait(self, number: int, woman: bool, rng: np.random.Generator) -> tuple[Pixels, Field]:
        if self._samples.portraits:
            return self._samples.portraits[int(rng.integers(len(self._samples.portraits)))]
        face = generate_face.generate(self._seed, number, scarf=woman and rng.random() < SCARF_SHARE)
        return face.pixels, face.share


def _bytes(field: NDArray[Any]) -> Pixels:
    return np.asarray(np.clip(np.rint(field), 0, 255), dtype=np.uint8)


def _placed(image: NDArray[Any], shape: tuple[int, int], rng: np.random.Generator, turn_deg: float, zoom: float, shift_px: float) -> Field:
    """Fill `shape` with the picture, a little turned, zoomed and shifted; edges are repeated."""
    rows, columns = shape
    scale = max(rows / image.shape[0], columns / image.shape[1]) * (1 + zoom * rng.uniform(0.2, 1))
    matrix = np.asarray(cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), rng.uniform(-turn_deg, turn_deg), scale), dtype=np.float64)
    matrix[:, 2] += (columns / 2 - image.shape[1] / 2, rows / 2 - image.shape[0] / 2)
    matrix[:, 2] += rng.uniform(-shift_px, shift_px, 2)
    source = np.ascontiguousarray(image, dtype=np.float32)
    return np.asarray(cv2.warpAffine(source, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


def _cloth(shape: tuple[int, int], colour: tuple[int, int, int], rng: np.random.Generator) -> Field:
    """A plain backdrop with the slightest folds."""
    folds = 1 + 0.015 * smooth(rng, shape, 60)
    return np.asarray(folds[..., None] * np.array(colour), dtype=np.float32)


def _own_texture(eye: Pixels, rng: np.random.Generator) -> Pixels:
    """Replace the iris's texture, so that one real eye serves for many residents."""
    (cx, cy), radius = _pupil(eye)
    y, x = np.mgrid[0 : eye.shape[0], 0 : eye.shape[1]].astype(np.float32)
    distance, angle = np.hypot(x - cx, y - cy) / radius, np.arctan2(y - cy, x - cx)
    polar = smooth(rng, (64, 720), 5) + 0.7 * smooth(rng, (64, 720), 2)
    polar = np.concatenate((polar, polar[:, ::-1]), axis=1)
    row = np.clip((distance - 1) / 1.2 * 63, 0, 63).astype(np.float32)
    column = ((angle / (2 * np.pi) % 1) * 1439).astype(np.float32)
    texture = cv2.remap(polar, column, row, cv2.INTER_LINEAR)
    ring = np.clip((distance - 1.08) / 0.1, 0, 1) * np.clip((1.85 - distance) / 0.1, 0, 1) * (eye < 190)
    middle = np.median(eye[ring > 0.5]) if (ring > 0.5).any() else 110
    return _bytes(eye * (1 - ring) + ring * (middle + 16 * texture))


def _pupil(eye: Pixels) -> tuple[tuple[float, float], float]:
    """Centre and radius of the largest dark round blob."""
    dark = cv2.morphologyEx((np.asarray(cv2.medianBlur(eye, 5)) < 60).astype(np.uint8), cv2.MORPH_OPEN, np.ones((15, 15), np.uint8))
    contours, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return (eye.shape[1] / 2, eye.shape[0] / 2), 50.0
    (cx, cy), radius = cv2.minEnclosingCircle(max(contours, key=cv2.contourArea))
    return (float(cx), float(cy)), float(radius)
