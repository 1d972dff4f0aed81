"""The small parts that join the station: what the district hears of a flapping plug, what the health document holds."""

import json
from typing import Any

import msgspec

from edge import health
from edge.changes import changed_tables
from edge.devices.interfaces import BoardStatus
from edge.devices.presence import PresenceChange
from edge.errors import DeviceAbsent
from edge.news import AN_HOUR, LATCHED, BoardNews, DeviceNews
from protocols import board_link
from station_config.load import load_texts
from station_config.schema import Broker, Keys, Station, StationConfig


class Hours:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return 0.0

    def trust(self) -> str:
        return "none"

    async def sleep_s(self, seconds: float) -> None:
        raise NotImplementedError


def gone(wire: str = "") -> PresenceChange:
    error = DeviceAbsent("port_absent", "tablet", "not there", "Plug it in.", wire=wire)
    return PresenceChange("tablet", "absent", "port_absent", error, None)


BACK = PresenceChange("tablet", "ready", None, None, None)


def test_a_fault_and_its_repair_are_told_once() -> None:
    news = DeviceNews(Hours())
    assert news.event(gone("aa " * 200)) == ("fault", {"device": "tablet", "code": "port_absent", "wire": ("aa " * 200)[-200:]})
    assert news.event(gone()) is None
    assert news.event(BACK) == ("repaired", {"device": "tablet", "code": "ready"})
    assert news.event(BACK) is None


def test_a_loose_plug_is_counted_and_not_told_for_ever() -> None:
    clock = Hours()
    news = DeviceNews(clock)
    told = [news.event(change) for _ in range(1000) for change in (gone(), BACK)]
    assert sum(event is not None for event in told) == AN_HOUR
    clock.now_s = 3601
    event = news.event(gone())
    assert event is not None
    assert event[1]["left_out"] == 2000 - AN_HOUR


def test_a_plug_that_was_loose_and_then_stays_out_is_told_as_soon_as_there_is_room() -> None:
    clock = Hours()
    news = DeviceNews(clock)
    for _ in range(AN_HOUR // 2):
        news.event(gone())
        news.event(BACK)
    assert news.event(gone()) is None
    assert news.event(gone()) is None  # each further try to open it
    clock.now_s = 3601
    event = news.event(gone())
    assert event == ("fault", {"device": "tablet", "code": "port_absent", "left_out": 1}), "or the district takes a dead device for a repaired one"


def says(*faults: str) -> BoardStatus:
    return BoardStatus(True, True, False, "idle", False, "tamper" in faults, None, None, 0, faults)


def test_what_the_board_has_latched_is_told_once_and_once_more_when_it_is_cleared() -> None:
    news = BoardNews()

    def heard(*faults: str) -> tuple[list[str], bool]:
        new, cleared = news.heard(says(*faults))
        return [error.code for error in new], cleared

    assert heard() == ([], False)
    assert heard("tamper", "genset_lockout") == (["box_open"], False)
    assert heard("tamper") == ([], False)
    assert heard("tamper", "light_dead", "task_failed") == (["light_dead", "board_failed"], False)
    assert heard("light_dead") == ([], False)
    assert heard() == ([], True)
    assert heard() == ([], False)
    assert heard("light_dead") == (["light_dead"], False)


def test_every_latched_fault_of_the_board_has_its_sentences() -> None:
    assert set(LATCHED) | {"genset_lockout", "genset_will_not_stop", "genset_alarm"} == set(board_link.FAULTS)
    for texts in load_texts().values():
        assert {code for code, _, _ in LATCHED.values()} <= set(texts)


def test_a_device_that_only_delivers_a_picture_draws_no_page_anew() -> None:
    news = DeviceNews(Hours())
    busy = PresenceChange("tablet", "busy", None, None, None)
    assert [news.shown(change) for change in (BACK, busy, BACK, busy, gone(), gone(), BACK)] == [True, False, False, False, True, False, True]


def test_the_health_document_of_a_full_station_stays_under_a_kilobyte() -> None:
    names = ("camera", "iris", "fingerprint", "tablet", "printer", "board", "gpio", "genset", "ups-main", "ups-second")
    snapshot: dict[str, Any] = {
        "phase": "enrolling", "enrolments_left": 12_345, "devices": {name: {"state": "ready", "code": "frame_wrong_size"} for name in names},
        "queue": {"saved": 99_999, "waiting": 99_999, "received": 99_999, "refused": 99_999}, "person": {"name": "Siti Rahmawati", "nik": "7201056311729230"},
    }
    power = {"source": "battery", "minutes": 1234, "people_left": 123, "state": "finish_only"}
    days = {"2026-11-20": [12, 12_345, 12_345, 12_345, 150], "2026-11-21": [12, 12_345, 12_345, 12_345, 150]}
    text = json.dumps(health.document("kecamatan-poso-kota-selatan-01", 99_999, 9e6, 2e9, "district", "0.1.0", snapshot, power, days))
    assert len(text) < 1000
    assert "Siti" not in text
    assert "7201056311729230" not in text


def test_the_district_hears_which_tables_of_the_configuration_changed_and_nothing_of_their_content() -> None:
    keys = Keys(station_key="k", station_certificate="c", district_certificate="d", audience_intake="i", audience_vault="v")
    config = StationConfig(station=Station(id="s-1"), keys=keys, broker=Broker(password="secret"))
    names, kept = changed_tables(config, None)
    assert {"station", "keys", "broker", "devices", "power"} <= set(names)
    assert changed_tables(config, kept) == ((), kept)
    other = msgspec.structs.replace(config, broker=Broker(password="other"))
    assert changed_tables(other, kept)[0] == ("broker",)
    assert b"secret" not in kept
