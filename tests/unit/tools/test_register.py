"""`./rekam register` as an installer uses it: the list, a note that the district hears of, and refusals in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices.interfaces import Identity
from edge.devices.presence import PresenceChange
from edge.devices.register import EquipmentRegister
from edge.errors import DeviceAbsent
from edge.store.store import Store
from protocols.certificates import read_certificate
from protocols.record import LedgerEvent
from protocols.sealing import open_entry
from tools.cli import main
from tools.demo_site import write_toml
from tools.keys import SitePaths, make_site

STATION = "kec-poso-01"
Rekam = Callable[..., int]


@pytest.fixture
def rekam(tmp_path: Path) -> Rekam:
    """A stopped station that has had a sensor; calls its command."""
    keys = make_site(tmp_path / "keys", [STATION], [], [])
    data = tmp_path / "station"
    data.mkdir()
    config = write_toml(tmp_path / "station.toml", {
        "station": {"id": STATION, "data_dir": str(data), "reserve_mb": 1}, "keys": keys.station_section(STATION),
    })
    register = EquipmentRegister(data / "equipment.json", SystemClock())
    gone = DeviceAbsent("port_absent", "fingerprint", "no port", "Plug it in.", wire="> 01")
    register.on_change(PresenceChange("fingerprint", "ready", None, None, Identity("ZFM", "R503", "4711", "1.2")))
    register.on_change(PresenceChange("fingerprint", "absent", "port_absent", gone, None))
    register.save()
    return lambda *words: main(["register", *words, "--config", str(config)])


def events(folder: Path) -> list[LedgerEvent]:
    """What waits for the district, with its signature checked."""
    certificate = read_certificate(SitePaths(folder / "keys").station_certificate(STATION).read_bytes())
    store = Store.open(folder / "station" / "store", 0)
    try:
        entries = [open_entry(store.envelope(item.sequence), lambda _: certificate.public_key) for item in store.outbox(10)]
    finally:
        store.close()
    return [entry for entry in entries if isinstance(entry, LedgerEvent)]


def test_the_list_says_who_it_is_what_it_did_and_what_went_wrong(rekam: Rekam, capsys: pytest.CaptureFixture[str]) -> None:
    assert rekam() == 0
    shown = capsys.readouterr().out
    assert "fingerprint    ZFM R503 4711 1.2" in shown
    assert "fault port_absent" in shown
    assert rekam("--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["faults"][0]["wire"] == "> 01"


@pytest.mark.parametrize("act", ["repair", "calibration", "replacement"])
def test_a_note_is_listed_and_waits_for_the_district(act: str, rekam: Rekam, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rekam(act, "fingerprint", "cable exchanged") == 0
    assert "the district learns it" in capsys.readouterr().out
    (event,) = events(tmp_path)
    assert (event.event, dict(event.detail)) == ("maintained", {"device": "fingerprint", "act": act, "what": "cable exchanged"})
    rekam()
    assert f"{act}: cable exchanged" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "told"), [
    (("repair", "toaster", "x"), "Known here: fingerprint"),
    (("repair", "fingerprint"), "1 to 100 characters"),
    (("repair", "fingerprint", "x" * 101), "1 to 100 characters"),
    (("repair", "fingerprint", "a\nb"), "on one line"),
])
def test_a_wrong_note_is_refused_and_nothing_is_written(
    words: tuple[str, ...], told: str, rekam: Rekam, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tmp_path / "station" / "equipment.json").read_bytes()
    assert rekam(*words) == 2
    assert told in capsys.readouterr().err
    assert (tmp_path / "station" / "equipment.json").read_bytes() == before
    assert not (tmp_path / "station" / "store").exists() or events(tmp_path) == []


def test_while_the_station_runs_it_may_be_read_and_a_note_says_what_to_do(
    rekam: Rekam, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Store.open(tmp_path / "station" / "store", 0)
    try:
        assert rekam() == 0
        assert rekam("repair", "fingerprint", "cable exchanged") == 2
        assert "Close the other station program" in capsys.readouterr().err
    finally:
        running.close()
