"""A power plan in the installer's language: lines for the screen and the JSON, and one page of PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.power_plan_sizes import Site, Size, Value

SWAPPED = str.maketrans(",.", ".,")
PAGE = ((50, 545), 762.0, 45.0)
"""left and right edge, first line, last line of the page, in points"""
RESULT_X, LINE_H = 190, 33
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One result in words: in which part of the plan, what, how much, and the arithmetic behind it."""

    code: str
    part: str
    what: str
    result: str
    arithmetic: str


class Local(float):
    """A number as Indonesian writes it: 3.500 and 16,9."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec).translate(SWAPPED)


def filled(text: str, values: Mapping[str, Value], language: str) -> str:
    """A text with its values, numbers as the language writes them."""
    number = Local if language == "id" else float
    return text.format(**{name: value if isinstance(value, str) else number(value) for name, value in values.items()})


def line(size: Size, texts: Texts, language: str) -> Line:
    name = f"plan_{size.code}"
    result, how = texts[size.result or f"{name}_is"], texts[size.how or f"{name}_how"]
    return Line(size.code, texts[f"plan_{size.part}"], texts[name], filled(result, size.values, language), filled(how, size.values, language))


def asked(site: Site, texts: Texts, language: str) -> tuple[str, str]:
    """Title, and what was asked for."""
    values = {"sets": site.sets, "hours": site.hours, "outage": site.outage_h, "genset": site.genset_h, "metres": site.cable_m}
    title = "plan_title_one" if site.sets == 1 else "plan_title"
    return filled(texts[title], values, language), filled(texts["plan_asked"], values, language)


def write_pdf(path: Path, heading: tuple[str, str], lines: Sequence[Line], warning: str) -> None:
    """One A4 page."""
    from reportlab.lib.pagesizes import A4  # slow to import, needed here alone
    from reportlab.pdfgen.canvas import Canvas

    (left, _), height, foot = PAGE
    page, part = Canvas(str(path), pagesize=A4, invariant=1), ""
    page.setTitle(heading[0])
    _words(page, "Helvetica-Bold", 16, (left, height + 33), heading[0])
    _words(page, "Helvetica", 9, (left, height + 18), heading[1])
    for each in lines:
        if each.part != part:
            part, height = each.part, _section(page, each.part, height)
        _words(page, "Helvetica-Bold", 10.5, (left + 10, height), each.what)
        _words(page, "Helvetica-Bold", 10.5, (RESULT_X, height), each.result)
        _words(page, "Helvetica", 8.5, (RESULT_X, height - 12), each.arithmetic)
        height -= LINE_H
    _words(page, "Helvetica-Oblique", 9, (left, foot), warning)
    page.save()


def _words(page: Any, font: str, points: float, at: tuple[float, float], words: str) -> None:
    """One line, made narrower where it would run over the edge."""
    right = PAGE[0][1]
    wide = page.stringWidth(words, font, points)
    page.setFont(font, min(points, points * (right - at[0]) / wide) if wide else points)
    page.drawString(*at, words)


def _section(page: Any, words: str, height: float) -> float:
    """Draw its name with a rule; returns where the first line below stands."""
    left, right = PAGE[0]
    _words(page, "Helvetica-Bold", 12, (left, height - 6), words)
    page.line(left, height - 10, right, height - 10)
    return height - 27
