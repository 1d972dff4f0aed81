"""Every word that a page asks for is there, in both languages."""

import re
from pathlib import Path

import pytest

from district.web import read_texts
from station_config.load import load_texts

STATION = "\n".join(path.read_text() for path in Path("edge/web/static").iterdir())
DISTRICT = "\n".join(path.read_text() for path in Path("district/static").iterdir())
ASKED = r"""\b{}\(\s*(?:[^"()]*\?\s*)?"([a-z_]+)"(?:\s*:\s*"([a-z_]+)")?"""


def asked(source: str, name: str) -> set[str]:
    """Codes that stand in the source as they are, also both sides of a choice."""
    found = {code for pair in re.findall(ASKED.format(name), source) for code in pair if code}
    return found | set(re.findall(r'data-text": "([a-z_]+)"', source))


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_station_has_every_word(language: str) -> None:
    codes = asked(STATION, "t")
    assert len(codes) > 90
    assert codes - set(load_texts()[language]) == set()


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_district_has_every_word(language: str) -> None:
    codes = asked(DISTRICT, "say")
    assert len(codes) > 20
    columns = set(re.findall(r"^  ([a-z_]+)(?::|,$)", Path("district/static/tables.js").read_text(), re.MULTILINE))
    assert (codes | {f"column_{name}" for name in columns}) - set(read_texts(language)) == set()
