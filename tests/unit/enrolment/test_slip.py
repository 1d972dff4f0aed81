"""The proof slip: says what a person needs, nothing of their body, and fits the paper."""

import json

import pytest

from edge.devices.proof import render_pdf
from edge.enrolment.population import Person
from edge.enrolment.procedure import Target
from edge.enrolment.slip import Slip, slip_of
from edge.enrolment.slip_printing import escpos_slip, slip_maker
from edge.enrolment.state import Enrolment, Mark, Progress
from station_config.load import load_texts
from station_config.schema import Printer

TEXTS = load_texts()
PERSON = Person(nik="7201055705900001", name="Siti Rahmawati", birth_date="1990-05-17", sex="P")


def slip(*marks: Mark, sure: bool = True, language: str = "id") -> Slip:
    progress = Progress(letter=True, sequence=41, exceptions=marks)
    enrolment = Enrolment(b"r" * 16, 7, 0, progress, person=PERSON)
    return slip_of(enrolment, "poso-1-000041", "Kecamatan Poso", "21-09-2026 21.13", sure, TEXTS[language])


def test_what_it_says() -> None:
    said = slip(Mark(Target("finger", 4), "missing"), Mark(Target("iris", 1), "device_unavailable"), Mark(Target("check", 2), "not_matched"))
    assert said.lines == (
        ("No. rekaman", "poso-1-000041"),
        ("Antrean", "7"),
        ("Nama", "Siti Rahmawati"),
        ("Tempat", "Kecamatan Poso"),
        ("Tanggal", "21-09-2026 21.13"),
        ("Tidak direkam", "jari manis kanan, mata kanan"),
    )
    assert TEXTS["id"]["slip_recapture"] in said.notes
    assert said.code == "poso-1-000041"


def test_a_doubtful_clock_is_said() -> None:
    assert slip(sure=False).lines[4][0] == "Tanggal (jam stasiun belum pasti)"
    assert TEXTS["en"]["slip_recapture"] not in slip(language="en").notes


@pytest.mark.parametrize(("width_mm", "columns"), [(58, 32), (80, 48)])
def test_on_slip_paper(width_mm: int, columns: int) -> None:
    document = escpos_slip(width_mm)(slip())
    assert document.startswith(b"\x1b@")
    assert b"Siti Rahmawati" in document
    assert b"1P0poso-1-000041" in document
    assert PERSON.nik.encode() not in document
    assert ("-" * columns + "\n").encode() in document
    assert document.endswith(b"\x1dVB\x00")


def test_on_a4() -> None:
    document = slip_maker(Printer(port="office", kind="system"))(slip())
    assert json.loads(document)["code"] == "poso-1-000041"
    assert render_pdf(document).startswith(b"%PDF")
    assert slip_maker(Printer(port="/dev/x", width_mm=58))(slip()) == escpos_slip(58)(slip())
