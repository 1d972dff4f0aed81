"""What the proof slip says, as lines; the printer's language is made of them elsewhere. No biometric data, and the code holds the number only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.enrolment.procedure import DEVICE_UNAVAILABLE
from edge.enrolment.state import Enrolment

Texts = Mapping[str, Mapping[str, str]]
"""language -> code -> text"""


@dataclass(frozen=True, slots=True)
class Slip:
    """One proof of recording."""

    title: str
    lines: tuple[tuple[str, str], ...]
    """label, value"""
    notes: tuple[str, ...]
    code: str
    """for the QR: the register number"""


SlipMaker = Callable[[Slip], bytes]


def slip_of(enrolment: Enrolment, register: str, place: str, date: str, date_sure: bool, texts: Mapping[str, str]) -> Slip:
    """`date` is ready to read."""
    name = enrolment.person.name if enrolment.person else ""
    missing = ", ".join(_target_name(mark.target.kind, mark.target.position, texts) for mark in enrolment.progress.exceptions if mark.target.kind != "check")
    lines = (
        (texts["slip_register"], register),
        (texts["slip_ticket"], str(enrolment.ticket)),
        (texts["name"], name),
        (texts["slip_place"], place),
        (texts["slip_date" if date_sure else "slip_date_unsure"], date),
        (texts["slip_missing"], missing),
    )
    again = any(mark.reason == DEVICE_UNAVAILABLE for mark in enrolment.progress.exceptions)
    notes = (texts["slip_saved"], *((texts["slip_recapture"],) if again else ()), texts["slip_keep"], texts["slip_stamp"])
    return Slip(texts["slip_title"], tuple((label, value) for label, value in lines if value), notes, register)


def _target_name(kind: str, position: int, texts: Mapping[str, str]) -> str:
    return texts.get(f"target_{kind}_{position}") or texts.get(f"target_{kind}", kind)
