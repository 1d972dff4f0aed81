"""What the page shows of records, stations and their health."""


import pytest

from district import view
from district.health import DOCUMENT_BYTES_MAX, STATIONS_MAX, Health
from district.store import DistrictStore
from protocols.record import LedgerEvent, encode_event
from simulators.signing_station import NOW_S, SigningStation
from tests.records import StillClock


def deliver(store: DistrictStore, station: SigningStation, parts: int = 4) -> None:
    made = station.record()
    store.accept_entry("s-1", made.envelope)
    for index in range(parts):
        store.write_chunk("s-1", made.record_id, index, 0, made.parts[index])
    store.flush()


def test_summary_records_and_stations(store: DistrictStore, station: SigningStation) -> None:
    old = station.copy()
    deliver(store, station)
    deliver(store, station, parts=2)
    store.accept_entry("s-1", old.event())
    station.event()
    store.accept_entry("s-1", station.event("fault"))
    store.flush()
    counts = view.summary(store.connection, NOW_S)
    assert counts == {"stored": 1, "quarantined": 0, "rejected": 0, "waiting": 1, "today": 1, "alarms": 2, "receipts": 3}
    newest, first = view.records(store.connection)
    assert (first["register"], first["state"], first["bytes"] == first["bytes_here"]) == ("s-1-1", "stored", True)
    assert (newest["state"], newest["bytes_here"] * 2) == ("waiting", newest["bytes"])
    assert view.records(store.connection, before=newest["number"]) == [first]
    (row, other) = view.stations(store.connection, ["s-1", "s-2"])
    assert (row["stored"], row["waiting"], row["quarantined"], row["missing"], row["last_sequence"]) == (1, 1, 1, [[3, 3]], 4)
    assert (other["certified"], other["last_entry_s"], other["stored"]) == (True, None, 0)
    assert [(event["event"], event["sequence"]) for event in view.events(store.connection)] == [("fault", 4), ("boot", 1)]


def test_records_by_state_and_events_by_name(store: DistrictStore, station: SigningStation) -> None:
    deliver(store, station)
    deliver(store, station, parts=2)
    for name in ("boot", "fault", "login"):
        store.accept_entry("s-1", station.event(name))
    store.flush()
    assert [row["state"] for row in view.records(store.connection, state="waiting")] == ["waiting"]
    assert [row["state"] for row in view.records(store.connection, state="stored")] == ["stored"]
    assert view.records(store.connection, state="held") == []
    with pytest.raises(ValueError, match="all, stored, waiting, held"):
        view.records(store.connection, state="1; DROP TABLE entries")
    assert [event["event"] for event in view.events(store.connection, ("fault", "boot"))] == ["fault", "boot"]
    assert [event["event"] for event in view.events(store.connection, ("fault", "boot"), limit=1)] == ["fault"]


def test_power_by_day_newest_first_and_once_a_day(store: DistrictStore, station: SigningStation) -> None:
    for day, outages in (("2026-11-19", 1), ("2026-11-20", 2), ("2026-11-20", 3)):
        event = LedgerEvent(header=station.header("event"), event="power_day", detail={"day": day, "outages": outages})
        store.accept_entry("s-1", station.sign(encode_event(event)))
    store.flush()
    found = view.power_days(store.connection)
    assert found == [{"station": "s-1", "day": "2026-11-20", "outages": 3}, {"station": "s-1", "day": "2026-11-19", "outages": 1}]


def test_health_is_shown_with_its_age_and_never_believed_blindly() -> None:
    clock = StillClock()
    health = Health(clock)
    assert health.of("s-1") == {"health": None, "health_age_s": None, "alive": None}
    assert health.heard("s-1", "health", b'{"q":{"waiting":2}}', retained=True) is None
    assert health.of("s-1") == {"health": {"q": {"waiting": 2}}, "health_age_s": None, "alive": None}
    health.heard("s-1", "health", b'{"q":1}', retained=False)
    health.heard("s-1", "alive", b'{"alive":true}', retained=False)
    clock.monotonic += 90
    assert health.of("s-1") == {"health": {"q": 1}, "health_age_s": 90.0, "alive": True}
    health.heard("s-1", "alive", b'{"alive":"yes"}', retained=False)
    assert health.of("s-1")["alive"] is False


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"\xff", b"{", b'{"a":' * 3000, b'{"a":"' + b"x" * DOCUMENT_BYTES_MAX + b'"}'])
def test_what_is_no_health_document_changes_nothing(payload: bytes) -> None:
    health = Health(StillClock())
    assert health.heard("s-1", "health", payload, retained=False) == "health"
    assert health.of("s-1")["health"] is None


def test_memory_of_health_is_bounded() -> None:
    health = Health(StillClock())
    assert {health.heard(f"s-{number}", "health", b"{}", retained=False) for number in range(STATIONS_MAX)} == {None}
    assert health.heard("one-more", "health", b"{}", retained=False) == "too many stations"
    assert health.heard("s-1", "health", b'{"a":1}', retained=False) is None
