"""Whatever pixels come, a verdict comes back: nothing crashes, nothing is believed that cannot be judged."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edge.devices.interfaces import Frame, PenSample, SignatureSeries
from edge.quality import face, finger, finger_match, iris, iris_match, signature
from edge.quality.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
PATTERNS = ("noise", "stripes", "flat", "half", "blocks", "dots")


def picture(seed: int, pattern: str, shape: tuple[int, ...]) -> np.ndarray:
    """Odd pictures: pure numpy arrays of any grey would all look alike to the detectors."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows, columns = shape[:2]
    y, x = np.mgrid[0:rows, 0:columns]
    made = {
        "noise": lambda: rng.integers(0, 256, (rows, columns)),
        "stripes": lambda: 127 + 120 * np.sin(x * rng.uniform(0.05, 2) + y * rng.uniform(0, 2)),
        "flat": lambda: np.full((rows, columns), rng.integers(0, 256)),
        "half": lambda: np.where(x > columns * rng.uniform(), 250, 5),
        "blocks": lambda: rng.integers(0, 256, (rows // 16 + 1, columns // 16 + 1)).repeat(16, 0).repeat(16, 1)[:rows, :columns],
        "dots": lambda: np.where(np.hypot(x - columns / 2, y - rows / 2) < rng.uniform(3, 200), 10, 200),
    }[pattern]()
    grey = np.clip(made, 0, 255).astype(np.uint8)
    return grey if len(shape) == 2 else np.repeat(grey[..., None], shape[2], axis=2)


def checked(verdict: Verdict) -> None:
    assert (verdict.reason is None) == (verdict.passed is True)
    assert all(np.isfinite(value) for value in verdict.measures.values())


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(PATTERNS), st.tuples(st.integers(1, 400), st.integers(1, 400)), st.sampled_from([None, 0.0, 250.0, 508.0, 2000.0]))
def test_grey_pictures(seed: int, pattern: str, shape: tuple[int, int], ppi: float | None) -> None:
    frame = Frame(picture(seed, pattern, shape), ppi=ppi)
    checked(finger.assess(frame))
    checked(iris.assess(frame))
    checked(face.assess(frame))
    finger_match.examine(frame)
    iris_match.encode(frame)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from(PATTERNS), st.tuples(st.integers(1, 500), st.integers(1, 500), st.sampled_from([1, 2, 3, 4])))
def test_colour_pictures(seed: int, pattern: str, shape: tuple[int, int, int]) -> None:
    frame = Frame(picture(seed, pattern, shape), ppi=508)
    for assess in (finger.assess, iris.assess, face.assess):
        checked(assess(frame))


@settings(max_examples=40, deadline=None)
@given(arrays(st.sampled_from([np.uint8, np.uint16, np.float32, np.bool_]), array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=12)))
def test_arrays_that_are_no_pictures(array: np.ndarray) -> None:
    frame = Frame(array, ppi=508)
    for assess in (finger.assess, iris.assess, face.assess):
        assert assess(frame).passed is None
    assert finger_match.examine(frame) is None
    assert iris_match.encode(frame) is None


PEN = st.builds(PenSample, st.integers(0, 10**9), st.integers(-10, 20_000), st.integers(-10, 20_000), st.integers(0, 1023), st.booleans())


@given(st.lists(PEN, max_size=30), st.integers(0, 20_000), st.integers(0, 20_000), st.floats(0, 200))
def test_pen_series(samples: list[PenSample], x_max: int, y_max: int, units_mm: float) -> None:
    checked(signature.assess(SignatureSeries(tuple(samples), x_max, y_max, 1023, units_mm)))
