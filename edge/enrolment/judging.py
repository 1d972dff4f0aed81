"""Judge one capture: quality first, then against the earlier pictures of the same person. Runs in the session's one judging thread.

What the comparisons need (one spectrum a finger, one code an eye) stays in RAM while the person is at the desk, never longer.
"""

import math
from collections.abc import Mapping

from edge.devices.interfaces import Frame, SignatureSeries
from edge.enrolment.opinion import Opinion
from edge.enrolment.procedure import Target
from edge.enrolment.taking import Subject
from edge.quality import face, finger, finger_match, iris, iris_match, signature
from edge.quality.limits import Limits
from edge.quality.verdict import Verdict
from edge.tuning import give_back

FIX = "_fix"
BEST_BY = {"finger": ("roi_share", "ocl"), "iris": ("usable", "sharpness"), "face": ("eye_hits", "sharpness"), "signature": ("ink_mm",)}
"""the measures whose product tells the best of several failed captures of one kind"""
MEASURES_MAX = 16
THOUSANDTHS = 1000
INT32 = 2**31 - 1


class Judge:
    """One person at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fingers = finger_match.Gallery()
        self._eyes: dict[int, iris_match.Code] = {}

    def judge(self, target: Target, subject: Subject, birth_year: int | None) -> Opinion:
        """What could not be judged passes and says so in the record: people are not sent home for it."""
        if isinstance(subject, SignatureSeries):
            return _opinion(target, signature.assess(subject, self._limits))
        match target.kind:
            case "face":
                return _opinion(target, face.assess(subject, self._limits, birth_year))
            case "finger":
                verdict = finger.assess(subject, self._limits)
                return _opinion(target, verdict) if verdict.passed is False else self._new_finger(target, subject, _opinion(target, verdict))
            case "iris":
                verdict = iris.assess(subject, self._limits)
                return _opinion(target, verdict) if verdict.passed is False else self._new_eye(target, subject, _opinion(target, verdict))
            case "check":
                return self._same_finger(target, subject)
            case _:
                return Opinion(passed=True)

    def aim(self, target: Target, frame: Frame) -> Opinion:
        """An eye is compared with the other one already: nobody holds the same one out twice for nothing."""
        return _opinion(target, face.aim(frame, self._limits)) if target.kind == "face" else self.judge(target, frame, None)

    def keep(self, target: Target, subject: Subject) -> None:
        """This capture is saved: later ones are compared with it."""
        if isinstance(subject, SignatureSeries):
            return
        if target.kind == "finger" and (examined := finger_match.examine(subject)) is not None:
            self._fingers.keep(target.position, examined)
        if target.kind == "iris" and (code := iris_match.encode(subject)) is not None:
            self._eyes[target.position] = code

    def forget(self) -> None:
        """The person has gone."""
        self._fingers = finger_match.Gallery()
        self._eyes = {}
        give_back()

    def _new_finger(self, target: Target, frame: Frame, good: Opinion) -> Opinion:
        examined = finger_match.examine(frame)
        closest = self._fingers.closest(examined, besides=target.position) if examined else None
        return _refused("same_finger", good) if closest and closest[1] >= self._limits["finger_same_score"] else good

    def _new_eye(self, target: Target, frame: Frame, good: Opinion) -> Opinion:
        code = iris_match.encode(frame)
        others = [kept for position, kept in self._eyes.items() if position != target.position]
        distances = [iris_match.distance(code, other) for other in others] if code else []
        same = any(distance is not None and distance < self._limits["iris_same_distance"] for distance in distances)
        return _refused("same_eye", good) if same else good

    def _same_finger(self, target: Target, frame: Frame) -> Opinion:
        verdict = finger.assess(frame, self._limits)
        if verdict.passed is False:
            return _opinion(target, verdict)
        examined = finger_match.examine(frame)
        score = self._fingers.score(target.position, examined) if examined else None
        matches = score is not None and score >= self._limits["finger_same_score"]
        return Opinion(passed=True) if matches else _refused("index_mismatch", Opinion(passed=False, score=score or 0.0))


def _refused(reason: str, opinion: Opinion) -> Opinion:
    return Opinion(passed=False, reason=reason, fix=reason + FIX, score=opinion.score, quality=opinion.quality)


def _opinion(target: Target, verdict: Verdict) -> Opinion:
    measures = {name.lower(): value for name, value in verdict.measures.items()}
    score = math.prod(measures.get(name, 0.0) for name in BEST_BY.get(target.kind, ()))
    quality = {"judged": int(verdict.passed is not None), **_thousandths(measures)}
    return Opinion(verdict.passed is not False, verdict.reason or "", verdict.fix or "", score, quality, verdict.warnings)


def _thousandths(measures: Mapping[str, float]) -> dict[str, int]:
    """The manifest knows whole numbers only."""
    finite = [(name, value) for name, value in measures.items() if math.isfinite(value)][: MEASURES_MAX - 1]
    return {f"{name}_thousandths": max(-INT32, min(INT32, round(value * THOUSANDTHS))) for name, value in finite}
