"""Screens that are hard to come by: the page is given snapshots of a real station with a few fields changed."""

import json
from typing import Any

from playwright.sync_api import Page, Route

from tests.browser.scripted import ScriptedStation

GENSET: dict[str, Any] = {
    "plan": "idle", "code": "genset_ready", "volts": None, "hz": None, "fuel_percent": 64.0, "fuel_hours": 8.3, "fuel_people": 124, "service_in_h": 120.5,
    "alarms": [], "failures": 0, "age_s": 1.0, "test_in_days": 3,
}
POWER: dict[str, Any] = {
    "state": "normal", "source": "mains", "minutes": 40, "minutes_low": 31, "minutes_high": 49, "people_left": 7, "learnt": True, "waiting": 23,
    "clock": "rtc", "sentence": {"id": "power_mains", "values": {}}, "notices": [], "screen_percent": 100, "lamp_percent": 100, "genset": GENSET,
}


def stage(page: Page, station: ScriptedStation, **changes: Any) -> None:
    """Open the page on the station's snapshot with these fields replaced."""
    told = {**station.snapshot(), "power": POWER, **changes}
    body = f"retry: 60000\n\ndata: {json.dumps(told)}\n\n"

    def answer(route: Route) -> None:
        route.fulfill(body=body, content_type="text/event-stream")

    page.unroute("**/api/stream")
    page.route("**/api/stream", answer)
    page.goto(station.url)
    page.wait_for_selector("#stage[data-screen]")
