"""The power report in the browser, from the station's own numbers: a site in virtual time with an outage and a genset."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.power.page import power_page
from edge.power.report import to_csv
from edge.web.server import PowerAnswers
from station_config.schema import GensetRules
from tests.browser.axe import violations
from tests.browser.scripted import ScriptedStation, scripted
from tests.faults.site import site

pytestmark = pytest.mark.browser
NOT_WORDS = re.compile(r"undefined|null|NaN|\[object|report_|\{")


def answers() -> PowerAnswers:
    """After half an hour of outage, most of it on the genset, and two people recorded."""
    here = site(genset=True, rules=GensetRules(test_every_days=7))
    here.world.outage()
    here.run(60, step_s=5)
    here.watch.genset_by_hand("start")
    here.run(1740, step_s=5)
    here.world.restore()
    here.watch.genset_by_hand("stop")
    here.run(900, step_s=5)
    for _ in range(2):
        here.watch.person_done(230, here.wall().day)
    here.run(5)
    page = json.loads(json.dumps(power_page(here.watch, here.wall().day)))
    return PowerAnswers(lambda: page, lambda by: to_csv(list(here.watch.report.days.values()) if by == "day" else here.watch.report.months()))


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedStation]:
    with scripted(tmp_path_factory.mktemp("reported"), power=answers()) as station:
        yield station


@pytest.fixture
def report(browser: Browser, reported: ScriptedStation) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800}, locale="id-ID", timezone_id="Asia/Jakarta")
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{reported.url}power")
    opened.wait_for_selector("#report section")
    yield opened
    opened.close()
    assert errors == []


def test_the_month_is_told_in_one_sentence_and_the_outage_by_its_times(report: Page) -> None:
    expect(report.locator(".lead")).to_contain_text("PLN padam 1 kali")
    expect(report.locator(".lead")).to_contain_text("2 orang direkam")
    expect(report.locator("#report li")).to_contain_text(re.compile(r"\d\d:\d\d sampai \d\d:\d\d .*Genset"))
    days = report.locator("section:has(h2:text-is('Setiap hari')) tbody tr")
    expect(days).to_have_count(1)
    expect(days.first.locator("td").nth(1)).to_have_text("1")
    expect(report.locator("section:has(h2:text-is('Setiap bulan')) tbody tr")).to_have_count(1)
    assert not NOT_WORDS.search(report.inner_text("body"))


def test_what_is_learnt_is_told_and_what_is_not_is_called_so(report: Page) -> None:
    now = report.locator("dl.now")
    expect(now).to_contain_text("kekuatan belum diketahui; kecepatan mengisi belum diketahui")
    expect(now).to_contain_text(re.compile(r"\d+ sampai \d+ menit, belum diukur di sini"))
    expect(now).to_contain_text(re.compile(r"Satu orang butuh\s*4 mnt"))
    expect(now).to_contain_text(re.compile(r"Pemakaian saat\s*menunggu 120 W"))
    expect(now).to_contain_text(re.compile(r"Uji genset berikutnya\s*dalam 7 hari"))
    expect(now).to_contain_text(re.compile(r"Tegangan dan suhu komputer\s*5,05 V"))
    expect(now).to_contain_text("412,5 jam, servis 88 jam lagi")


def test_the_report_too_says_source_minutes_and_people_first(report: Page) -> None:
    expect(report.locator("#report > :first-child")).to_have_text(re.compile(r"Listrik PLN\. Bila padam, baterai cukup \d+ menit \(\d+ orang\)\."))


def test_both_tables_can_be_carried_away_and_there_is_a_way_back(report: Page) -> None:
    for link in ("CSV harian", "CSV bulanan"):
        with report.expect_download() as carried:
            report.click(f"a:has-text('{link}')")
        text = Path(carried.value.path()).read_text(encoding="utf-8")
        assert text.startswith("day,outages,")
        assert len(text.splitlines()) == 2
    report.click("a:has-text('Kembali ke perekaman')")
    report.wait_for_selector("#stage[data-screen=login]")


def test_an_operator_finds_the_report_from_the_power_panel(browser: Browser, reported: ScriptedStation) -> None:
    page = browser.new_page()
    page.goto(reported.url)
    page.wait_for_selector("#stage[data-screen]")
    page.click("#power")
    page.click("dialog a:has-text('Laporan listrik')")
    page.wait_for_selector("#report section")
    page.close()


def test_paper_shows_no_buttons(report: Page) -> None:
    report.emulate_media(media="print")
    expect(report.locator("nav")).to_be_hidden()
    expect(report.locator("table").first).to_be_visible()


def test_everybody_can_read_it_and_no_screen_cuts_it_off(report: Page) -> None:
    assert violations(report) == []
    for width, height in ((1024, 600), (800, 480), (720, 1280)):
        report.set_viewport_size({"width": width, "height": height})
        assert report.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_unknown_is_called_unknown(browser: Browser, tmp_path: Path) -> None:
    here = site(genset=True)
    here.silences.figures = here.silences.genset = True
    here.run(30)
    told = power_page(here.watch, here.wall().day)
    with scripted(tmp_path, power=PowerAnswers(lambda: told)) as station:
        page = browser.new_page()
        page.goto(f"{station.url}power")
        page.wait_for_selector("#report section")
        expect(page.locator(".now div:has-text('Pemakaian sekarang') dd")).to_have_text("tidak diketahui")
        assert not NOT_WORDS.search(page.inner_text("body"))
        page.close()
