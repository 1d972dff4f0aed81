"""Same finger twice, same eye twice: repeats are found, others are not taken for repeats."""

from itertools import combinations

import numpy as np
import pytest

from edge.devices.interfaces import Frame
from edge.quality import finger_match, iris_match
from edge.quality.limits import DEFAULTS
from tests.bodies import SOURCES, images, moved, person

SAME_SCORE, SAME_DISTANCE = DEFAULTS["finger_same_score"], DEFAULTS["iris_same_distance"]


def examined(source: str, position: int, touch: int = 0) -> finger_match.Print:
    found = finger_match.examine(Frame(images(source).finger(person(), position, touch=touch), ppi=508))
    assert found is not None
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_a_finger_laid_down_again_is_recognised_among_the_others(source: str) -> None:
    gallery = finger_match.Gallery()
    prints = {position: examined(source, position) for position in (2, 3, 4, 7)}
    for position, found in prints.items():
        closest = gallery.closest(found)
        assert closest is None or closest[1] < SAME_SCORE
        gallery.keep(position, found)
    again = examined(source, 7, touch=1)
    assert gallery.closest(again) == (7, gallery.score(7, again))
    assert (gallery.score(7, again) or 0) >= SAME_SCORE
    other = gallery.closest(again, besides=7)
    assert other is not None
    assert other[1] < SAME_SCORE
    assert gallery.score(1, again) is None


def test_what_is_no_print_is_not_examined() -> None:
    assert finger_match.examine(Frame(np.full((288, 256), 235, np.uint8), ppi=508)) is None
    assert finger_match.examine(Frame(np.zeros((288, 256, 3), np.uint8), ppi=508)) is None
    assert finger_match.examine(Frame(images().finger(person(), 1))) is None


def coded(source: str, number: int, eye: int) -> iris_match.Code:
    found = iris_match.encode(Frame(images(source).iris(person(number), eye)))
    assert found is not None
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_eyes_differ_and_one_eye_stays_the_same(source: str) -> None:
    codes = [coded(source, number, eye) for number in range(3) for eye in (1, 2)]
    assert min(iris_match.distance(a, b) or 1 for a, b in combinations(codes, 2)) > SAME_DISTANCE
    again = iris_match.encode(Frame(moved(dx=6, dy=-4, turn_deg=5)(images(source).iris(person(0), 1))))
    assert again is not None
    assert (iris_match.distance(codes[0], again) or 1) < SAME_DISTANCE


def test_no_eye_no_code() -> None:
    assert iris_match.encode(Frame(np.full((480, 640), 120, np.uint8))) is None
    nothing = iris_match.Code(np.zeros((2, 14, 256), np.bool_), np.zeros((2, 14, 256), np.bool_))
    assert iris_match.distance(nothing, nothing) is None
