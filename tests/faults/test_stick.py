"""Records by stick instead of the link: the same guarantees, whatever happens to the stick on its way."""

import argparse
import json
import os
import shutil
from pathlib import Path

import pytest

from edge.clock import random_bytes
from edge.errors import StationError
from edge.store.ledger import RecordDraft
from edge.store.store import Store
from edge.store.values import Counts, SealedPart
from protocols.canonical import FormatError, canonical_dumps
from protocols.record import RecordId, Step, encode_keys
from protocols.roster import ROSTER_TYPE, Hardness, Operator, roster_issued_s, seal_roster
from protocols.sealing import RecordSealer, SoftwareSigner, sign1
from protocols.stick import MAGIC, pack_bundle, read_bundle
from tools import stick_export, stick_import
from tools.keys import SiteOperator, make_site
from tools.stick import open_district, open_station

STATION = "kec-poso-01"
SECRET = b"Budi Santoso, 3201010101900001"


def write(path: Path, tables: dict[str, dict[str, object]]) -> Path:
    """A configuration file."""
    path.write_text("\n".join(f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) for name, table in tables.items()))
    return path


class Site:
    """A station and a district on this disk, and a stick between them."""

    def __init__(self, folder: Path) -> None:
        operator = SiteOperator("ani", "Ani", "123456")
        self.keys = make_site(folder / "keys", [STATION], [], [operator], "poso", hardness=Hardness(iterations=1, lanes=1, memory_kib=64))
        station: dict[str, dict[str, object]] = {
            "station": {"id": STATION, "data_dir": str(folder / "station"), "reserve_mb": 1}, "keys": {**self.keys.station_section(STATION)},
        }
        district: dict[str, dict[str, object]] = {"district": {"id": "poso", "data_dir": str(folder / "district")}, "keys": {**self.keys.district_section()}}
        self.station, self.district = write(folder / "station.toml", station), write(folder / "district.toml", district)
        self.district_signer = SoftwareSigner.from_pem(self.keys.district_key.read_bytes())
        self.stick = folder / "stick"
        self.stick.mkdir()

    def record(self) -> bytes:
        """Enrol one person; returns the record id."""
        with open_station(self.station) as station:
            record_id = random_bytes(16)
            sealer = RecordSealer(RecordId(record_id), STATION, station.keys.audiences, random_bytes)
            station.store.begin(record_id, 1, b"", encode_keys(sealer.wrapped))
            for kind, size in (("population", 1), ("face", 3_000), ("iris", 90)):
                sealed = sealer.seal_part(kind, 1 if kind == "iris" else 0, SECRET * size)  # type: ignore[arg-type]
                part = SealedPart(kind, 1 if kind == "iris" else 0, "image/png", sealed, 0)  # type: ignore[arg-type]
                station.store.commit_part(record_id, part, b"")
            draft = RecordDraft(record_id, (Step(step="face", duration_ms=1, attempts=1),), (), "mains", b"op", b"")
            station.ledger.close_record(draft)
            station.store.end_enrolment()
        return record_id

    def call(self, tool: object, config: Path, folder: Path | None = None) -> int:
        return int(tool.run(argparse.Namespace(folder=folder or self.stick, config=config)))  # type: ignore[attr-defined]

    def export(self) -> int:
        return self.call(stick_export, self.station)

    def at_district(self) -> int:
        return self.call(stick_import, self.district)

    def at_station(self) -> int:
        return self.call(stick_import, self.station)

    def counts(self) -> Counts:
        with open_station(self.station) as station:
            return station.store.counts()

    def files(self, suffix: str) -> list[Path]:
        return sorted((self.stick / "rekam" / STATION).glob(f"*{suffix}"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_records_go_out_and_receipts_come_back(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    record_id = site.record()
    site.record()
    assert site.export() == 0
    assert len(site.files(".entry")) == 3, "two records and the export itself"
    assert site.at_district() == 0
    assert len(site.files(".receipt")) == 3
    assert site.counts().waiting == 2
    assert site.at_station() == 0
    assert site.counts() == Counts(2, 0, 2, 0)
    assert site.files(".entry") == [], "what is received need not be carried again"
    folder = site.stick.parent / "district" / "records" / STATION / record_id.hex()
    assert (folder / "00.part").is_file()
    assert "receipts are new" in capsys.readouterr().out


def test_nothing_on_the_stick_is_readable(site: Site) -> None:
    site.record()
    site.export()
    for path in site.files(""):
        assert SECRET[:12] not in path.read_bytes()


def test_everything_may_be_done_twice(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.record()
    for _ in range(2):
        assert site.export() == 0
        assert site.at_district() == 0
    assert "2 were there already" in capsys.readouterr().out
    assert [site.at_station(), site.at_station()] == [0, 0]
    assert site.counts() == Counts(1, 0, 1, 0)


@pytest.mark.parametrize("left", [0, 5, 40, 5_000, -1])
def test_an_interrupted_copy_is_noticed_and_mended_by_the_next_export(site: Site, left: int, capsys: pytest.CaptureFixture[str]) -> None:
    site.record()
    site.export()
    copy = site.files(".entry")[0]
    copy.write_bytes(copy.read_bytes()[:left])
    assert site.at_district() == 1
    assert "1 copies are not whole" in capsys.readouterr().out
    assert site.export() == 0
    assert site.at_district() == 0
    site.at_station()
    assert site.counts().waiting == 0


def test_a_spoilt_receipt_is_no_receipt(site: Site) -> None:
    site.record()
    site.export()
    site.at_district()
    receipt = site.files(".receipt")[0]
    data = bytearray(receipt.read_bytes())
    data[-1] ^= 1
    receipt.write_bytes(data)
    assert site.at_station() == 1
    assert site.counts().waiting == 1
    assert len(site.files(".entry")) == 1


def test_part_bytes_that_the_station_did_not_sign_get_no_receipt(site: Site) -> None:
    site.record()
    site.export()
    copy = site.files(".entry")[0]
    bundle = read_bundle(copy.read_bytes())
    forged = (bundle.parts[0], bytes(len(bundle.parts[1])), bundle.parts[2])
    copy.write_bytes(b"".join(pack_bundle(bundle.envelope, [len(part) for part in forged], forged)))
    assert site.at_district() == 1
    assert not copy.with_suffix(".receipt").exists()
    site.export()
    with open_district(site.district) as district:
        assert district.store.receipt(STATION, 1) is None


def test_a_stick_of_an_unknown_station_is_refused(site: Site) -> None:
    site.record()
    site.export()
    (site.stick / "rekam" / STATION).rename(site.stick / "rekam" / "other")
    assert site.at_district() == 1


def test_a_folder_under_a_files_name_stops_nobody_elses_receipts(site: Site) -> None:
    site.record()
    site.export()
    entry, event = site.files(".entry")
    entry.rename(entry.with_name("kept"))
    for spoilt in (entry, event.with_suffix(".receipt")):
        spoilt.mkdir()
    assert site.at_district() == 1
    event.with_suffix(".receipt").rmdir()
    assert site.export() == 0, "the copy is made again beside what lay there"
    assert site.at_district() == 0
    site.at_station()
    assert site.counts().waiting == 0


def test_receipts_that_prove_an_old_card_image_say_so(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.record()
    old = shutil.copytree(site.stick.parent / "station", site.stick.parent / "old")
    site.record()
    site.export()
    site.at_district()
    shutil.rmtree(site.stick.parent / "station")
    old.rename(site.stick.parent / "station")
    site.record()
    assert site.at_station() == 1
    told = capsys.readouterr().out
    assert "an old card image was put back" in told
    assert "no receipts of this district" not in told


def test_a_station_folder_that_leads_elsewhere_is_refused(site: Site) -> None:
    site.record()
    (site.stick / "rekam").mkdir()
    os.symlink(site.stick.parent, site.stick / "rekam" / STATION)
    with pytest.raises(StationError, match="leads away from the stick"):
        site.export()


def test_links_on_a_stick_are_not_followed(site: Site) -> None:
    site.record()
    site.export()
    victim = site.stick.parent / "victim"
    victim.write_bytes(b"precious")
    entry = site.files(".entry")[0]
    os.symlink(victim, entry.with_name(entry.name.replace(".entry", ".receipt.tmp")))
    os.symlink(entry, entry.with_name("0000000009.entry"))
    assert site.at_district() == 1
    assert victim.read_bytes() == b"precious"


def test_programs_that_have_the_store_and_do_not_answer_are_left_alone(site: Site) -> None:
    with open_station(site.station), pytest.raises(StationError, match="does not answer"):
        site.export()
    site.export()
    with open_district(site.district), pytest.raises(StationError, match="does not answer"):
        site.at_district()


def test_no_stick_and_a_stick_that_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StationError, match="Put the stick in"):
        site.call(stick_export, site.station, site.stick / "nowhere")
    site.record()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tools.stick_copy.write_pieces_durably", fail)
    with pytest.raises(StationError, match="No space left on device"):
        site.export()
    assert site.counts().waiting == 1


def test_a_full_stick_is_named_keeps_what_is_whole_and_goes_on_when_there_is_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.record()
    site.record()
    original = os.fsync
    left = 2

    def fsync(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        original(descriptor)

    (site.stick / "rekam" / STATION).mkdir(parents=True)
    with monkeypatch.context() as full:
        full.setattr("edge.files.os.fsync", fsync)
        with pytest.raises(StationError, match="No space left on device"):
            site.export()
    assert len(site.files(".entry")) == 1
    assert site.files(".tmp") == [], "the half does not stand in the way"
    assert site.at_district() == 0
    assert site.at_station() == 0
    assert site.export() == 0
    assert site.at_district() == 0
    assert site.at_station() == 0
    assert site.counts() == Counts(2, 0, 2, 0)


def test_a_new_roster_must_be_signed_by_the_district(site: Site) -> None:
    own = Path(site.keys.station_section(STATION)["roster"])
    new = Site(site.stick.parent / "elsewhere")
    folder = site.stick / "rekam" / STATION
    folder.mkdir(parents=True)
    before = own.read_bytes()
    (folder / "roster").write_bytes(Path(new.keys.station_section(STATION)["roster"]).read_bytes())
    assert site.at_station() == 1
    assert own.read_bytes() == before
    own.unlink()
    (folder / "roster").write_bytes(before)
    assert site.at_station() == 0
    assert own.read_bytes() == before
    with open_station(site.station) as station:
        assert station.store.head().sequence == 1


def test_an_older_roster_does_not_come_back(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    own = Path(site.keys.station_section(STATION)["roster"])
    folder = site.stick / "rekam" / STATION
    folder.mkdir(parents=True)
    held_s = roster_issued_s(own.read_bytes(), lambda kid: site.district_signer.public_key)

    def bring(issued_s: int) -> bytes:
        ani = Operator(login="ani", name="Ani", pseudonym=b"a")
        signed = seal_roster([], [(ani, "123456")], issued_s, site.district_signer, random_bytes, Hardness(iterations=1, lanes=1, memory_kib=64))
        (folder / "roster").write_bytes(signed)
        assert site.at_station() == 0
        return signed

    newer = bring(held_s + 60)
    assert own.read_bytes() == newer
    assert "Roster: new" in capsys.readouterr().out
    bring(held_s + 59)
    assert own.read_bytes() == newer
    assert "Roster: older than the one in force, left alone" in capsys.readouterr().out


def test_a_roster_for_a_newer_program_does_not_lock_the_operators_out(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    own = Path(site.keys.station_section(STATION)["roster"])
    before = own.read_bytes()
    folder = site.stick / "rekam" / STATION
    folder.mkdir(parents=True)
    (folder / "roster").write_bytes(sign1(canonical_dumps([99]), site.district_signer, ROSTER_TYPE))
    assert site.at_station() == 1
    assert own.read_bytes() == before
    assert "Roster: made for a newer program" in capsys.readouterr().out


def test_every_byte_of_a_bundle_is_under_its_digest() -> None:
    data = b"".join(pack_bundle(b"envelope", [3, 0, 4], [b"abc", b"", b"defg"]))
    assert read_bundle(data).parts == (b"abc", b"", b"defg")
    assert data.startswith(MAGIC)
    for index in range(len(data)):
        with pytest.raises(FormatError):
            read_bundle(data[:index])
        with pytest.raises(FormatError):
            read_bundle(data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :])
    with pytest.raises(FormatError):
        list(pack_bundle(b"e", [2], [b"abc"]))


def test_a_part_that_cannot_be_read_does_not_stop_the_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = site.record()
    site.record()
    original = Store.part

    def part(self: Store, record_id: bytes, index: int, offset: int, length: int) -> bytes:
        if record_id == bad:
            self._read_part(record_id, 200)
        return original(self, record_id, index, offset, length)

    monkeypatch.setattr(Store, "part", part)
    assert site.export() == 1
    assert len(site.files(".entry")) == 2
