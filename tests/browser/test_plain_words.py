"""What an operator with little training would trip over: words that mislead, data out of sight, news that is old."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.scripted import ScriptedStation
from tests.browser.staged import GENSET, POWER, stage

pytestmark = pytest.mark.browser
CUT_OFF = """place => [...document.querySelectorAll(place)].filter(one => {
  const box = one.getBoundingClientRect(), stage = document.getElementById("stage").getBoundingClientRect();
  return box.bottom > stage.bottom + 1 || box.right > stage.right + 1 || one.scrollWidth > one.clientWidth + 1; }).map(one => one.outerHTML)"""
NO_ANSWER = {"id": "ups_no_news", "level": "warn", "values": {"name": "rekam", "seconds": 40}}


def test_nobody_is_told_to_unplug_the_ups_or_a_camera(page: Page, station: ScriptedStation) -> None:
    away = {"state": "faulted", "code": None}
    broken = [{"id": "device_broken", "level": "warn", "values": {"device": name}} for name in ("ups-rekam", "camera")]
    stage(page, station, devices={"ups-rekam": away, "camera": away, "printer": away}, notices=broken)
    expect(page.locator("#notices")).to_contain_text("Baterai (UPS) rekam bermasalah. Periksa kabel datanya. Jangan cabut kabel listriknya.")
    expect(page.locator("#notices")).to_contain_text("Kamera bermasalah. Dicoba lagi sendiri; jangan cabut kabel pitanya.")
    page.click("#menu")
    page.click("dialog [data-action=devices]")
    listed = page.locator("dialog .devices .warn")
    expect(listed.nth(0)).to_contain_text("Jangan cabut kabel listriknya.")
    expect(listed.nth(1)).to_contain_text("jangan cabut kabel pitanya.")
    expect(listed.nth(2)).to_contain_text("Cabut, tunggu 5 detik, pasang lagi.")


def test_one_trouble_has_one_line(page: Page, station: ScriptedStation) -> None:
    broken = {"id": "device_broken", "level": "warn", "values": {"device": "ups-rekam"}}
    stage(page, station, notices=[broken], power={**POWER, "notices": [NO_ANSWER]})
    expect(page.locator("#notices p")).to_have_count(1)
    expect(page.locator("#notices p")).to_contain_text("UPS rekam tidak memberi kabar")


@pytest.mark.parametrize(("width", "height"), [(1024, 600), (800, 480)])
def test_a_small_screen_shows_all_data_that_are_compared_and_agreed_to(page: Page, station: ScriptedStation, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    station.to_step("data")
    page.wait_for_selector("#stage[data-screen=data]")
    assert page.evaluate(CUT_OFF, "#stage input, #stage select, #stage label") == []
    station.to_step("review")
    whole = {**station.snapshot()["person"], "religion": "Islam", "marital_status": "Kawin", "occupation": "Petani"}
    stage(page, station, person=whole)
    expect(page.locator(".review dd")).to_have_count(9)
    assert page.evaluate(CUT_OFF, ".review dt, .review dd, .taken span, .tickbox") == []


def test_every_exception_can_be_reached_in_the_review(page: Page, station: ScriptedStation) -> None:
    page.set_viewport_size({"width": 720, "height": 1280})
    station.to_step("review")
    targets = station.snapshot()["targets"]
    for target in targets:
        if target["kind"] in ("finger", "iris"):
            target.update(state="exception", reason="device_unavailable")
    stage(page, station, targets=targets)
    last = page.locator(".taken span").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    box, below = last.bounding_box(), page.locator(".tickbox").bounding_box()
    assert box is not None
    assert below is not None
    assert box["y"] + box["height"] <= below["y"], "nothing of it lies under what follows"
    nik, tools = page.locator("#person .nik").bounding_box(), page.locator("#tools").bounding_box()
    assert nik is not None
    assert tools is not None
    assert nik["x"] + nik["width"] <= tools["x"], "the NIK is not under the buttons"


def test_the_button_comes_before_the_finger(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    expect(page.locator("[data-instruction]")).to_have_text("Tekan “Rekam sidik jari”, lalu tempelkan telunjuk kanan di alat.")
    stage(page, station, activity="capturing", hint="place", primary=None)
    expect(page.locator("[data-instruction]")).to_have_text("Tempelkan telunjuk kanan di alat.")


def test_a_sensor_that_is_away_sees_nothing(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    waiting = {"source": "fingerprint", "id": "finger_waiting", "fix": "", "good": False}
    stage(page, station, live=waiting)
    expect(page.locator(".live")).to_be_visible()
    stage(page, station, live=waiting, devices={"fingerprint": {"state": "faulted", "code": "bad_answer"}})
    expect(page.locator(".live")).to_be_hidden()


def test_what_the_exception_photo_has_to_show_is_named(page: Page, station: ScriptedStation) -> None:
    station.to_step("check")
    targets = station.snapshot()["targets"]
    for target in targets:
        if target["kind"] == "finger" and target["position"] in (1, 8):
            target.update(state="exception", reason="missing" if target["position"] == 8 else "device_unavailable")
    stage(page, station, targets=targets, target={"kind": "exception_photo", "position": 0})
    expect(page.locator("[data-instruction]")).to_have_text("Foto bagian yang tidak bisa direkam: jari tengah kiri.")


def test_a_finger_that_was_checked_is_told_from_the_recorded_one(page: Page, station: ScriptedStation) -> None:
    station.to_step("review")
    page.click("[data-action=retake]")
    expect(page.locator("dialog button:text-is('Telunjuk kanan')")).to_have_count(1)
    expect(page.locator("dialog button:text-is('Periksa: telunjuk kanan')")).to_have_count(1)


def test_the_genset_raises_its_alarm_in_words(page: Page, station: ScriptedStation) -> None:
    told = {"id": "genset_alarm", "level": "alarm", "values": {"alarms": "low_oil_pressure, made_up_alarm"}}
    locked = {**GENSET, "plan": "locked", "code": "genset_alarm", "alarms": ["low_oil_pressure"]}
    stage(page, station, power={**POWER, "notices": [told], "genset": locked})
    expect(page.locator("#notices")).to_contain_text("Genset memberi tanda bahaya (tekanan oli rendah, made up alarm).")
    page.click("#power")
    expect(page.locator("dialog [data-genset=locked]")).to_contain_text("(tekanan oli rendah)")


def test_the_page_waits_for_a_station_that_is_starting(page: Page, station: ScriptedStation) -> None:
    refused: list[str] = []

    def once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    page.route("**/api/texts/*", once)
    page.goto(station.url)
    expect(page.locator("[data-instruction]")).to_have_text("Masuk dengan ID petugas dan PIN.")
    assert refused


def test_old_news_and_buttons_are_not_offered_when_the_station_is_gone(page: Page, station: ScriptedStation) -> None:
    expect(page.locator("#status")).to_be_visible()
    page.route("**/api/stream", lambda route: route.abort())
    page.reload()
    expect(page.locator("[data-notice=connection_lost]")).to_contain_text("mungkin sedang dimulai lagi")
    expect(page.locator("#status")).to_be_hidden()
    assert page.evaluate("document.querySelector('footer').inert")
    page.unroute("**/api/stream")
    expect(page.locator("#status")).to_be_visible()
    assert not page.evaluate("document.querySelector('footer').inert")


def test_a_stop_that_was_told_is_no_alarm(page: Page, station: ScriptedStation) -> None:
    page.clock.install()
    with page.expect_event("requestfinished", lambda request: "stream" in request.url):
        stage(page, station, phase="stopping", primary=None)
    page.clock.fast_forward(3_000)  # the line ended after its one snapshot
    expect(page.locator("[data-notice=connection_lost]")).to_have_count(0)
    expect(page.locator(".tick")).to_contain_text("Bila listrik kembali, stasiun menyala sendiri")
    stage(page, station, phase="stopping", primary=None, power={**POWER, "sentence": {"id": "power_stopping_asked", "values": {}}})
    expect(page.locator(".tick")).to_contain_text("Sesudah itu cabut listriknya")
