"""What an operator may look up at any time: power and genset, what was sent and refused, the devices; and the hints on live pictures."""

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.enrolment.hooks import Hooks
from edge.store.store import Store
from protocols.record import Receipt, encode_receipt
from protocols.sealing import RECEIPT_TYPE, sign1
from tests.browser.scripted import ScriptedStation, scripted
from tests.browser.staged import GENSET, POWER, stage
from tests.records import new_signer
from tests.unit.enrolment.desk import finish, log_in
from tests.unit.enrolment.fakes import STATION, DeskBench

pytestmark = pytest.mark.browser
BROKEN = {"id": "device_broken", "level": "warn"}


def test_power_is_said_as_source_minutes_and_people_before_the_log_in(page: Page, station: ScriptedStation) -> None:
    stage(page, station)
    expect(page.locator("#status .line")).to_have_text("Listrik PLN. Bila padam, baterai cukup 40 menit (7 orang).")
    stage(page, station, power={**POWER, "source": "genset", "sentence": {"id": "power_genset", "values": {}}})
    expect(page.locator("#status .line")).to_have_text("Pakai genset. Aman dipakai. Solar cukup 8,3 jam (124 orang).")
    stage(page, station, power={**POWER, "minutes": None, "people_left": None})
    expect(page.locator("#status .line")).to_have_text("Listrik PLN. Sisa baterai tidak diketahui.")
    stage(page, station, power={**POWER, "notices": [{"id": "ups_empty", "level": "warn", "values": {"name": "rekam"}}]})
    expect(page.locator("#status .line")).to_have_text("Listrik PLN. Bila padam, stasiun langsung berhenti.")


@pytest.mark.parametrize(
    ("plan", "button", "act"),
    [("idle", "Hidupkan genset", "start"), ("on_load", "Matikan genset", "stop"), ("locked", "Genset sudah diperiksa", "acknowledge")],
)
def test_the_genset_has_one_button(browser: Browser, tmp_path: Path, plan: str, button: str, act: str) -> None:
    acts: list[str] = []
    power = {**POWER, "genset": {**GENSET, "plan": plan}}
    with scripted(tmp_path, hooks=Hooks(power=lambda: power, genset=acts.append), others=("genset",)) as station:
        page = browser.new_page()
        station.do(log_in)
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
        page.click("#power")
        expect(page.locator("dialog .act")).to_have_count(1)
        expect(page.locator("dialog")).to_contain_text("Solar 64 %: kira-kira 8,3 jam, 124 orang.")
        page.click(f"dialog button:has-text('{button}')")
        station.wait(lambda _snapshot: acts == [act], "the genset to be told")
        page.close()


def test_a_second_tap_does_not_undo_the_first(browser: Browser, tmp_path: Path) -> None:
    acts: list[str] = []

    def power() -> dict[str, object]:
        return {**POWER, "genset": {**GENSET, "plan": "starting" if acts else "idle"}}

    with scripted(tmp_path, hooks=Hooks(power=power, genset=acts.append), others=("genset",)) as station:
        page = browser.new_page()
        station.do(log_in)
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
        page.click("#power")
        page.click("dialog button:has-text('Hidupkan genset')")
        page.click("dialog button:has-text('Matikan genset')")
        expect(page.locator("dialog [data-genset=starting]")).to_be_visible()
        assert acts == ["start"]
        page.close()


def test_a_due_service_has_its_button_for_who_has_logged_in(browser: Browser, tmp_path: Path) -> None:
    acts: list[str] = []
    power = {**POWER, "genset": {**GENSET, "service_in_h": -13.0, "service_due": True}}
    with scripted(tmp_path, hooks=Hooks(power=lambda: power, genset=acts.append), others=("genset",)) as station:
        page = browser.new_page()
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
        page.click("#power")
        expect(page.locator("dialog .act")).to_have_count(0)
        expect(page.locator("dialog")).to_contain_text("Genset hanya dihidupkan oleh petugas.")
        station.do(log_in)
        page.click("dialog button:has-text('Genset sudah diservis')")
        station.wait(lambda _snapshot: acts == ["serviced"], "the genset to be told")
        page.close()


def test_whoever_sees_a_danger_may_stop_it_and_reads_what_was_done_by_hand(browser: Browser, tmp_path: Path) -> None:
    acts: list[str] = []
    power = {**POWER, "genset": {**GENSET, "plan": "on_load", "code": "genset_safe", "hand": "genset_by_hand", "hand_minutes": 60}}
    with scripted(tmp_path, hooks=Hooks(power=lambda: power, genset=acts.append), others=("genset",)) as station:
        page = browser.new_page()
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
        page.click("#power")
        expect(page.locator("dialog")).to_contain_text("Mati sendiri bila listrik PLN baik selama 60 menit lagi.")
        page.click("dialog button:has-text('Matikan genset')")
        station.wait(lambda _snapshot: acts == ["stop"], "the genset to be told")
        page.close()


def test_a_locked_genset_says_what_to_look_at(page: Page, station: ScriptedStation) -> None:
    stage(page, station, power={**POWER, "genset": {**GENSET, "plan": "locked", "code": "genset_did_not_start", "alarms": ["fail_to_start"]}})
    page.click("#power")
    expect(page.locator("dialog [data-genset=locked]")).to_contain_text("Genset tidak mau hidup.")
    expect(page.locator("dialog .look li")).to_have_count(4)
    expect(page.locator("dialog .look")).to_contain_text("aki genset")


def test_the_open_panel_follows_the_station(browser: Browser, tmp_path: Path) -> None:
    power = {**POWER}
    with scripted(tmp_path, hooks=Hooks(power=lambda: {**power}), others=("genset",)) as station:
        page = browser.new_page()
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
        page.click("#power")
        page.focus("dialog [data-action=back]")
        power["genset"] = {**GENSET, "plan": "starting", "code": "genset_starting"}
        expect(page.locator("dialog [data-genset=starting]")).to_contain_text("Genset dihidupkan.")
        assert page.evaluate("document.activeElement.dataset.action") == "back"
        page.close()


def quarantined(sequence: int, envelope: bytes, record_id: bytes) -> tuple[Receipt, bytes]:
    receipt = Receipt(
        district="poso", station=STATION, record_id=record_id, sequence=sequence, manifest_sha256=hashlib.sha256(envelope).digest(),
        outcome="quarantined", reason="fork", district_sequence=1, wall_s=1_790_000_000, head=bytes(32),
    )
    return receipt, sign1(encode_receipt(receipt), new_signer(), RECEIPT_TYPE)


def test_a_record_that_the_office_holds_is_named_with_what_to_do(page: Page, station: ScriptedStation) -> None:
    station.to_step("slip")

    async def held(bench: DeskBench) -> None:
        await finish(bench)
        item = next(item for item in await bench.worker.call(Store.outbox, 9) if item.kind == "record")
        assert item.record_id is not None
        envelope = await bench.worker.call(Store.envelope, item.sequence)
        receipt, signed = quarantined(item.sequence, envelope, item.record_id)
        await bench.worker.call(Store.mark_received, receipt, signed)

    station.do(held)
    expect(page.locator("[data-card=sending]")).to_contain_text("1 ditahan Dinas")
    page.click("[data-card=sending]")
    register = station.snapshot()["queue"]["held"][0]["register"]
    expect(page.locator("dialog")).to_contain_text(f"{register} ditahan untuk diperiksa. Nomornya sudah dipakai rekaman lain")
    assert register.startswith(f"{STATION}-")
    expect(page.locator("dialog")).to_contain_text("Telepon Dinas")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"policy": 0}, "Dinas belum mengirim kebijakan"),
        ({"policy": 4, "online_only": True}, "nomor 4 berlaku: warga berikutnya hanya boleh saat tersambung"),
    ],
)
def test_the_policy_in_force_is_told(page: Page, station: ScriptedStation, link: dict[str, object], words: str) -> None:
    stage(page, station, link={"connected": True, **link})
    page.click("#menu")
    page.click("dialog [data-action=sending]")
    expect(page.locator("dialog")).to_contain_text(words)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"sending": "small"}, "foto dan sidik jari dikirim setelah listrik baik lagi"),
        ({"dates": "unchecked"}, "Jam stasiun belum pasti, jadi masa berlaku sertifikat Dinas belum diperiksa"),
        ({"connected": False, "dates": "refused"}, "Telepon Dinas; sementara itu kirim dengan flashdisk"),
    ],
)
def test_what_holds_the_sending_back_is_told(page: Page, station: ScriptedStation, link: dict[str, object], words: str) -> None:
    stage(page, station, link={"connected": True, "policy": 0, **link}, queue={"saved": 3, "waiting": 2, "received": 1, "refused": 0, "held": []})
    page.click("#menu")
    page.click("dialog [data-action=sending]")
    expect(page.locator("dialog")).to_contain_text(words)


def test_a_broken_device_has_its_next_step_in_the_list(page: Page, station: ScriptedStation) -> None:
    station.bench.presences["iris"].unplug()
    page.click("#menu")
    page.click("dialog [data-action=devices]")
    expect(page.locator("dialog .devices .warn")).to_contain_text("Kamera iris: tidak ditemukan")
    expect(page.locator("dialog .devices .warn")).to_contain_text("Alat tidak tersambung. Periksa kabel dan listriknya.")
    expect(page.locator("dialog .devices li")).to_have_count(5)


def test_many_notices_leave_room_and_the_gravest_is_first(page: Page, station: ScriptedStation) -> None:
    station.to_step("face")
    page.set_viewport_size({"width": 800, "height": 480})
    notices = [{**BROKEN, "values": {"device": name}} for name in ("printer", "tablet", "iris")]
    stage(page, station, notices=notices, power={**POWER, "notices": [{"id": "genset_died", "level": "alarm", "values": {}}]})
    expect(page.locator("#notices p")).to_have_count(2)
    expect(page.locator("#notices p").first).to_contain_text("Genset mati sendiri.")
    page.click("[data-action=notices]")
    expect(page.locator("dialog .notices p")).to_have_count(4)


def test_live_hints_lie_on_the_picture_and_are_no_verdict(page: Page, station: ScriptedStation) -> None:
    station.to_step("face")
    stage(page, station, live={"source": "camera", "id": "face_far", "fix": "face_far_fix", "good": False}, automatic=True)
    expect(page.locator(".preview .live")).to_have_text("Maju sedikit.")
    expect(page.locator(".verdict")).to_have_count(0)
    expect(page.locator("#panel")).to_contain_text("Diambil sendiri")
    stage(page, station, live={"source": "iris", "id": "iris_far", "fix": "iris_far_fix", "good": False})
    expect(page.locator(".preview .live")).to_be_hidden()


def test_people_who_wait_are_told_to_the_station(browser: Browser, tmp_path: Path) -> None:
    told: list[int] = []
    with scripted(tmp_path, hooks=Hooks(power=lambda: POWER, waiting=told.append)) as station:
        page = browser.new_page()
        page.goto(station.url)
        page.wait_for_selector("#stage[data-screen]")
        station.to_step("slip")
        station.do(finish)
        expect(page.locator("[name=waiting]")).to_have_value("23")
        page.click(".counters > :last-child button[aria-label='+1']")
        station.wait(lambda _snapshot: told == [24], "the number of people who wait")
        page.close()
