"""Is this a good picture of an iris? BIQT-Iris's measures on our segmentation, turned into one reason and one fix."""

import cv2
import numpy as np

from edge.devices.interfaces import Frame
from edge.quality.iris_segment import Circle, Grey, Segments, segment
from edge.quality.limits import DEFAULTS, Limits
from edge.quality.verdict import Verdict, could_not_judge, failed, first_failure, judged
from edge.ranks import median, percentile

SIDE_MIN_PX = 120
SHARPNESS_HALF = 1.8e6
"""kernel power at which sharpness is 50 of 100"""
FULL_BRIGHTNESS, GAIN_MAX = 200, 2.0
_QUARTER = np.array([[-40, -24, 0, 5, 2], [-24, -12, 3, 5, 2], [0, 3, 5, 4, 1], [5, 5, 4, 2, 1], [2, 2, 1, 1, 0]], dtype=np.float32)
"""from the kernel's centre outwards (read in BIQT-Iris)"""
KERNEL = np.pad(_QUARTER, ((4, 0), (4, 0)), mode="reflect")
LATERAL_RAD = np.radians(np.concatenate((np.arange(-45, 46, 3), np.arange(135, 226, 3))))


@judged
def assess(frame: Frame, limits: Limits = DEFAULTS) -> Verdict:
    """frame: grey (rows, columns), one eye, near infrared."""
    image = frame.pixels
    if image.ndim != 2 or image.dtype != np.uint8 or min(image.shape) < SIDE_MIN_PX:
        return could_not_judge("iris_not_judged")
    measures = {"mean": float(image.mean()), "brightness": percentile(image, 95)}
    if measures["brightness"] < limits["iris_brightness_min"]:
        return failed("iris_dark", measures)
    if measures["mean"] > limits["iris_mean_max"]:
        return failed("iris_bright", measures)
    found = segment(image)
    if found is None:
        return failed("iris_missing", measures)
    measures |= _geometry(image, found) | _contrast(image, found) | {"sharpness": _sharpness(image, found.iris), "grey_bits": _entropy(image)}
    return first_failure(_checks(measures, limits), measures)


def _geometry(image: Grey, found: Segments) -> dict[str, float]:
    pupil, iris = found.pupil, found.iris
    rows, columns = image.shape
    sides = (iris.x - iris.radius, columns - iris.x - iris.radius)
    ends = (iris.y - iris.radius, rows - iris.y - iris.radius)
    margin = min(*(side / (0.6 * iris.radius) for side in sides), *(end / (0.2 * iris.radius) for end in ends), 1.0)
    return {
        "radius_px": iris.radius,
        "dilation": 100 * pupil.radius / iris.radius,
        "concentricity": 100 * (1 - float(np.hypot(pupil.x - iris.x, pupil.y - iris.y)) / iris.radius),
        "margin": 100 * max(margin, 0.0),
        "usable": 100 * float(found.usable.mean()),
    }


def _contrast(image: Grey, found: Segments) -> dict[str, float]:
    """Iris against pupil and against sclera, medians on circles of the lateral sectors."""
    pupil = _on_circle(image, found.pupil, 0.8 * found.pupil.radius)
    near = _on_circle(image, found.pupil, 1.15 * found.pupil.radius + 2)
    edge, sclera = _on_circle(image, found.iris, 0.9 * found.iris.radius), _on_circle(image, found.iris, 1.1 * found.iris.radius)
    weber = max(0.0, (near - pupil) / (20 + pupil))
    rest = sclera + edge - 2 * pupil
    return {"pupil_contrast": 100 * weber / (0.75 + weber), "sclera_contrast": 0.0 if pupil >= edge or rest <= 0 else 100 * abs(sclera - edge) / rest}


def _on_circle(image: Grey, circle: Circle, radius: float) -> float:
    x = np.clip(np.rint(circle.x + radius * np.cos(LATERAL_RAD)).astype(int), 0, image.shape[1] - 1)
    y = np.clip(np.rint(circle.y + radius * np.sin(LATERAL_RAD)).astype(int), 0, image.shape[0] - 1)
    return median(image[y, x])


def _sharpness(image: Grey, iris: Circle) -> float:
    """0-100: power of a band-pass kernel over the iris's box; a dim picture counts as if it were lit fully, it has a reason of its own."""
    top, left = max(0, int(iris.y - iris.radius)), max(0, int(iris.x - iris.radius))
    box = image[top : int(iris.y + iris.radius) + 1, left : int(iris.x + iris.radius) + 1]
    gain = min(GAIN_MAX, max(1.0, FULL_BRIGHTNESS / max(percentile(image, 95), 1.0)))
    power = gain**2 * float(np.square(np.asarray(cv2.filter2D(box, cv2.CV_32F, KERNEL))).mean())
    return 100 * power**2 / (power**2 + SHARPNESS_HALF**2)


def _entropy(image: Grey) -> float:
    """Bits of grey used, whole picture."""
    share = np.asarray(cv2.calcHist([image], [0], None, [256], [0, 256]), dtype=np.float64) / image.size
    return float(-(share[share > 0] * np.log2(share[share > 0])).sum())


def _checks(m: dict[str, float], limits: Limits) -> list[tuple[str, bool]]:
    return [
        ("iris_missing", m["pupil_contrast"] < limits["iris_pupil_contrast_min"] or m["sclera_contrast"] < limits["iris_sclera_contrast_min"]),
        ("iris_off_centre", m["margin"] < limits["iris_margin_min"]),
        ("iris_far", m["radius_px"] < limits["iris_radius_px_min"]),
        ("iris_near", m["radius_px"] > limits["iris_radius_px_max"]),
        ("iris_blurred", m["sharpness"] < limits["iris_sharpness_min"]),
        ("iris_covered", m["usable"] < limits["iris_usable_min"]),
        ("iris_looking_aside", m["concentricity"] < limits["iris_concentricity_min"]),
        ("iris_pupil_size", not limits["iris_dilation_min"] <= m["dilation"] <= limits["iris_dilation_max"]),
        ("iris_flat", m["grey_bits"] < limits["iris_grey_bits_min"]),
    ]
