"""Good pictures pass, spoilt ones fail for the right reason, in both kinds of pictures; every reason has its texts."""

import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.devices.interfaces import Frame, PenSample, SignatureSeries
from edge.errors import StationError
from edge.quality import face, finger, iris, signature
from edge.quality.limits import DEFAULTS, with_overrides
from tests.bodies import FACE_FAULTS, FINGER_FAULTS, IRIS_FAULTS, SOURCES, Pixels, images, person
from tests.samples import samples

FINGERS = (1, 4, 7, 10)


def born(number: int) -> int:
    return int(person(number).birth_date[:4])


@pytest.mark.parametrize("source", SOURCES)
class TestSimulated:
    @pytest.mark.parametrize("number", range(3))
    def test_face_passes(self, source: str, number: int) -> None:
        verdict = face.assess(Frame(images(source).face(person(number))), birth_year=born(number))
        assert (verdict.passed, verdict.reason, verdict.warnings) == (True, None, ())

    @pytest.mark.parametrize("fault", FACE_FAULTS)
    def test_face_fails(self, source: str, fault: str) -> None:
        spoil, reason = FACE_FAULTS[fault]
        verdict = face.assess(Frame(spoil(images(source).face(person()))), birth_year=born(0))
        assert (verdict.passed, verdict.reason, verdict.fix) == (False, reason, f"{reason}_fix")

    @pytest.mark.parametrize("position", FINGERS)
    def test_finger_passes(self, source: str, position: int) -> None:
        verdict = finger.assess(Frame(images(source).finger(person(), position), ppi=508))
        assert (verdict.passed, verdict.reason) == (True, None)

    @pytest.mark.parametrize("condition", FINGER_FAULTS)
    @pytest.mark.parametrize("position", FINGERS)
    def test_finger_fails(self, source: str, condition: str, position: int) -> None:
        verdict = finger.assess(Frame(images(source).finger(person(), position, condition), ppi=508))
        assert verdict.passed is False
        assert verdict.reason in FINGER_FAULTS[condition]

    @pytest.mark.parametrize("eye", [1, 2])
    def test_iris_passes(self, source: str, eye: int) -> None:
        verdict = iris.assess(Frame(images(source).iris(person(), eye)))
        assert (verdict.passed, verdict.reason) == (True, None)

    @pytest.mark.parametrize("fault", IRIS_FAULTS)
    def test_iris_fails(self, source: str, fault: str) -> None:
        spoil, reason = IRIS_FAULTS[fault]
        verdict = iris.assess(Frame(spoil(images(source).iris(person(), 1))))
        assert (verdict.passed, verdict.reason) == (False, reason)


@pytest.mark.parametrize("pattern", ["finger/*.pgm", "finger/*.bmp"])
def test_real_prints_pass(pattern: str) -> None:
    for path in sorted(samples().glob(pattern)):
        image = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        verdict = finger.assess(Frame(image, ppi=1000 if path.suffix == ".bmp" else 500))
        assert verdict.passed, (path.name, verdict)


def test_real_portraits_pass() -> None:
    for path in sorted(samples().glob("face/*.jpg")):
        image = np.asarray(cv2.imread(str(path)), dtype=np.uint8)[..., ::-1]
        assert face.assess(Frame(np.ascontiguousarray(image))).passed, path.name


def test_a_real_eye_passes() -> None:
    image = np.asarray(cv2.imread(str(samples() / "iris" / "nir_eye_640x480.png"), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    assert iris.assess(Frame(image)).passed


def test_the_wrong_cloth_warns_and_stops_nothing() -> None:
    picture = Frame(images().face(person()))
    verdict = face.assess(picture, birth_year=born(0) + 1)
    assert verdict.passed
    assert verdict.warnings == (("cloth_not_red",) if born(0) % 2 == 0 else ("cloth_not_blue",))
    assert face.assess(picture).warnings == ()


SEEN_AT_A_GLANCE = [name for name, (_, reason) in FACE_FAULTS.items() if reason != "face_blurred"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_glance_at_the_live_picture_says_what_the_verdict_will_say(source: str) -> None:
    def glance(picture: Pixels) -> str | None:
        small = np.asarray(cv2.resize(picture, (480, 640), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return face.aim(Frame(small)).reason

    picture = images(source).face(person(), (800, 600))
    assert glance(picture) is None
    for name in SEEN_AT_A_GLANCE:
        spoil, reason = FACE_FAULTS[name]
        assert glance(spoil(picture)) == reason, name
    assert glance(images(source).empty_desk((800, 600))) == "face_missing"


def test_nobody_and_nothing() -> None:
    glass = np.full((288, 256), 235, np.uint8)
    assert face.assess(Frame(images().empty_desk())).reason == "face_missing"
    assert finger.assess(Frame(glass, ppi=508)).reason == "finger_missing"
    assert iris.assess(Frame(np.full((480, 640), 120, np.uint8))).reason == "iris_missing"


def test_without_cascades_nobody_can_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "cascades_present", lambda: False)
    verdict = face.assess(Frame(images().face(person())))
    assert (verdict.passed, verdict.reason) == (None, "face_no_detector")


def series(points: list[tuple[int, int, bool]]) -> SignatureSeries:
    samples_ = tuple(PenSample(5000 * i, x, y, 500 * tip, tip) for i, (x, y, tip) in enumerate(points))
    return SignatureSeries(samples_, 10_000, 3_750, 1023, 100)


def test_signatures() -> None:
    drawn = [(x, y, tip) for _, x, y, _, tip in images().signature(person())]
    assert signature.assess(series(drawn)).passed
    assert signature.assess(series([])).reason == "signature_missing"
    assert signature.assess(series([(100, 100, False)])).reason == "signature_missing"
    assert signature.assess(series([(500, 500, True)] * 20)).reason == "signature_missing"
    assert signature.assess(series([(500 + 3 * (i % 200), 500 + 2 * (i % 90), True) for i in range(600)])).reason == "signature_small"
    assert signature.assess(series([(min(10_000, 9_000 + 20 * i), 500 + 10 * i, True) for i in range(200)])).reason == "signature_cut"
    assert signature.assess(SignatureSeries((), 0, 0, 0, 0)).passed is None


def test_limits_are_overridden_by_name_only() -> None:
    picture = Frame(images().finger(person(), 2), ppi=508)
    assert finger.assess(picture, with_overrides({"finger_share_min": 0.99})).reason == "finger_small"
    with pytest.raises(StationError, match="finger_shar_min"):
        with_overrides({"finger_shar_min": 0.5})


def test_every_reason_has_its_texts() -> None:
    root = Path(__file__).resolve().parents[3]
    source = "".join(path.read_text(encoding="utf-8") for path in (root / "edge" / "quality").glob("*.py"))
    for language in ("id", "en"):
        texts = tomllib.loads((root / "station_config" / f"{language}.toml").read_text(encoding="utf-8"))
        reasons = [key for key in texts if f'"{key}"' in source and not key.startswith(("cloth", "limits_"))]
        assert len(reasons) > 30
        assert [key for key in reasons if f"{key}_fix" not in texts] == []


def test_no_limit_is_unused() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (Path(face.__file__).parent).glob("*.py") if path.name != "limits.py")
    callers = {"finger_same_score", "iris_same_distance"}
    assert [name for name in DEFAULTS if f'"{name}"' not in source and name not in callers] == []
