"""What the operator reads after a stop or a cut: what happened, and the times as far as the clock knows them."""

import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import station_config
from edge.power.picture import State
from edge.power.resume import KINDS, Away, came_back
from tests.faults.site import site

TEXTS = tomllib.loads((Path(station_config.__file__).parent / "id.toml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _in_jakarta(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


AT_1402 = 1_780_297_320.0
"""2026-06-01 14:02 in Jakarta"""
CUT = Away("power_was_out", AT_1402, AT_1402 + 600, known=True)


def said(away: Away | None, at_s: float, trust: str) -> str:
    identity, values = came_back(away, at_s, trust)
    return str(TEXTS[f"notice_{identity}"]).format(**values, step=TEXTS["step_fingers_left"])


def test_a_cut_is_told_with_its_times_and_the_place() -> None:
    assert said(CUT, AT_1402 + 29 * 60, "rtc") == "Listrik padam 14:02 sampai 14:31. Data aman. Lanjut: Sidik jari kiri."


def test_over_midnight_the_day_is_named() -> None:
    assert said(CUT, AT_1402 + 18 * 3600, "network").startswith("Listrik padam 01-06 14:02 sampai 08:02.")


@pytest.mark.parametrize(("now_s", "trust"), [(AT_1402 + 1740, "none"), (AT_1402 - 86_400, "rtc"), (AT_1402 + 10 * 365 * 86_400, "rtc")])
def test_a_clock_that_the_outage_reset_tells_only_the_beginning(now_s: float, trust: str) -> None:
    assert said(CUT, now_s, trust) == "Listrik padam sejak 14:02; jam sekarang belum pasti. Data aman. Lanjut: Sidik jari kiri."


def test_a_clock_that_never_was_right_tells_no_times() -> None:
    assert came_back(Away("power_was_out", 600.0, 700.0, known=False), AT_1402, "district") == ("power_was_out", {})
    assert came_back(None, AT_1402, "rtc") == ("power_was_out", {})


def test_every_sentence_has_its_words() -> None:
    for kind in KINDS:
        assert "{from}" in TEXTS[f"notice_{kind}_times"]
        assert "{from}" not in TEXTS[f"notice_{kind}"]


def test_dark_on_battery_is_an_outage_from_when_the_mains_went() -> None:
    here = site()
    began_s = here.wall().wall_s
    here.world.outage()
    here.run(600)
    here.now_s += 1200  # the lights went out; nobody watches
    away = here.restart().away
    assert away is not None
    assert (away.kind, away.known) == ("power_was_out", True)
    assert abs(away.began_s - began_s) <= 2
    assert here.wall().wall_s - 1200 - away.last_seen_s <= 60


def test_dark_on_mains_began_when_it_was_last_seen_to_half_a_minute() -> None:
    here = site()
    here.run(290)
    away = here.restart().away
    assert away is not None
    assert away.kind == "power_was_out"
    assert here.wall().wall_s - away.began_s <= 31


def test_an_orderly_stop_in_an_outage_is_an_outage_and_without_one_it_is_a_stop() -> None:
    here = site()
    here.world.button(True)
    here.run(5, until=lambda: here.stopped)
    away = here.restart().away
    assert away is not None
    assert away.kind == "station_was_off"

    here.world.button(False)
    here.run(10)
    here.world.outage()
    here.world.charge(5)
    assert here.run(30, until=lambda: here.stopped)
    away = here.restart().away
    assert away is not None
    assert away.kind == "power_was_out"


def test_a_program_that_ended_in_the_same_power_life_does_not_blame_the_mains() -> None:
    here = site()
    here.run(60)
    here.life -= 1  # the same boot id again
    watch = here.restart()
    assert watch.away is not None
    assert watch.away.kind == "program_restarted"
    here.run(10)
    assert watch.report.days[here.wall().day].unplanned_stops == 0
    assert watch.state is State.NORMAL
