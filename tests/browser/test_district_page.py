"""The district's page as a clerk sees it, over a real store with real signed entries."""

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from district import view
from district.app import EQUIPMENT
from district.store import DistrictStore
from district.web import make_page
from protocols.record import LedgerEvent, encode_event
from simulators.signing_station import NOW_S, SigningStation
from tests.browser.axe import violations
from tests.records import KnownStations, StillClock, new_signer, new_station
from tests.waiting import wait_until

pytestmark = pytest.mark.browser
POWER_DAY = {
    "day": "2026-11-20", "outages": 4, "outage_s": 9300, "dark_s": 1500, "genset_s": 4800, "low_voltage_s": 600, "lowest_v": 171, "highest_v": 240,
    "energy_wh": 660, "people": 22, "unplanned_stops": 1, "orderly_stops": 0,
}


def tell(store: DistrictStore, station: SigningStation, event: str, **detail: Any) -> None:
    made = LedgerEvent(header=station.header("event"), event=event, detail=detail)
    store.accept_entry("s-1", station.sign(encode_event(made)))


def deliver(store: DistrictStore, station: SigningStation, **changes: Any) -> None:
    made = station.record(**changes)
    store.accept_entry("s-1", made.envelope)
    for index in range(len(made.parts)):
        store.write_chunk("s-1", made.record_id, index, 0, made.parts[index])
    store.flush()


def eventful(store: DistrictStore, station: SigningStation) -> None:
    """A good record, a card that was copied, a number that never came, a broken camera, a mended printer, a day's power."""
    deliver(store, station)
    copied = station.copy()
    deliver(store, station)
    deliver(store, copied)
    station.event()
    for event, device, code in (("fault", "printer", "paper_out"), ("repaired", "printer", "ready"), ("fault", "camera", "camera_absent")):
        tell(store, station, event, device=device, code=code)
    tell(store, station, "equipment", device="printer", maker="REKAM", model="SIM-80", serial="P0001")
    tell(store, station, "maintained", device="printer", act="repair", what="knife cleaned")
    tell(store, station, "power_day", **POWER_DAY)
    store.flush()


def answers(store: DistrictStore) -> Mapping[str, Callable[[Mapping[str, str]], Any]]:
    """As the program gives them, without its threads and its health."""
    rest = {"health": None, "health_age_s": None, "alive": True, "policy": 0, "people": 200}
    found: dict[str, Callable[[Mapping[str, str]], Any]] = {
        "summary": lambda query: {"name": "Poso", "now_s": NOW_S, "link": {"broker": "b", "connected": True}, **view.summary(store.connection, NOW_S)},
        "records": lambda query: view.records(store.connection, int(query["limit"]), None, query["state"]),
        "stations": lambda query: [{**row, **rest} for row in view.stations(store.connection, ["s-1"])],
        "events": lambda query: view.events(store.connection),
        "equipment": lambda query: view.events(store.connection, EQUIPMENT),
        "power": lambda query: view.power_days(store.connection),
        "alarms": lambda query: view.alarms(store.connection),
    }
    return {name: partial(_soon, ask) for name, ask in found.items()}


async def _soon(ask: Callable[[Mapping[str, str]], Any], query: Mapping[str, str]) -> Any:
    return msgspec.to_builtins(ask(query))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ready = threading.Event()
    server = uvicorn.Server(uvicorn.Config("", port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=0))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]

    def run() -> None:
        station = new_station()
        keys = KnownStations({"s-1": station.key.public_key()})
        store = DistrictStore.open(tmp_path_factory.mktemp("district"), keys, new_signer(), "poso", StillClock())
        eventful(store, station)
        server.config.app = make_page(answers(store))
        ready.set()
        server.run()
        store.close()

    thread = threading.Thread(target=run, name="district page")
    thread.start()
    assert ready.wait(20)
    wait_until(lambda: server.started, "the district's page")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def clerk(browser: Browser, served: str) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800}, locale="id-ID")
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(served)
    opened.wait_for_selector("#tiles dd")
    yield opened
    opened.close()
    assert errors == []


def rows(page: Page, section: str) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(f"#{section} tbody tr").all_inner_texts()]


def test_a_clerk_sees_what_is_here_what_is_missing_and_what_is_held(clerk: Page) -> None:
    expect(clerk.locator("#tiles .bad").first).to_contain_text("Karantina dan ditolak")
    (station,) = rows(clerk, "stations")
    assert "1 % (2 dari 200 orang)" in station
    expect(clerk.locator("#alarms li", has_text="Nomor dipakai dua kali")).to_have_count(1)
    assert len(rows(clerk, "records")) == 3
    clerk.click("[data-state=held]")
    expect(clerk.locator("#records tbody tr")).to_have_count(1)
    expect(clerk.locator("#records tbody tr")).to_contain_text("petugas kabupaten memutuskan")


def test_devices_by_their_last_word(clerk: Page) -> None:
    broken, mended = rows(clerk, "devices")
    assert "kamera Belum pulih Kamera tidak ditemukan. Periksa kabel pitanya saat stasiun mati." in broken
    assert "pencetak SIM-80 P0001 Siap lagi Kertas habis." in mended
    assert "diperbaiki" in mended, "and what an installer did"


def test_power_of_each_day(clerk: Page) -> None:
    (day,) = rows(clerk, "power")
    for words in ("Jum, 20 Nov", "2 jam 35 mnt", "stasiun mati 25 mnt", "1 jam 20 mnt", "171–240 V", "rendah 10 mnt", "30 Wh per orang", "1 kali mendadak"):
        assert words in day


def test_english_without_reload_and_readable_by_everybody(clerk: Page) -> None:
    assert violations(clerk) == []
    clerk.click("#language")
    expect(clerk.locator("#stations h2")).to_have_text("Stations")
    assert violations(clerk) == []
    clerk.emulate_media(color_scheme="dark")
    assert violations(clerk) == []
    clerk.click("#language")


def test_what_was_numbered_and_never_came_is_shown(clerk: Page) -> None:
    (station,) = rows(clerk, "stations")
    assert "3" in station.split("1 % (2 dari 200 orang)")[1]
