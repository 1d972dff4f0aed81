"""Chromium of the system, driven by playwright; the tests are skipped where it is not installed.

Playwright keeps an event loop running in the test thread, so it is stopped with each module.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.scripted import ScriptedStation, scripted

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 30_000
"""a busy machine is slow and not wrong"""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[ScriptedStation]:
    with scripted(tmp_path) as running:
        yield running


@pytest.fixture
def page(browser: Browser, station: ScriptedStation) -> Iterator[Page]:
    """The operator page, open, at 1280 x 800; fails on any error in its scripts."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True, locale="id-ID", timezone_id="Asia/Jakarta")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(station.url)
    opened.wait_for_selector("#stage[data-screen]")
    yield opened
    context.close()
    assert errors == []
