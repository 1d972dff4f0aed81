"""An officer's word on what was set aside: one more signed receipt, and nothing of anybody else's record is touched."""

import hashlib
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from district.decisions import Decision, carry_out, decide, of_station, wish
from district.store import DistrictStore, Undecidable
from district.view import quarantine
from protocols.record import Receipt
from protocols.sealing import SoftwareSigner, open_receipt
from simulators.signing_station import Made, SigningStation


def send(store: DistrictStore, made: Made, parts: int = 4) -> None:
    store.accept_entry("s-1", made.envelope)
    for index in range(parts):
        store.write_chunk("s-1", made.record_id, index, 0, made.parts[index])
    store.flush()


def receipt(store: DistrictStore, signer: SoftwareSigner, sequence: int) -> Receipt:
    signed = store.receipt("s-1", sequence)
    assert signed is not None
    return open_receipt(signed, lambda kid: signer.public_key if kid == signer.kid else None)


def same_id_twice(store: DistrictStore, station: SigningStation) -> tuple[Made, Made]:
    first = station.record()
    second = station.record(record_id=first.record_id)
    send(store, first)
    send(store, second)
    return first, second


def word(made: Made, act: str, officer: str = "Ibu Sri") -> Decision:
    return Decision(made.digest.hex(), act, officer)  # type: ignore[arg-type]


def test_a_release_is_a_further_receipt_in_the_chain(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    _, second = same_id_twice(store, station)
    before = store.receipt("s-1", 2)
    name, signed = decide(store, word(second, "release"))
    found = receipt(store, signer, 2)
    assert (name, found.outcome, found.reason, found.manifest_sha256) == ("s-1", "stored", "released", second.digest)
    assert (found.district_sequence, found.head) == (3, hashlib.sha256(before or b"").digest())
    assert store.receipt("s-1", 2) == signed
    assert decide(store, word(second, "release")) == (name, signed), "asked again it is the same receipt"
    (listed,) = quarantine(store.connection)
    assert (listed["entry"], listed["state"], listed["reason"], listed["officer"]) == (second.digest.hex(), "stored", "released", "Ibu Sri")


def test_a_discard_deletes_that_content_alone_however_often(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    first, second = same_id_twice(store, station)
    for _ in range(2):
        decide(store, word(second, "discard"))
    assert (receipt(store, signer, 2).outcome, receipt(store, signer, 2).reason) == ("rejected", "discarded")
    folder = store.payloads.folder("s-1", first.record_id)
    assert [(folder / f"{number:02d}.part").read_bytes() for number in range(4)] == list(first.parts)
    assert not list(store.payloads.folder("s-1", second.record_id + second.digest[:8]).glob("*.part"))


def test_a_record_whose_content_cannot_come_any_more_is_given_up(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    made = station.record()
    send(store, made, parts=2)
    assert [item["bytes_here"] for item in quarantine(store.connection)] == [658]
    with pytest.raises(Undecidable, match="stored already"):
        decide(store, word(made, "release"))
    decide(store, word(made, "discard"))
    assert receipt(store, signer, 1).outcome == "rejected"
    assert not store.write_chunk("s-1", made.record_id, 2, 0, made.parts[2])
    assert store.sizes("s-1", made.record_id) is None


@pytest.mark.parametrize("act", ["release", "discard"])
def test_what_is_stored_or_unknown_is_not_decided(store: DistrictStore, station: SigningStation, act: str) -> None:
    made = station.record()
    send(store, made)
    with pytest.raises(Undecidable, match="stored already"):
        decide(store, word(made, act))
    with pytest.raises(Undecidable, match="no such record"):
        decide(store, word(station.record(), act))


def test_wishes_are_carried_out_once_and_junk_among_them_is_only_logged(
    store: DistrictStore, station: SigningStation, signer: SoftwareSigner, tmp_path: Path
) -> None:
    _, second = same_id_twice(store, station)
    wish(tmp_path, word(second, "release"))
    (tmp_path / "decisions" / "junk.json").write_text("{", encoding="utf-8")
    ((name, signed),) = carry_out(store, tmp_path)
    assert (name, receipt(store, signer, 2).reason) == ("s-1", "released")
    assert carry_out(store, tmp_path) == []
    assert list((tmp_path / "decisions").iterdir()) == []
    assert of_station(store.connection, "s-1", 0, 2) == of_station(store.connection, "s-1", 5, 2) == [signed]
    assert of_station(store.connection, "s-2", 0, 2) == []


def test_a_wish_that_cannot_be_read_waits(
    store: DistrictStore, station: SigningStation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second = same_id_twice(store, station)
    wish(tmp_path, word(second, "release"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", Mock(side_effect=PermissionError(13, "Permission denied")))
        assert carry_out(store, tmp_path) == []
    assert len(carry_out(store, tmp_path)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for somebody else")
def test_what_root_writes_belongs_to_the_districts_user(store: DistrictStore, station: SigningStation, tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    _, second = same_id_twice(store, station)
    wish(tmp_path, word(second, "release"))
    for path in (tmp_path / "decisions", *(tmp_path / "decisions").iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712)
