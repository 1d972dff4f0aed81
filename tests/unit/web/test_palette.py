"""The page is read in full sun: every pair of ink and paper in its style sheet, measured as WCAG 2.2 does."""

import re
from pathlib import Path

import pytest

STYLE = Path("edge/web/static/style.css").read_text()
PALETTE = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", STYLE))
PAIRS = [
    ("ink", "paper"),
    ("ink", "shade"),
    ("go-ink", "go"),
    ("done", "done-paper"),
    ("warn", "warn-paper"),
    ("alarm", "alarm-paper"),
    ("info", "info-paper"),
    ("ink", "warn-paper"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_text_is_readable_outdoors(ink: str, paper: str) -> None:
    assert contrast(PALETTE[ink], PALETTE[paper]) >= 7


def test_the_measure_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_nothing_comes_from_elsewhere() -> None:
    for path in Path("edge/web/static").iterdir():
        text = path.read_text()
        assert not re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9-]+\.[a-z]", text), path
        assert "@import" not in text
        assert not re.search("[\U0001f000-\U0001faff☀-➿]", text), f"{path}: emoji are empty boxes without their font"
