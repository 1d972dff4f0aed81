"""What the office knows of a resident, and how a NIK reads.

NIK, 16 digits: province 2, regency 2, district 2 (of first issue), birth date DDMMYY with 40 added to the day for women, serial from
0001. It is permanent while people move and dates are corrected: a mismatch warns, it never blocks (FIELD.md).
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Short = Annotated[str, Meta(max_length=64)]
Long = Annotated[str, Meta(max_length=200)]
Date = Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Digits = Annotated[str, Meta(pattern=r"^\d{0,20}$")]
Sex = Annotated[str, Meta(pattern="^[LP]?$")]

REQUIRED = ("name", "birth_date", "sex")
FEMALE_DAY_OFFSET = 40


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Population data as confirmed at the desk; empty text is unknown."""

    letter: Short = ""
    nik: Digits = ""
    name: Long = ""
    birth_place: Short = ""
    birth_date: Date = ""
    """YYYY-MM-DD"""
    sex: Sex = ""
    """L or P, as on the card"""
    address: Long = ""
    religion: Short = ""
    marital_status: Short = ""
    occupation: Short = ""


class Corrections(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields that the operator changed; None was left alone."""

    nik: Digits | None = None
    name: Long | None = None
    birth_place: Short | None = None
    birth_date: Date | None = None
    sex: Sex | None = None
    address: Long | None = None
    religion: Short | None = None
    marital_status: Short | None = None
    occupation: Short | None = None


def corrected(person: Person, corrections: Corrections) -> Person:
    """`person` with the corrections laid over it, spaces at the ends dropped."""
    changes = {name: text.strip() for name, text in msgspec.structs.asdict(corrections).items() if text is not None}
    return msgspec.structs.replace(person, **changes)


def missing_fields(person: Person) -> tuple[str, ...]:
    """Names of required fields that are empty."""
    return tuple(name for name in REQUIRED if not getattr(person, name))


def person_from(fields: Mapping[str, object]) -> Person:
    """Take the known fields of a roster row; what does not fit its limits is left empty for the operator to type."""
    row = Person()
    for name in Person.__struct_fields__:
        value = fields.get(name)
        if isinstance(value, str) and _fits(name, value):
            row = msgspec.structs.replace(row, **{name: value})
    return row


def _fits(name: str, value: str) -> bool:
    try:
        msgspec.convert({name: value}, Person)
    except msgspec.ValidationError:
        return False
    return True


def nik_warnings(person: Person) -> tuple[str, ...]:
    """Notice ids for what in the NIK does not agree with the other data: nik_form, nik_birth, nik_sex."""
    nik = person.nik
    if not nik:
        return ()
    if not _well_formed(nik):
        return ("nik_form",)
    day = int(nik[6:8])
    found = []
    if person.birth_date and _born(nik) != person.birth_date[8:10] + person.birth_date[5:7] + person.birth_date[2:4]:
        found.append("nik_birth")
    if person.sex and (person.sex == "P") != (day > FEMALE_DAY_OFFSET):
        found.append("nik_sex")
    return tuple(found)


def _well_formed(nik: str) -> bool:
    if len(nik) != 16 or nik[12:] == "0000":
        return False
    day, month = int(nik[6:8]), int(nik[8:10])
    return (1 <= day <= 31 or 41 <= day <= 71) and 1 <= month <= 12


def _born(nik: str) -> str:
    day = int(nik[6:8])
    return f"{day - FEMALE_DAY_OFFSET if day > FEMALE_DAY_OFFSET else day:02d}{nik[8:12]}"


def backdrop(person: Person) -> str:
    """Colour of the cloth behind the photo: red for an odd birth year, blue for an even one; empty while the year is unknown."""
    if not person.birth_date:
        return ""
    return "red" if int(person.birth_date[:4]) % 2 else "blue"
