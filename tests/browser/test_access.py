"""For everybody: axe-core on every screen in both languages, and one person recorded by keyboard alone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.scripted import ScriptedStation
from tests.browser.staged import GENSET, POWER, stage
from tests.unit.enrolment.fakes import PIN
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SCREENS = ["letter", "data", "face", "signature", "fingers", "irises", "check", "review", "slip"]
SPOKEN = "place => { const e = document.querySelector(place); return e.ariaLive ?? e.getAttribute('role'); }"
OUTLINE = "() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 3; }"


def test_log_in_has_names_contrast_and_order(page: Page) -> None:
    assert violations(page) == []


def test_every_screen_has_names_contrast_and_order(page: Page, station: ScriptedStation) -> None:
    found = {}
    for step in SCREENS:
        station.to_step(step)
        page.wait_for_selector(f"#stage[data-screen={step}]")
        for language in ("en", "id"):
            page.click("#language")
            expect(page.locator("html")).to_have_attribute("lang", language)
            found[step, language] = violations(page)
    assert not {where: broken for where, broken in found.items() if broken}


def test_trouble_has_names_contrast_and_order(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    targets = station.snapshot()["targets"]
    for target, state in zip([each for each in targets if each["kind"] == "finger"], ("done", "saving", "now", "exception"), strict=False):
        target["state"] = state
    verdict = {"reason": "finger_dry", "fix": "finger_dry_fix", "target": {"kind": "finger", "position": 2}, "device": None}
    live = {"source": "fingerprint", "id": "finger_missing", "fix": "", "good": False}
    alarms = [{"id": name, "level": level, "values": {}} for name, level in (("genset_died", "alarm"), ("mains_flicker", "warn"), ("genset_testing", "info"))]
    stage(page, station, targets=targets, verdict=verdict, attempts=3, live=live, power={**POWER, "notices": alarms})
    assert violations(page) == []


@pytest.mark.parametrize("panel", ["power", "sending", "devices"])
def test_every_panel_has_names_contrast_and_order(page: Page, station: ScriptedStation, panel: str) -> None:
    broken = {"camera": {"state": "absent", "code": "port_absent"}, "tablet": {"state": "ready", "code": None}}
    genset = {**GENSET, "plan": "locked", "code": "genset_did_not_start"}
    queue = {"saved": 9, "waiting": 3, "received": 4, "refused": 2, "held": [{"register": "a-1", "outcome": "rejected", "reason": "too_large"}]}
    stage(page, station, devices=broken, queue=queue, power={**POWER, "genset": genset})
    page.click("#menu")
    assert violations(page) == []
    page.click(f"dialog [data-action={panel}]")
    assert violations(page) == []


def press_until(page: Page, key: str, there: Callable[[], bool], what: str) -> None:
    for _ in range(40):
        if there():
            return
        page.keyboard.press(key)
    raise AssertionError(f"{what} is not reached by {key}")


def test_one_person_by_keyboard_alone(page: Page, station: ScriptedStation) -> None:
    def go_on(screen: str) -> None:
        """Enter is the one action that goes on; the page waits as long as a palm rests."""

        def arrived() -> bool:
            there = bool(page.evaluate("name => document.getElementById('stage').dataset.screen === name", screen))
            if not there:
                page.keyboard.press("Enter")
            return there

        wait_until(arrived, f"the screen {screen}")

    page.keyboard.type("ani")
    page.keyboard.press("Tab")
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    page.wait_for_selector("#stage[data-screen=idle]")
    go_on("letter")
    page.keyboard.type("SP-1001")
    for screen in ("data", "face", "signature", "fingers", "irises", "check", "review", "slip", "idle"):
        go_on(screen)
    station.wait(lambda snapshot: snapshot["queue"]["saved"] == 1, "the record")


def test_a_missing_finger_by_keyboard_with_the_focus_in_sight(page: Page, station: ScriptedStation) -> None:
    station.to_step("fingers")
    page.wait_for_selector(".finger.now")
    press_until(page, "Shift+Tab", lambda: page.evaluate("document.activeElement.dataset.position") == "8", "the finger")
    assert page.evaluate(OUTLINE)
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_be_visible()
    expect(page.locator(".finger[data-position='8']")).to_have_attribute("aria-label", "jari tengah kiri: belum")
    assert page.evaluate(OUTLINE)
    page.keyboard.press("Enter")
    expect(page.locator(".finger[data-position='8']")).to_have_attribute("aria-label", "jari tengah kiri: Tidak ada (amputasi)")
    page.click("#menu")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


def test_verdicts_are_spoken_and_power_too(page: Page) -> None:
    for place in ("#panel", "#notices", "#status"):
        assert page.evaluate(SPOKEN, place) in ("polite", "status")
