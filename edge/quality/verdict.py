"""What a judgement of one capture is: passed, failed or could not judge; one reason, one fix; the figures behind it.

A verdict is for the operator: never a number on the screen, one thing to mend at a time, the easiest first. Whether a failed
capture may be kept all the same is the procedure's decision, not made here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec

P = ParamSpec("P")
Measures = Mapping[str, float]
FIX = "_fix"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a message id, `fix` the id of what to do about it (reason + "_fix")."""

    passed: bool | None
    """None: could not judge"""
    reason: str | None = None
    fix: str | None = None
    measures: Measures = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """message ids of what is worth a look and stops nothing"""


def failed(reason: str, measures: Measures, warnings: Sequence[str] = ()) -> Verdict:
    """Not good enough, for this reason."""
    return Verdict(False, reason, reason + FIX, measures, tuple(warnings))


def could_not_judge(reason: str, measures: Measures | None = None) -> Verdict:
    """The picture is not of a kind that can be judged, or the means to judge are missing."""
    return Verdict(None, reason, reason + FIX, measures or {})


def first_failure(checks: Sequence[tuple[str, bool]], measures: Measures, warnings: Sequence[str] = ()) -> Verdict:
    """checks: (reason, is it so?) ordered by what the operator can mend first; none true: passed."""
    for reason, is_so in checks:
        if is_so:
            return failed(reason, measures, warnings)
    return Verdict(True, measures=measures, warnings=tuple(warnings))


def judged(assess: Callable[P, Verdict]) -> Callable[P, Verdict]:
    """An image library that gives up on odd pixels means that nothing can be said, not that the station stops."""

    @wraps(assess)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Verdict:
        import cv2
        import numpy as np

        try:
            with np.errstate(all="ignore"):
                return assess(*args, **kwargs)
        except (cv2.error, np.linalg.LinAlgError):
            return could_not_judge("not_judged")

    return guarded
