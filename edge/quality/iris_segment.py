"""Where pupil and iris are in a near-infrared picture of one eye, and the iris laid out flat.

Pupil: dark round blobs over a ladder of thresholds, the best one refined by the integro-differential operator; iris: the same
operator on the lateral sectors, where lids do not reach. Wider pictures are worked on at 320 px. Known weakness: ring-shaped
reflections of the light break the pupil, and lids are found only by their grey.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.ranks import median, percentile, percentiles

Grey = NDArray[np.uint8]
Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

WORK_PX = 320
GLINT_GREY = 200
PUPIL_PERCENTILES = (1, 2, 3, 4, 6, 8, 10, 13)
PUPIL_AREA_PX = (250, 9000)
ANGLES = np.linspace(0, 2 * np.pi, 96, endpoint=False, dtype=np.float32)
LATERAL = np.abs(np.cos(ANGLES)) >= np.cos(np.pi / 4)
"""+-45 degrees left and right"""
ROWS, COLUMNS = 32, 256
MASK_GREY_MAX = 245


@dataclass(frozen=True, slots=True)
class Circle:
    """Pixels of the picture it was found in."""

    x: float
    y: float
    radius: float

    def scaled(self, factor: float) -> "Circle":
        return Circle(self.x * factor, self.y * factor, self.radius * factor)


@dataclass(frozen=True, slots=True)
class Segments:
    """Circles in pixels of the full picture; the flat iris and which of it is free of lids and reflections."""

    pupil: Circle
    iris: Circle
    flat: Grey
    """(32, 256): row 0 at the pupil, column 0 to the right, turning downwards"""
    usable: Mask


def segment(image: Grey) -> Segments | None:
    """None where no pupil with an iris round it is found. image: grey, at least 120 x 120."""
    scale = max(1.0, image.shape[1] / WORK_PX)
    small = image if scale == 1 else np.asarray(cv2.resize(image, (WORK_PX, round(image.shape[0] / scale)), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    clean, opened = _without_glints(np.asarray(cv2.medianBlur(small, 5), dtype=np.uint8))
    pupil = _find_pupil(opened, clean)
    if pupil is None:
        return None
    iris = _find_iris(clean, pupil)
    if iris is None:
        return None
    flat = _unwrap(small, pupil, iris)
    return Segments(pupil.scaled(scale), iris.scaled(scale), flat, _usable(flat))


def _without_glints(image: Grey) -> tuple[Grey, Grey]:
    """Reflections of the light painted over; a second copy with all small bright things closed, for the pupil."""
    glints = (image > max(percentile(image, 99.5), GLINT_GREY)).astype(np.uint8)
    glints = np.asarray(cv2.dilate(glints, np.ones((5, 5), np.uint8)), dtype=np.uint8)
    if 0 < glints.mean() < 0.05:
        image = np.asarray(cv2.inpaint(image, glints, 3, cv2.INPAINT_TELEA), dtype=np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    return image, np.asarray(cv2.morphologyEx(image, cv2.MORPH_OPEN, disc), dtype=np.uint8)


def _find_pupil(opened: Grey, clean: Grey) -> Circle | None:
    best, best_score = None, 0.0
    darkest, *levels = percentiles(opened, (1, *PUPIL_PERCENTILES))
    for level in levels:
        blobs = cv2.morphologyEx((opened <= level + 4).astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
        contours, _ = cv2.findContours(blobs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            score, circle = _score(np.asarray(contour, dtype=np.int32), opened, darkest)
            if score > best_score:
                best, best_score = circle, score
    return _refined(clean, best, reach=4, radii=(0.7, 1.35), sectors=np.ones_like(LATERAL)) if best else None


def _score(contour: NDArray[np.int32], opened: Grey, darkest: float) -> tuple[float, Circle]:
    """How much a blob looks like a pupil: round, solid, filled, large, dark, even. 0 at the border or out of size."""
    area = cv2.contourArea(contour)
    x, y, width, height = cv2.boundingRect(contour)
    inside = x > 1 and y > 1 and x + width < opened.shape[1] - 1 and y + height < opened.shape[0] - 1
    (cx, cy), radius = cv2.minEnclosingCircle(contour)
    circle = Circle(cx, cy, float(np.sqrt(area / np.pi)))
    if not inside or not PUPIL_AREA_PX[0] <= area <= PUPIL_AREA_PX[1]:
        return 0.0, circle
    hull = cv2.convexHull(contour)
    hull_area, perimeter = cv2.contourArea(hull), cv2.arcLength(hull, True)
    disc = np.zeros(opened.shape, np.uint8)
    cv2.drawContours(disc, [contour], -1, 1, cv2.FILLED)
    grey = opened[disc.astype(np.bool_)].astype(np.float64)
    shape = 4 * np.pi * hull_area / perimeter**2 * (area / hull_area) * (area / (np.pi * radius**2))
    return float(shape * area**0.175 * np.exp(-(grey.mean() - darkest) / 12) * np.exp(-grey.std() / 15)), circle


def _rings(image: Field, centres: Field, radii: Field, sectors: NDArray[np.bool_]) -> Field:
    """Mean grey on circles: one row a centre, one column a radius."""
    angles = ANGLES[sectors]
    x = centres[:, 0, None, None] + radii[None, :, None] * np.cos(angles)
    y = centres[:, 1, None, None] + radii[None, :, None] * np.sin(angles)
    flat_x, flat_y = (np.ascontiguousarray(part.reshape(len(centres) * len(radii), -1), dtype=np.float32) for part in (x, y))
    values = cv2.remap(image, flat_x, flat_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.asarray(values).reshape(len(centres), len(radii), -1).mean(axis=2), dtype=np.float32)


def _strongest_edge(image: Field, centres: Field, radii: Field, sectors: NDArray[np.bool_]) -> Circle:
    """The circle across which the ring's mean grey rises most (integro-differential operator)."""
    rise = np.diff(_rings(image, centres, radii, sectors), axis=1)
    rise = np.asarray(cv2.GaussianBlur(rise, (0, 0), sigmaX=1.0, sigmaY=0.01), dtype=np.float32) if rise.shape[1] > 3 else rise
    centre, radius = np.unravel_index(int(np.argmax(rise)), rise.shape)
    return Circle(float(centres[centre, 0]), float(centres[centre, 1]), float(radii[radius] + radii[radius + 1]) / 2)


def _around(circle: Circle, reach_x: int, reach_y: int, step: int) -> Field:
    y, x = np.mgrid[-reach_y : reach_y + 1 : step, -reach_x : reach_x + 1 : step]
    return np.stack((x.ravel() + circle.x, y.ravel() + circle.y), axis=1).astype(np.float32)


def _refined(image: Grey, circle: Circle, reach: int, radii: tuple[float, float], sectors: NDArray[np.bool_]) -> Circle:
    steps = np.arange(max(3.0, circle.radius * radii[0]), circle.radius * radii[1] + 1, 1, dtype=np.float32)
    if len(steps) < 3:
        return circle
    field = image.astype(np.float32)
    coarse = _strongest_edge(field, _around(circle, reach, reach, 2), steps, sectors)
    near = np.arange(max(3.0, coarse.radius - 3), coarse.radius + 3.5, 0.5, dtype=np.float32)
    return _strongest_edge(field, _around(coarse, 1, 1, 1), near, sectors)


def _find_iris(clean: Grey, pupil: Circle) -> Circle | None:
    smallest = max(1.35 * pupil.radius, 35.0)
    largest = min(5.5 * pupil.radius, 110.0, 0.62 * clean.shape[0])
    if largest - smallest < 4:
        return None
    field = np.asarray(cv2.GaussianBlur(clean, (0, 0), 1.5), dtype=np.float32)
    coarse = _strongest_edge(field, _around(pupil, 8, 6, 2), np.arange(smallest, largest, 2, dtype=np.float32), LATERAL)
    near = np.arange(max(smallest, coarse.radius - 4), coarse.radius + 5, 1, dtype=np.float32)
    return _strongest_edge(field, _around(coarse, 2, 2, 1), near, LATERAL)


def _unwrap(image: Grey, pupil: Circle, iris: Circle) -> Grey:
    """From the pupil's edge to the iris's edge along each of 256 angles."""
    angle = np.linspace(0, 2 * np.pi, COLUMNS, endpoint=False, dtype=np.float32)
    share = ((np.arange(ROWS, dtype=np.float32) + 0.5) / ROWS)[:, None]
    inner_x, inner_y = pupil.x + pupil.radius * np.cos(angle), pupil.y + pupil.radius * np.sin(angle)
    outer_x, outer_y = iris.x + iris.radius * np.cos(angle), iris.y + iris.radius * np.sin(angle)
    x, y = inner_x + share * (outer_x - inner_x), inner_y + share * (outer_y - inner_y)
    return np.asarray(cv2.remap(image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderValue=255), dtype=np.uint8)


def _usable(flat: Grey) -> Mask:
    """What has the grey of the lateral sectors: lids, lashes and reflections do not."""
    angle = np.arange(COLUMNS) * 2 * np.pi / COLUMNS
    lateral = flat[:, np.abs(np.cos(angle)) >= np.cos(np.pi / 4)].astype(np.float64)
    middle = median(lateral)
    spread = 3.2 * 1.4826 * median(np.abs(lateral - middle))
    return np.asarray((np.abs(flat - middle) < min(max(spread, 22.0), 60.0)) & (flat < MASK_GREY_MAX), dtype=np.bool_)
