"""What the generators say of their pictures is true of the pixels; the same seed gives the same people."""

import cv2
import numpy as np
import pytest

from edge.devices.interfaces import Frame
from edge.quality import face, iris
from edge.quality.iris_segment import segment
from simulators import generate_face, generate_finger, generate_iris, generate_signature
from simulators.images import Images
from simulators.impression import CONDITIONS
from tests.bodies import SOURCES, images, person
from tools.paths import samples_folder


@pytest.mark.parametrize("seed", range(4))
def test_ridges_run_as_the_truth_says(seed: int) -> None:
    """Structure tensor of the pixels against the orientation field, away from cores and deltas."""
    finger = generate_finger.generate("truth", seed)
    field = finger.pixels.astype(np.float32)
    gx, gy = (np.asarray(cv2.Sobel(field, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1)))
    across = np.asarray(cv2.GaussianBlur(gx * gx - gy * gy, (0, 0), 8))
    along = np.asarray(cv2.GaussianBlur(2 * gx * gy, (0, 0), 8))
    found = 0.5 * np.arctan2(along, across) + np.pi / 2
    turn = np.abs((found - finger.orientation + np.pi / 2) % np.pi - np.pi / 2)
    y, x = np.mgrid[0 : field.shape[0], 0 : field.shape[1]]
    near = [np.hypot(x - px, y - py) < 40 for px, py in (*finger.cores, *finger.deltas)]
    quiet = ~np.any(near, axis=0) if near else np.ones(field.shape, np.bool_)
    assert float(np.degrees(np.median(turn[quiet]))) < 4
    assert len(finger.cores) == len(finger.deltas) == {"whorl": 2, "arch": 0}.get(finger.kind, 1)


@pytest.mark.parametrize("seed", range(4))
def test_ridge_distance_is_what_the_truth_says(seed: int) -> None:
    finger = generate_finger.generate("truth", seed)
    spectrum = np.abs(np.fft.fft2(finger.pixels - finger.pixels.mean()))
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(finger.pixels.shape[1]), np.fft.fftfreq(finger.pixels.shape[0])))
    frequency = float((radius * spectrum**2)[radius < 0.25].sum() / (spectrum**2)[radius < 0.25].sum())
    assert 1 / frequency == pytest.approx(finger.period_px, rel=0.15)


@pytest.mark.parametrize("seed", range(6))
def test_iris_circles_are_found_where_they_are(seed: int) -> None:
    eye = generate_iris.generate("truth", seed)
    found = segment(eye.pixels)
    assert found is not None
    assert found.pupil.radius == pytest.approx(eye.pupil_radius, rel=0.04)
    assert found.iris.radius == pytest.approx(eye.iris_radius, rel=0.03)
    assert np.hypot(found.pupil.x - eye.x, found.pupil.y - eye.y) < 3


def test_lids() -> None:
    assert iris.assess(Frame(generate_iris.generate("truth", 1, lid=0.2).pixels)).passed
    assert iris.assess(Frame(generate_iris.generate("truth", 1, lid=0.5).pixels)).reason == "iris_covered"
    assert iris.assess(Frame(generate_iris.generate("truth", 1, lid=0.8).pixels)).passed is False


def on_cloth(person_: generate_face.Face) -> Frame:
    share = person_.share[..., None]
    return Frame(np.asarray(person_.pixels * share + np.array((196, 24, 32)) * (1 - share), dtype=np.uint8))


@pytest.mark.parametrize("scarf", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_eyes_are_where_the_truth_says(seed: int, scarf: bool) -> None:
    made = generate_face.generate("truth", seed, scarf=scarf)
    verdict = face.assess(on_cloth(made), birth_year=1991)
    (ax, ay), (bx, by) = made.eyes
    assert verdict.passed
    assert verdict.measures["eye_distance_px"] == pytest.approx(bx - ax, rel=0.08)
    assert verdict.measures["centre_x"] * 600 == pytest.approx((ax + bx) / 2, abs=8)
    assert verdict.measures["eye_height"] * 800 == pytest.approx((ay + by) / 2, abs=12)


def test_closed_eyes_are_mostly_not_clearly_seen() -> None:
    """The detectors cannot do better: the reason says "not clearly seen", never "closed"."""
    reasons = [face.assess(on_cloth(generate_face.generate("truth", seed, eyes_open=False))).reason for seed in range(1, 6)]
    assert reasons.count("eyes_unclear") >= 4


def test_signature_stays_on_the_tablet() -> None:
    for seed in range(20):
        pen = generate_signature.generate("truth", seed)
        assert len(pen) == 520
        assert all(0 < x < generate_signature.WIDTH_UNITS and 0 < y < generate_signature.HEIGHT_UNITS for _, x, y, _, _ in pen)
        assert all((pressure > 0) == tip and pressure <= generate_signature.PRESSURE_MAX for _, _, _, pressure, tip in pen)
        assert pen[0][4]
        assert pen[-1][4]


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_seed_gives_the_same_people(source: str) -> None:
    again = Images(1, samples_folder() if source == "samples" else None)
    other = Images(2, samples_folder() if source == "samples" else None)
    for made in (lambda of: of.finger(person(), 3), lambda of: of.iris(person(), 2), lambda of: of.face(person())):
        assert np.array_equal(made(images(source)), made(again))
        assert not np.array_equal(made(images(source)), made(other))
    assert images(source).signature(person()) == again.signature(person())


@pytest.mark.parametrize("source", SOURCES)
def test_ten_fingers_two_eyes_of_the_sensors_size(source: str) -> None:
    fingers = [images(source).finger(person(), position) for position in range(1, 11)]
    assert {finger.shape for finger in fingers} == {(288, 256)}
    assert len({finger.tobytes() for finger in fingers}) == 10
    assert {images(source).iris(person(), eye).shape for eye in (1, 2)} == {(480, 640)}
    assert images(source).face(person(), (1000, 750)).shape == (1000, 750, 3)


def test_conditions_are_named() -> None:
    plain = images().finger(person(), 2)
    for condition in CONDITIONS:
        assert np.array_equal(images().finger(person(), 2, condition), plain) == (condition == "normal")
    with pytest.raises(ValueError, match="unknown condition"):
        images().finger(person(), 2, "frozen")
