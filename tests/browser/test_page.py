"""What an operator sees and touches, at every size of screen that is supported."""

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.enrolment import events as ev
from edge.enrolment.hooks import Hooks
from edge.enrolment.opinion import Opinion
from edge.enrolment.procedure import Target
from edge.errors import DeviceRefused
from edge.power import safe_mode
from edge.store.store import Store
from tests.browser.scripted import BATTERY, ScriptedStation, scripted
from tests.unit.enrolment.desk import finish
from tests.unit.enrolment.fakes import PIN
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SIZES = [(1280, 800), (1024, 600), (800, 480), (720, 1280)]
MM = {(1280, 800): 5.9, (1024, 600): 6.7, (800, 480): 5.3, (720, 1280): 8.3}
TARGET_MM = 12.7
PALM_MS = 320
"""two touches closer together than 300 ms are one palm"""

VISIBLE = """selector => [...document.querySelectorAll(selector)].filter(e => e.getClientRects().length).map(e => {
  let {left, top, right, bottom} = e.getBoundingClientRect();
  for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
    if (getComputedStyle(p).overflow === "visible") continue;
    const box = p.getBoundingClientRect();
    left = Math.max(left, box.left); top = Math.max(top, box.top); right = Math.min(right, box.right); bottom = Math.min(bottom, box.bottom);
  }
  left = Math.max(left, 0); top = Math.max(top, 0); right = Math.min(right, innerWidth); bottom = Math.min(bottom, innerHeight);
  return {name: e.id || e.dataset.action || e.dataset.position || e.textContent, width: right - left, height: bottom - top, left, top};
})"""
"""sizes of what can really be seen: cut by every parent that clips, and by the screen"""


def visible(page: Page, selector: str) -> list[dict[str, Any]]:
    return page.evaluate(VISIBLE, selector)


def each_size(page: Page, look: Callable[[tuple[int, int]], None]) -> None:
    for size in SIZES:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_timeout(60)
        look(size)


def check_screen(page: Page, stage_share: float = 0.4) -> None:
    """One primary action, big enough targets, a stage worth looking at, nothing cut off."""

    def look(size: tuple[int, int]) -> None:
        least = TARGET_MM * MM[size] - 1
        primaries = visible(page, "[data-primary]")
        assert len(primaries) == 1
        assert primaries[0]["width"] >= 20 * MM[size] - 1
        for target in visible(page, "button"):
            assert target["height"] >= least, (size, target)
            assert target["width"] >= least, (size, target)
        for heading in visible(page, "[data-instruction], #steps li, #person .name, .verdict, .power, .queue"):
            assert heading["height"] >= 12, (size, heading)
            assert heading["width"] >= 30, (size, heading)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for stage in visible(page, ".preview, .sheet, .hands"):
            assert stage["height"] >= stage_share * size[1], (size, stage)
        for paper in visible(page, "canvas"):
            assert paper["width"] >= 0.6 * size[0], (size, paper)

    each_size(page, look)


@pytest.mark.parametrize("step", ["letter", "data", "face", "signature", "irises", "review", "slip"])
def test_every_screen_fits_every_size(page: Page, station: ScriptedStation, step: str) -> None:
    station.to_step(step)
    page.wait_for_selector(f"#stage[data-screen={step}]")
    check_screen(page)


def test_log_in_and_idle_fit_every_size(page: Page, station: ScriptedStation) -> None:
    check_screen(page)
    station.to_step("letter")
    station.do(lambda bench: bench.session.post(ev.Abandon(reason="went_away")))
    page.wait_for_selector("#stage[data-screen=idle]")
    check_screen(page)


def test_all_fingers_can_be_touched_at_every_size(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    page.wait_for_selector(".finger.now")

    def look(size: tuple[int, int]) -> None:
        fingers = visible(page, ".finger .hit")
        assert len(fingers) == 10
        for finger in fingers:
            assert finger["width"] >= TARGET_MM * MM[size] - 1, (size, finger)
            assert finger["height"] >= TARGET_MM * MM[size] - 1, (size, finger)

    each_size(page, look)
    check_screen(page, stage_share=0.3)


def test_one_person_by_touch_alone(page: Page, station: ScriptedStation) -> None:
    primary = page.locator("[data-primary]")

    def press(words: str) -> None:
        expect(primary).to_have_text(words)
        expect(primary).to_be_enabled()
        page.wait_for_timeout(PALM_MS)
        primary.click()

    page.fill("[name=operator]", "ani")
    for digit in PIN:
        page.click(f".pad button:text-is('{digit}')")
    press("Masuk")
    page.fill("[name=ticket]", "12")
    press("Panggil warga berikutnya")
    page.fill("[name=letter_number]", "SP-1001")
    press("Cari surat")
    expect(page.locator("#person")).to_contain_text("Siti Rahmawati")
    expect(page.locator("#person")).to_contain_text("7201 0557 0590 0001")
    rest = ("Rekam mata kanan", "Rekam mata kiri", "Periksa telunjuk", "Setuju dan simpan")
    for words in ("Data sudah cocok", "Ambil foto", "Mulai tanda tangan", "Rekam sidik jari", *rest):
        press(words)
    page.wait_for_selector("#stage[data-screen=slip]")
    expect(page.locator(".tick")).to_contain_text("Tersimpan di stasiun")
    expect(page.locator("#steps li.done")).to_have_count(5)
    press("Surat sudah dicap")
    page.wait_for_selector("#stage[data-screen=idle]")
    expect(page.locator("[name=ticket]")).to_have_value("13")
    expect(page.locator("#status")).to_contain_text("Menunggu dikirim: 1")


def test_impatient_taps_skip_nothing(page: Page, station: ScriptedStation) -> None:
    station.to_step("data")
    page.wait_for_selector("#stage[data-screen=data]")
    page.evaluate("""() => { const b = document.getElementById("primary"); for (let i = 0; i < 10; i++) b.click(); }""")
    page.wait_for_selector("#stage[data-screen=face]")
    page.wait_for_timeout(400)
    assert station.snapshot()["step"] == "face"
    assert station.bench.bodies.taken == []


def test_the_other_language_without_reload_or_lost_input(page: Page, station: ScriptedStation) -> None:
    station.to_step("letter")
    page.fill("[name=letter_number]", "SP-10")
    page.evaluate("window.stays = true")
    page.click("#language")
    expect(page.locator("[data-primary]")).to_have_text("Find the letter")
    expect(page.locator("[data-instruction]")).to_have_text("Type the number on the summons letter.")
    assert page.input_value("[name=letter_number]") == "SP-10"
    assert page.evaluate("window.stays")
    assert page.get_attribute("html", "lang") == "en"
    page.click("#language")
    expect(page.locator("[data-primary]")).to_have_text("Cari surat")


def test_a_missing_finger_is_two_touches(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    page.click(".finger[data-position='8']")
    page.click("dialog button:has-text('Tidak ada (amputasi)')")
    expect(page.locator(".finger[data-position='8']")).to_have_class(re.compile("exception"))
    assert {"kind": "finger", "position": 8, "step": "fingers", "state": "exception", "reason": "missing"} in station.snapshot()["targets"]


def test_a_verdict_is_a_reason_and_a_fix_and_never_a_number(page: Page, station: ScriptedStation) -> None:
    station.to_step("face")
    station.bench.judge.verdicts[Target("face")] = [Opinion(passed=False, reason="face_dark", fix="face_dark_fix", score=0.123)]
    page.wait_for_selector("#stage[data-screen=face]")
    page.click("[data-primary]")
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("Terlalu gelap")
    assert not re.search(r"\d", verdict.inner_text())
    expect(page.locator("[data-primary]")).to_have_text("Coba lagi")
    check_screen(page, stage_share=0.4)


def test_the_best_of_three_with_a_reason(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    station.bench.judge.verdicts[Target("finger", 2)] = [Opinion(passed=False, reason="finger_dry", fix="finger_dry_fix")] * 3
    page.click("[data-primary]")
    page.click("[data-action=use_best]")
    page.click("dialog button:has-text('Tangan kasar')")
    page.wait_for_selector("#stage[data-screen=irises]")


def test_a_broken_device_says_what_to_do_and_can_be_passed_over(page: Page, station: ScriptedStation) -> None:
    station.to_step("irises")
    station.bench.presences["iris"].unplug()
    page.wait_for_selector("#stage[data-screen=irises]")
    page.click("[data-primary]")
    expect(page.locator(".verdict")).to_contain_text("Kamera iris tidak menjawab.")
    expect(page.locator(".verdict")).to_contain_text("jangan cabut kabel pitanya. Atau lanjut tanpa alat ini.")
    page.click("[data-action=skip_device]")
    page.wait_for_selector("#stage[data-screen=check]")
    expect(page.locator("[data-notice=device_broken]")).to_contain_text("Kamera iris bermasalah")


def test_the_preview_lives_and_is_seen_to_stop(page: Page, station: ScriptedStation) -> None:
    station.to_step("face")
    wait_until(lambda: page.evaluate("Number(document.querySelector('.preview')?.dataset.frames) > 3"), "pictures")
    assert not page.locator(".preview").evaluate("box => box.classList.contains('stale')")
    station.bench.presences["camera"].unplug()
    expect(page.locator(".preview .stopped")).to_be_visible()
    expect(page.locator(".preview .stopped")).to_have_text("Gambar berhenti")


def test_the_signature_is_drawn_live(browser: Browser, tmp_path: Path) -> None:
    with scripted(tmp_path, speed=10) as station:
        page = browser.new_page()
        page.goto(station.url)
        station.to_step("signature")
        page.wait_for_selector("canvas")
        page.click("[data-primary]")
        wait_until(lambda: page.evaluate("Number(document.querySelector('canvas')?.dataset.points) >= 10"), "the pen")
        page.close()


def test_nobody_sees_the_signature_of_the_person_before(page: Page, station: ScriptedStation) -> None:
    station.to_step("slip")
    station.do(finish)
    station.to_step("signature")
    page.wait_for_selector("canvas")
    assert station.bench.session.pen(0) == []
    page.wait_for_function("document.querySelector('canvas').dataset.points === '0'")


def test_no_paper_is_told_and_printed_again(page: Page, station: ScriptedStation) -> None:
    station.bench.bodies.fails["printer"] = [DeviceRefused("paper_out", "printer", "no paper", "Put paper in.")]
    station.to_step("slip")
    expect(page.locator("[data-notice=paper_out]")).to_contain_text("Kertas habis. Ganti kertas.")
    expect(page.locator(".tick")).to_contain_text("Tersimpan di stasiun")
    page.click("[data-primary]")
    expect(page.locator("[data-primary]")).to_have_text("Surat sudah dicap")


def test_a_retake_from_the_review(page: Page, station: ScriptedStation) -> None:
    station.to_step("review")
    page.click("[data-action=retake]")
    page.click("dialog button:has-text('wajah')")
    page.wait_for_selector("#stage[data-screen=face]")
    page.click("[data-action=keep]")
    page.wait_for_selector("#stage[data-screen=review]")


def test_abandoning_asks_for_a_reason(page: Page, station: ScriptedStation) -> None:
    station.to_step("face")
    page.click("#menu")
    page.click("dialog button:has-text('Batalkan perekaman ini')")
    page.click("dialog button:has-text('Salah orang')")
    page.wait_for_selector("#stage[data-screen=idle]")


def test_a_wrong_pin_is_said_plainly(page: Page) -> None:
    page.fill("[name=operator]", "ani")
    page.fill("[name=pin]", "999999")
    page.click("[data-primary]")
    expect(page.locator("[data-notice=wrong_pin]")).to_contain_text("ID petugas atau PIN salah.")
    assert page.input_value("[name=pin]") == ""


def test_after_a_power_cut_the_page_goes_on_at_the_same_step(browser: Browser, tmp_path: Path) -> None:
    with scripted(tmp_path) as before:
        before.to_step("fingers")
    with scripted(tmp_path) as after:
        page = browser.new_page()
        page.goto(after.url)
        page.wait_for_selector("#stage[data-screen=fingers]")
        expect(page.locator("[data-notice=power_was_out]")).to_have_text("Listrik sempat padam. Data aman. Lanjut: Sidik jari kanan.")
        expect(page.locator("#person")).to_contain_text("Nama tampil setelah petugas masuk")
        expect(page.locator("[data-primary]")).to_have_text("Rekam sidik jari")
        page.close()


def test_the_power_banner_is_on_every_screen(browser: Browser, tmp_path: Path) -> None:
    hooks = Hooks(power=lambda: BATTERY, link=lambda: {"connected": False})
    with scripted(tmp_path, hooks=hooks) as station:
        page = browser.new_page(viewport={"width": 800, "height": 480})
        page.goto(station.url)
        for step in (None, "letter", "data", "face", "signature", "fingers", "irises", "check", "review", "slip"):
            if step:
                station.to_step(step)
                page.wait_for_selector(f"#stage[data-screen={step}]")
            expect(page.locator("#status .power")).to_have_text("Pakai baterai. Cukup 40 menit (7 orang).")
            assert visible(page, "#status .power")[0]["width"] > 150
            expect(page.locator("#status")).to_contain_text("Tanpa internet. Data aman di stasiun ini.")
        page.close()


def test_a_station_that_goes_away_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    with scripted(tmp_path) as station:
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
    expect(page.locator("[data-notice=connection_lost]")).to_be_visible()
    page.close()


def test_a_station_in_safe_mode_is_seen_by_a_page_that_was_open(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    with scripted(tmp_path) as station:
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")

    async def serve() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                await safe_mode.serve("127.0.0.1", station.port, safe_mode.Told(["Hubungi teknisi."]).answer)

    loop = asyncio.new_event_loop()
    task = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(asyncio.wait({task}),), name="safe mode")
    thread.start()
    try:
        expect(page.locator("body")).to_contain_text("Hubungi teknisi.", timeout=15_000)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)
        loop.close()
        page.close()


def test_data_are_covered_when_nobody_is_there(page: Page, station: ScriptedStation) -> None:
    station.to_step("review")
    page.wait_for_selector("#stage[data-screen=review]")
    page.clock.install()
    page.reload()
    page.wait_for_selector("#stage[data-screen=review]")
    page.clock.fast_forward(62_000)
    expect(page.locator("#cover")).to_be_visible()
    expect(page.locator("#cover")).to_contain_text("Masih melanjutkan?")
    page.click("#cover button")
    page.clock.fast_forward(1_500)
    expect(page.locator("#cover")).to_be_hidden()
    assert station.snapshot()["step"] == "review"


def test_a_record_can_be_sent_first(page: Page, station: ScriptedStation) -> None:
    station.to_step("review")
    page.check("[name=urgent]")
    page.click("[data-primary]")
    page.wait_for_selector("#stage[data-screen=slip]")
    outbox = station.do(lambda bench: bench.worker.call(Store.outbox, 10))
    assert [item.urgent for item in outbox if item.kind == "record"] == [True]
