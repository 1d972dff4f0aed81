"""The page of safe mode says where the power comes from and how long it lasts, also while upsd is not there yet."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import pytest

from edge.clock import SystemClock
from edge.devices.interfaces import Ups, UpsReading
from edge.errors import DeviceAbsent
from edge.power.safe_mode import Told
from edge.power.safe_supply import sentence, watch
from station_config.load import load_texts

TEXTS = load_texts()["id"]


def reading(words: str, runtime_s: float | None, *, stale: bool = False) -> UpsReading:
    return UpsReading(frozenset(words.split()), None, runtime_s, None, None, None, None, stale=stale)


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([reading("OB DISCHRG", 754)], "Pakai baterai. Cukup 12 menit."),
        ([reading("OB", None)], "Pakai baterai. Sisa baterai tidak diketahui."),
        ([reading("OL CHRG", 2400)], "Listrik tersedia (PLN atau genset). Bila padam, baterai cukup 40 menit."),
        ([reading("OL", None)], "Listrik tersedia (PLN atau genset). Sisa baterai tidak diketahui."),
        ([reading("OL", 2400), reading("OB", 300)], "Pakai baterai. Cukup 5 menit."),
        ([reading("OL", 2400), reading("OL", None)], "Listrik tersedia (PLN atau genset). Sisa baterai tidak diketahui."),
        ([reading("OL", 2400, stale=True)], "Sumber listrik tidak diketahui."),
        ([], "Sumber listrik tidak diketahui."),
    ],
)
def test_source_and_minutes_in_plain_words(readings: Sequence[UpsReading], said: str) -> None:
    assert sentence(readings, TEXTS) == said


class ThirdTime:
    """A `Ups` whose upsd comes up late; each connection is closed again."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1
        if self.opened < 3:
            raise DeviceAbsent("ups_absent", "ups", "upsd does not answer", "Start NUT")

    async def reading(self) -> UpsReading:
        return reading("OB", 600)

    async def close(self) -> None:
        self.closed += 1


class Enough(SystemClock):
    """Ends the watch with its fourth pause."""

    pauses = 0

    async def sleep_s(self, seconds: float) -> None:
        self.pauses += 1
        if self.pauses == 4:
            raise asyncio.CancelledError


def test_the_page_is_there_at_once_and_learns_of_the_power_when_the_ups_answers() -> None:
    page, ups, told = Told(["Berhenti.", "Sebab."]), ThirdTime(), list[str]()
    assert b"<h1>Berhenti.</h1><p>Sebab.</p>" in page.answer()

    def tell(words: str) -> None:
        told.append(words)
        page.tell_supply(words)

    with suppress(asyncio.CancelledError):
        asyncio.run(watch([cast(Ups, ups)], TEXTS, tell, Enough()))
    assert told == ["Sumber listrik tidak diketahui."] * 2 + ["Pakai baterai. Cukup 10 menit."] * 2
    assert ups.closed == ups.opened
    assert "<h1>Berhenti.</h1><p>Pakai baterai. Cukup 10 menit.</p><p>Sebab.</p>" in page.answer().decode()
