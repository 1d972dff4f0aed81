"""The judge with the real quality checks: verdicts pass through, repeats are noticed, nothing stays behind."""

import numpy as np
import pytest

from edge.devices.interfaces import Frame, SignatureSeries
from edge.enrolment.judging import Judge
from edge.enrolment.procedure import Target
from edge.quality.limits import DEFAULTS
from simulators.images import Images
from simulators.people import make_people
from simulators.world import World

INDEX, MIDDLE = Target("finger", 2), Target("finger", 3)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(seed=5)


def finger(images: Images, position: int) -> Frame:
    person = make_people(1, World(seed=5).rng("people"))[0]
    return Frame(images.finger(person, position), 508.0)


def test_the_same_finger_twice_is_noticed_and_a_retake_is_not(images: Images) -> None:
    judge = Judge(DEFAULTS)
    index = finger(images, 2)
    first = judge.judge(INDEX, index, None)
    assert first.passed, first
    assert first.quality["judged"] == 1
    assert all(isinstance(value, int) for value in first.quality.values())
    judge.keep(INDEX, index)
    again = judge.judge(MIDDLE, index, None)
    assert (again.passed, again.reason, again.fix) == (False, "same_finger", "same_finger_fix")
    assert judge.judge(INDEX, index, None).passed
    assert judge.judge(MIDDLE, finger(images, 3), None).passed
    judge.forget()
    assert judge.judge(MIDDLE, index, None).passed


def test_the_index_check_knows_the_finger(images: Images) -> None:
    judge = Judge(DEFAULTS)
    judge.keep(INDEX, finger(images, 2))
    assert judge.judge(Target("check", 2), finger(images, 2), None).passed
    other = judge.judge(Target("check", 2), finger(images, 7), None)
    assert (other.passed, other.reason) == (False, "index_mismatch")
    assert not judge.judge(Target("check", 7), finger(images, 7), None).passed


def test_an_empty_sensor_and_an_empty_pad_fail_with_a_reason() -> None:
    judge = Judge(DEFAULTS)
    for target, subject in ((INDEX, Frame(np.full((288, 256), 250, np.uint8), 508.0)), (Target("signature"), SignatureSeries((), 10_000, 3_750, 1023, 100.0))):
        opinion = judge.judge(target, subject, None)
        assert not opinion.passed
        assert opinion.reason
        assert opinion.fix == f"{opinion.reason}_fix"


def test_an_exception_photo_is_never_refused() -> None:
    assert Judge(DEFAULTS).judge(Target("exception_photo"), Frame(np.zeros((40, 30, 3), np.uint8)), None).passed


def test_what_cannot_be_judged_passes_and_says_so() -> None:
    opinion = Judge(DEFAULTS).judge(INDEX, Frame(np.full((288, 256), 120, np.uint8), None), None)
    assert opinion.passed
    assert opinion.quality["judged"] == 0
