"""What the session asks of whoever judges captures. `judging.py` does it with edge/quality."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge.devices.interfaces import Frame
from edge.enrolment.procedure import Target
from edge.enrolment.taking import Subject


@dataclass(frozen=True, slots=True)
class Opinion:
    """What to do with one capture."""

    passed: bool
    reason: str = ""
    fix: str = ""
    score: float = 0.0
    """greater is better, among captures of one kind"""
    quality: Mapping[str, int] = field(default_factory=dict)
    """for the manifest: measure -> value, units in the names"""
    warnings: tuple[str, ...] = ()
    """notices that never stop anything"""


class Judging(Protocol):
    """Every call comes from one thread and may take its time."""

    def judge(self, target: Target, subject: Subject, birth_year: int | None) -> Opinion:
        """Quality first, then against the earlier pictures of the same person."""

    def aim(self, target: Target, frame: Frame) -> Opinion:
        """A quick look at a small live picture of a face or an eye."""

    def keep(self, target: Target, subject: Subject) -> None:
        """This capture is saved: later ones are compared with it."""

    def forget(self) -> None:
        """The person has gone; nothing of them may stay in RAM."""
