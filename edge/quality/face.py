"""Is this a good portrait? Haar cascades for face and eyes, then light, sharpness, framing and the colour of the cloth.

No downloaded model: closed eyes cannot be told from glare or hair (so the reason is "eyes not clearly visible"), pitch, expression
and head cover are the operator's to see. The cloth is red for an odd birth year, blue for an even one; a wrong colour warns and
stops nothing. One framing rule holds for preview, verdict and help texts: `face_*` in limits.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.devices.interfaces import Frame, Pixels
from edge.quality.limits import DEFAULTS, Limits
from edge.quality.verdict import Verdict, could_not_judge, failed, first_failure, judged
from edge.ranks import median, percentile, percentiles

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Detector = Callable[[str], cv2.CascadeClassifier]

FACE_CASCADE = "haarcascade_frontalface_alt2"
EYE_CASCADES = ("haarcascade_eye", "haarcascade_eye_tree_eyeglasses")
SIDE_MIN_PX = 120
DETECT_LONGEST_PX = 480
AIM_LONGEST_PX = 240
"""finds a face in a third of the time"""
SMALLEST_FACE_SHARE = 0.15
"""of the picture's short side"""
SECOND_FACE_SHARE = 0.45
"""of the largest one's width; smaller finds are people far behind, or folds of cloth"""
SHARP_BOX_PX = 256
"""sharpness is measured on the face at this size or less, so that it does not depend on the camera"""
CLOTH_STEP = 7
"""every seventh pixel of the cloth is enough to tell whether it is even"""
RED_MAX, RED_MIN, BLUE_MIN, BLUE_MAX = 15 / 2, 345 / 2, 195 / 2, 255 / 2
"""hue limits in OpenCV's half degrees"""


@dataclass(frozen=True, slots=True)
class Box:
    """Rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True)
class Eye:
    """Middle of one eye in pixels of the whole picture, and how many detectors saw it."""

    x: float
    y: float
    hits: int


@judged
def assess(frame: Frame, limits: Limits = DEFAULTS, birth_year: int | None = None) -> Verdict:
    """frame: (rows, columns, 3) red-green-blue. birth_year: chooses the cloth's colour; None leaves it unjudged."""
    image = frame.pixels
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < SIDE_MIN_PX:
        return could_not_judge("face_not_judged")
    if not cascades_present():
        return could_not_judge("face_no_detector")
    small, scale = _reduced(image)
    warnings, cloth = _cloth(small, birth_year, limits)
    small = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)  # colours are no longer needed: the detectors work in their place
    measures, box = _look(small, scale, _used_up)
    if box is None:
        return failed(_why_no_face(measures, limits), measures)
    measures |= _sharpness(image, box, scale)
    return first_failure(_checks(measures, limits), measures | cloth, warnings)


@judged
def aim(frame: Frame, limits: Limits = DEFAULTS) -> Verdict:
    """A quick look at a small live picture, with the reasons of `assess`, in their order. Sharpness and pixels between the eyes need the
    photo itself; at this size one eye seen is enough."""
    if not cascades_present():
        return could_not_judge("face_no_detector")
    small, scale = _reduced(frame.pixels, AIM_LONGEST_PX)
    measures, box = _look(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8), scale, _kept)
    if box is None:
        return failed(_why_no_face(measures, limits), measures)
    unseen = dict.fromkeys(("sharpness", "relative_sharpness", "eye_distance_px"), np.inf)
    hits = np.inf if measures["eyes_found"] else 0.0
    return first_failure(_checks(measures | unseen | {"eye_hits": hits}, limits), measures)


def _look(grey: Grey, scale: float, detector: Detector) -> tuple[dict[str, float], Box | None]:
    """Light, framing and eyes of the largest face, and where it is."""
    measures = {"mean": float(grey.mean()), "deviation": float(grey.std())}
    faces = _faces(grey, detector(FACE_CASCADE))
    measures["faces"] = float(sum(face.width >= SECOND_FACE_SHARE * faces[0].width for face in faces))
    if not faces:
        return measures, None
    return measures | _exposure(grey, faces[0]) | _framing(grey, faces[0], _eyes(grey, faces[0], detector), scale), faces[0]


@cache
def cascades_present() -> bool:
    """OpenCV 5 and some system packages come without cascades; the doctor says so."""
    return hasattr(cv2, "CascadeClassifier") and not any(_loaded(name).empty() for name in (FACE_CASCADE, *EYE_CASCADES))


_ready: dict[str, cv2.CascadeClassifier] = {}
"""detectors that looked at the live picture; each keeps the memory it worked in, up to 2.5 MB"""


def _kept(name: str) -> cv2.CascadeClassifier:
    """For one live picture after the other."""
    if name not in _ready:
        _ready[name] = _loaded(name)
    return _ready[name]


def _used_up(name: str) -> cv2.CascadeClassifier:
    """For the photo: it goes after its turn. The next one is there in 5 to 14 ms."""
    return _ready.pop(name, None) or _loaded(name)


def _loaded(name: str) -> cv2.CascadeClassifier:
    folder = Path(getattr(getattr(cv2, "data", None), "haarcascades", "/usr/share/opencv4/haarcascades"))
    return cv2.CascadeClassifier(str(folder / f"{name}.xml"))


def _reduced(image: Pixels, longest_px: int = DETECT_LONGEST_PX) -> tuple[Pixels, float]:
    """The picture with that longest side, and how many of its pixels make one of those."""
    scale = max(image.shape[:2]) / longest_px
    size = (max(1, round(image.shape[1] / scale)), max(1, round(image.shape[0] / scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR), dtype=np.uint8), scale


def _faces(grey: Grey, detector: cv2.CascadeClassifier) -> list[Box]:
    """Largest first; once more on the equalised picture where none was found (over-exposure hides faces)."""
    return _detect(grey, detector) or _detect(np.asarray(cv2.equalizeHist(grey), dtype=np.uint8), detector)


def _detect(grey: Grey, detector: cv2.CascadeClassifier) -> list[Box]:
    least = round(SMALLEST_FACE_SHARE * min(grey.shape))
    found = detector.detectMultiScale(grey, 1.1, 4, minSize=(least, least))
    boxes = [Box(*(int(value) for value in box)) for box in found]
    return sorted(boxes, key=lambda box: box.width * box.height, reverse=True)


def _eyes(grey: Grey, box: Box, detector: Detector) -> tuple[Eye | None, Eye | None]:
    """The eye in the left and the right half of the face box, by either cascade."""
    top, bottom = box.y + round(0.15 * box.height), box.y + round(0.62 * box.height)
    strip = np.asarray(cv2.equalizeHist(np.ascontiguousarray(grey[top:bottom, box.x : box.x + box.width])), dtype=np.uint8)
    least, most = max(1, box.width // 9), box.width // 2
    sides: tuple[list[tuple[int, float, float]], list[tuple[int, float, float]]] = ([], [])
    for name in EYE_CASCADES:
        best: dict[int, tuple[int, float, float]] = {}
        for x, y, width, height in detector(name).detectMultiScale(strip, 1.05, 3, minSize=(least, least), maxSize=(most, most)):
            middle = x + width / 2
            side = int(middle > box.width / 2)
            best[side] = max(best.get(side, (0, 0.0, 0.0)), (int(width), box.x + middle, top + y + height / 2))
        for side, found in best.items():
            sides[side].append(found)
    return _merged(sides[0]), _merged(sides[1])


def _merged(found: list[tuple[int, float, float]]) -> Eye | None:
    return Eye(float(np.mean([x for _, x, _ in found])), float(np.mean([y for _, _, y in found])), len(found)) if found else None


def _exposure(grey: Grey, box: Box) -> dict[str, float]:
    """Histogram of the face box: mean and 5-95 % range in grey steps, share of blown-out pixels, light against the rest of the picture."""
    face = box.cut(grey)
    low, high = percentiles(face, (5, 95))
    half = face.shape[1] // 2
    left, right = float(face[:, :half].mean()), float(face[:, half:].mean())
    return {
        "face_mean": float(face.mean()),
        "face_range": high - low,
        "face_blown": float((face >= 250).mean()),
        "face_side": abs(left - right) / max(left + right, 1.0),
        "behind_mean": float(grey[: max(1, round(0.55 * grey.shape[0])), [0, 1, 2, -3, -2, -1]].mean()),
    }


def _framing(grey: Grey, box: Box, eyes: tuple[Eye | None, Eye | None], scale: float) -> dict[str, float]:
    """Where the head is. Without both eyes their usual place in the box stands in."""
    left, right = eyes
    hits = (left.hits if left else 0) + (right.hits if right else 0)
    ax, ay = (left.x, left.y) if left else (box.x + 0.31 * box.width, box.y + 0.40 * box.height)
    bx, by = (right.x, right.y) if right else (box.x + 0.69 * box.width, box.y + 0.40 * box.height)
    roll = float(np.degrees(np.arctan2(by - ay, bx - ax))) if left and right else 0.0
    return {
        "eye_hits": float(hits),
        "eyes_found": float(left is not None) + float(right is not None),
        "eye_distance_px": float(np.hypot(bx - ax, by - ay)) * scale,
        "roll_deg": abs(roll),
        "centre_x": (ax + bx) / 2 / grey.shape[1],
        "eye_height": (ay + by) / 2 / grey.shape[0],
        "head_share": 1.45 * box.height / grey.shape[0],  # the box reaches from the brows to the mouth
    }


def _sharpness(image: Pixels, box: Box, scale: float) -> dict[str, float]:
    """Tenengrad: mean squared Sobel gradient on the face, also as a share of its contrast. Variance of the Laplacian follows noise instead."""
    full = Box(*(round(value * scale) for value in (box.x, box.y, box.width, box.height)))
    face = full.cut(image)
    if max(face.shape[:2]) > SHARP_BOX_PX:
        face, _ = _reduced(face, SHARP_BOX_PX)
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    energy = float((gx * gx + gy * gy).mean())
    return {"sharpness": energy, "relative_sharpness": energy / max(float(grey.var()), 1.0)}


def _cloth(small: Pixels, birth_year: int | None, limits: Limits) -> tuple[list[str], dict[str, float]]:
    """Warnings about the backdrop: the outer 12 % left and right over the top 55 %, and the top 5 %."""
    rows, columns = small.shape[:2]
    mask = np.zeros((rows, columns), dtype=np.bool_)
    side = round(0.12 * columns)
    mask[: round(0.55 * rows), :side], mask[: round(0.55 * rows), columns - side :], mask[: round(0.05 * rows)] = True, True, True
    red, blue = _colour_shares(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), dtype=np.uint8)[mask])
    lab = _lab(small[mask][::CLOTH_STEP])
    uneven = percentile(np.linalg.norm(lab - [median(part) for part in lab.T], axis=1), 90)
    measures = {"cloth_red": red, "cloth_blue": blue, "cloth_uneven": uneven}
    warnings = []
    if birth_year is not None and (red if birth_year % 2 else blue) < limits["cloth_share_min"]:
        warnings.append("cloth_not_red" if birth_year % 2 else "cloth_not_blue")
    elif uneven > limits["cloth_uneven_max"]:
        warnings.append("cloth_uneven")
    return warnings, measures


def _lab(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB (D65) of sRGB colours (n, 3); OpenCV's own conversion would keep 9 MB of tables for it."""
    share = colours / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    x, y, z = (linear @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T / (0.9505, 1.0, 1.089)).T
    fx, fy, fz = (np.where(part > 0.008856, np.cbrt(part), 7.787 * part + 16 / 116) for part in (x, y, z))
    return np.stack((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)), axis=1)


def _colour_shares(hsv: NDArray[np.uint8]) -> tuple[float, float]:
    hue, saturation, value = hsv[:, 0], hsv[:, 1], hsv[:, 2]
    red = ((hue < RED_MAX) | (hue > RED_MIN)) & (saturation > 110) & (value > 60)
    blue = (hue >= BLUE_MIN) & (hue <= BLUE_MAX) & (saturation > 110) & (value > 50)
    return float(red.mean()), float(blue.mean())


def _why_no_face(m: dict[str, float], limits: Limits) -> str:
    if m["mean"] < limits["face_picture_dark_max"]:
        return "face_dark"
    return "face_bright" if m["mean"] > limits["face_picture_bright_min"] else "face_missing"


def _checks(m: dict[str, float], limits: Limits) -> list[tuple[str, bool]]:
    dark = m["face_mean"] < limits["face_mean_min"]
    return [
        ("face_several", m["faces"] > 1),
        ("face_backlit", dark and m["behind_mean"] > limits["face_backlit_behind_min"]),
        ("face_dark", dark),
        ("face_bright", m["face_mean"] > limits["face_mean_max"] or m["face_blown"] > limits["face_blown_max"]),
        ("face_far", m["head_share"] < limits["face_head_share_min"] or m["eye_distance_px"] < limits["face_eye_distance_px_min"]),
        ("face_near", m["head_share"] > limits["face_head_share_max"]),
        ("face_off_centre", abs(m["centre_x"] - 0.5) > limits["face_off_centre_max"]
            or not limits["face_eye_height_min"] <= m["eye_height"] <= limits["face_eye_height_max"]),
        ("face_tilted", m["roll_deg"] > limits["face_roll_deg_max"]),
        ("face_blurred", m["sharpness"] < limits["face_sharpness_min"] or m["relative_sharpness"] < limits["face_relative_sharpness_min"]),
        ("eyes_unclear", m["eye_hits"] < limits["face_eye_hits_min"] or m["eyes_found"] < limits["face_eyes_min"]),
    ]
