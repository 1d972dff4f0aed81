"""How a NIK reads: a mismatch warns, it never blocks."""

import pytest
from msgspec.structs import replace

from edge.enrolment.population import Corrections, Person, backdrop, corrected, missing_fields, nik_warnings, person_from

SITI = Person(nik="7201055705900001", name="Siti", birth_date="1990-05-17", sex="P")
BUDI = Person(nik="7201051705900001", name="Budi", birth_date="1990-05-17", sex="L")


@pytest.mark.parametrize(
    ("person", "warnings"),
    [
        (SITI, ()),
        (BUDI, ()),
        (replace(SITI, sex="L"), ("nik_sex",)),
        (replace(BUDI, sex="P"), ("nik_sex",)),
        (replace(SITI, birth_date="1990-05-18"), ("nik_birth",)),
        (replace(SITI, birth_date="1991-05-17", sex="L"), ("nik_birth", "nik_sex")),
        (replace(SITI, nik="72010557059000"), ("nik_form",)),
        (replace(SITI, nik="7201057705900001"), ("nik_form",)),
        (replace(SITI, nik="7201053205900001"), ("nik_form",)),
        (replace(SITI, nik="7201055713900001"), ("nik_form",)),
        (replace(SITI, nik="7201055705900000"), ("nik_form",)),
        (replace(SITI, nik=""), ()),
        (replace(SITI, birth_date="", sex=""), ()),
    ],
)
def test_nik(person: Person, warnings: tuple[str, ...]) -> None:
    assert nik_warnings(person) == warnings


@pytest.mark.parametrize(("year", "colour"), [("1991", "red"), ("1990", "blue"), ("2000", "blue")])
def test_the_cloth_follows_the_birth_year(year: str, colour: str) -> None:
    assert backdrop(replace(SITI, birth_date=f"{year}-01-01")) == colour
    assert backdrop(Person()) == ""


def test_corrections_lie_over_the_roster() -> None:
    assert corrected(SITI, Corrections(name="  Siti R. ", sex="")) == replace(SITI, name="Siti R.", sex="")
    assert missing_fields(Person(name="x")) == ("birth_date", "sex")


def test_a_roster_row_that_breaks_a_limit_leaves_that_field_to_the_operator() -> None:
    assert person_from({"name": "Siti", "sex": "X", "birth_date": "17/05/1990", "nik": 7, "shoe": "38"}) == Person(name="Siti")
