"""What the district accepts, keeps, answers and refuses, with true signatures and files."""

import hashlib
from collections import deque
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from district.database import DistrictError
from district.quota import Limits
from district.store import DistrictStore
from protocols.canonical import canonical_dumps
from protocols.custody.receiver import Accepted, Refused
from protocols.record import FIRST, Receipt, encode_manifest
from protocols.sealing import ENTRY_TYPE, RECEIPT_TYPE, SoftwareSigner, open_receipt, sign1
from simulators.signing_station import SigningStation
from tests.records import KnownStations, Made, StillClock, new_signer, new_station


def reopen(folder: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock, limits: Limits | None = None) -> DistrictStore:
    known = KnownStations({station.name: station.key.public_key()})
    return DistrictStore.open(folder / "data", known, signer, "poso", clock, limits or Limits())


def send(store: DistrictStore, station: str, made: Made, chunk: int = 128) -> bytes | None:
    """A record on the happy way, backwards, so that order does not matter."""
    assert isinstance(store.accept_entry(station, made.envelope), Accepted)
    for index, data in reversed(list(enumerate(made.parts))):
        for offset in reversed(range(0, len(data), chunk)):
            assert store.write_chunk(station, made.record_id, index, offset, data[offset : offset + chunk])
    store.flush()
    return store.complete(station, made.record_id)


def verified(receipt: bytes | None, signer: SoftwareSigner) -> Receipt:
    assert receipt is not None
    return open_receipt(receipt, lambda kid: signer._private_key.public_key() if kid == signer.kid else None)


def alarms(store: DistrictStore) -> dict[str, int]:
    return dict(store.connection.execute("SELECT kind, count FROM alarms"))


def test_a_record_is_stored_and_receipted(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    made = station.record()
    receipt = verified(send(store, "s-1", made), signer)
    assert (receipt.outcome, receipt.reason, receipt.record_id, receipt.manifest_sha256) == ("stored", "", made.record_id, made.digest)
    folder = store.payloads.folder("s-1", made.record_id)
    assert [(folder / f"{index:02d}.part").read_bytes() for index in range(4)] == list(made.parts)
    assert (folder / "manifest.cose").read_bytes() == made.envelope


def test_a_lost_receipt_comes_again_in_the_same_bytes(store: DistrictStore, station: SigningStation) -> None:
    made = station.record()
    receipt = send(store, "s-1", made)
    assert store.complete("s-1", made.record_id) == store.receipt("s-1", 1) == receipt
    assert store.accept_entry("s-1", made.envelope) == Accepted(1, made.record_id, ())
    assert store.receipted("s-1", 1, 9) == [(1, 2)]


def test_receipts_form_a_chain(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    for _ in range(3):
        store.accept_entry("s-1", station.event())
    store.flush()
    envelopes = [store.receipt("s-1", sequence) for sequence in (1, 2, 3)]
    receipts = [verified(envelope, signer) for envelope in envelopes]
    assert [receipt.district_sequence for receipt in receipts] == [1, 2, 3]
    assert [receipt.head for receipt in receipts] == [FIRST, *(hashlib.sha256(envelope or b"").digest() for envelope in envelopes[:2])]


def test_nothing_is_receipted_before_all_content_is_there(store: DistrictStore, station: SigningStation) -> None:
    made = station.record()
    store.accept_entry("s-1", made.envelope)
    store.write_chunk("s-1", made.record_id, 0, 0, made.parts[0])
    store.flush()
    assert store.complete("s-1", made.record_id) is None
    assert store.receipt("s-1", 1) is None
    assert store.have("s-1", made.record_id) == [(0, 0, len(made.parts[0]))]


def test_altered_content_is_dropped_and_asked_for_again(store: DistrictStore, station: SigningStation) -> None:
    made = station.record()
    store.accept_entry("s-1", made.envelope)
    for index, data in enumerate(made.parts):
        store.write_chunk("s-1", made.record_id, index, 0, bytes(len(data)) if index == 2 else data)
    store.flush()
    assert store.complete("s-1", made.record_id) is None
    assert [part for part, _, _ in store.have("s-1", made.record_id)] == [0, 1, 3]
    assert alarms(store) == {"content": 1}
    store.write_chunk("s-1", made.record_id, 2, 0, made.parts[2])
    store.flush()
    assert store.complete("s-1", made.record_id) is not None


def test_what_was_flushed_survives_a_restart(
    tmp_path: Path, store: DistrictStore, station: SigningStation, signer: SoftwareSigner, clock: StillClock
) -> None:
    made = station.record()
    store.accept_entry("s-1", made.envelope)
    store.write_chunk("s-1", made.record_id, 1, 10, made.parts[1][10:50])
    store.flush()
    store.write_chunk("s-1", made.record_id, 3, 0, made.parts[3])
    store.close()
    again = reopen(tmp_path, station, signer, clock)
    assert again.have("s-1", made.record_id) == [(1, 10, 50)]
    assert send(again, "s-1", made) is not None
    again.close()


def test_a_receipt_that_a_cut_left_unsigned_is_signed_at_start(
    tmp_path: Path, store: DistrictStore, station: SigningStation, signer: SoftwareSigner, clock: StillClock
) -> None:
    store.accept_entry("s-1", station.event())
    store.connection.execute("COMMIT")
    store.close()
    again = reopen(tmp_path, station, signer, clock)
    assert verified(again.receipt("s-1", 1), signer).outcome == "stored"
    again.close()


def test_a_second_district_on_the_folder_is_refused(
    tmp_path: Path, store: DistrictStore, station: SigningStation, signer: SoftwareSigner, clock: StillClock
) -> None:
    with pytest.raises(DistrictError, match="another district"):
        reopen(tmp_path, station, signer, clock)


def test_missing_numbers_show(store: DistrictStore, station: SigningStation) -> None:
    entries = [station.event() for _ in range(7)]
    for index in (0, 3, 6):
        assert isinstance(store.accept_entry("s-1", entries[index]), Accepted)
    assert store.missing("s-1") == [(2, 4), (5, 7)]
    assert store.held("s-1", 1, 100) == [(1, 2), (4, 5), (7, 8)]
    for index in (1, 2, 4, 5):
        store.accept_entry("s-1", entries[index])
    assert store.missing("s-1") == []
    assert alarms(store) == {}


def test_the_same_id_with_other_bytes_never_overwrites(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    first = station.record()
    send(store, "s-1", first)
    second = station.record(record_id=first.record_id)
    receipt = verified(send(store, "s-1", second), signer)
    assert (receipt.outcome, receipt.reason, receipt.manifest_sha256) == ("quarantined", "same_id", second.digest)
    assert verified(store.receipt("s-1", 1), signer).outcome == "stored"
    folder = store.payloads.folder("s-1", first.record_id)
    assert [(folder / f"{number:02d}.part").read_bytes() for number in range(4)] == list(first.parts)
    beside = store.payloads.folder("s-1", first.record_id + second.digest[:8])
    assert [(beside / f"{number:02d}.part").read_bytes() for number in range(4)] == list(second.parts), "both can be examined"
    assert (beside / "manifest.cose").read_bytes() == second.envelope
    assert alarms(store) == {"same_id": 1}
    assert isinstance(store.accept_entry("s-1", station.event()), Accepted)
    assert store.missing("s-1") == []


def test_of_two_that_bear_one_id_the_bytes_belong_to_the_one_shown_last(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    first = station.record()
    second = station.record(record_id=first.record_id)
    for made in (first, second):
        store.accept_entry("s-1", made.envelope)
    store.write_chunk("s-1", first.record_id, 0, 0, second.parts[0])
    store.flush()
    assert store.accept_entry("s-1", first.envelope) == Accepted(1, first.record_id, tuple(map(len, first.parts)))
    assert store.have("s-1", first.record_id) == [], "the other's bytes do not count for this one"
    assert verified(send(store, "s-1", first), signer).outcome == "stored"
    store.accept_entry("s-1", second.envelope)
    assert store.have("s-1", first.record_id) == [(0, 0, len(second.parts[0]))]
    assert verified(send(store, "s-1", second), signer).outcome == "quarantined"
    assert alarms(store) == {"same_id": 1}, "no part was ever wrong"


def test_an_old_card_image_is_quarantined_with_all_its_content(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    old = station.copy()
    good = station.record()
    send(store, "s-1", good)
    back = old.record()
    receipt = verified(send(store, "s-1", back), signer)
    assert (receipt.outcome, receipt.reason, receipt.manifest_sha256) == ("quarantined", "fork", back.digest)
    assert alarms(store) == {"fork": 1}
    assert verified(send(store, "s-1", old.record()), signer).reason == "fork", "the branch goes on beside the chain"
    assert verified(store.receipt("s-1", 1), signer).manifest_sha256 == back.digest, "the newest shown is the one the station holds"
    store.accept_entry("s-1", good.envelope)
    assert verified(store.receipt("s-1", 1), signer).manifest_sha256 == good.digest


def test_a_clone_beside_the_real_card_raises_its_own_alarm(store: DistrictStore, station: SigningStation) -> None:
    store.accept_entry("s-1", station.event())
    clone = station.copy()
    store.accept_entry("s-1", station.event())
    store.accept_entry("s-1", clone.event("login"))
    store.accept_entry("s-1", station.event())
    assert alarms(store) == {"fork": 1, "clone": 1}


def test_a_first_entry_must_start_the_chain(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    station.previous = bytes([1] * 32)
    store.accept_entry("s-1", station.event())
    store.flush()
    assert verified(store.receipt("s-1", 1), signer).reason == "chain"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("empty", "length"), ("huge", "length"), ("junk", "malformed"), ("unknown key", "unknown_key"), ("other type", "content_type"),
     ("flipped", "signature"), ("foreign", "foreign"), ("no entry", "format"), ("future", "version"),
     ("unsigned version", "version"), ("no version", "format")],
)  # fmt: skip
def test_refused_without_a_trace_but_an_alarm(store: DistrictStore, station: SigningStation, name: str, reason: str) -> None:
    other = new_station("s-2", station.key)
    future = canonical_dumps([[2, "record", "unknown", "fields"]])
    flipped = bytearray(station.copy().event())
    flipped[-1] ^= 1
    envelopes = {
        "empty": b"", "huge": bytes(100_000), "junk": b"\xd2junk", "unknown key": new_station("s-1").event(),
        "other type": sign1(canonical_dumps([[1, "event"]]), station.signer, RECEIPT_TYPE), "flipped": bytes(flipped), "foreign": other.event(),
        "unsigned version": sign1(future, new_signer(), ENTRY_TYPE), "no version": sign1(b"\xa0", new_signer(), ENTRY_TYPE),
        "no entry": sign1(canonical_dumps([[1, "event"]]), station.signer, ENTRY_TYPE), "future": sign1(future, station.signer, ENTRY_TYPE),
    }
    assert store.accept_entry("s-1", envelopes[name]) == Refused(reason)
    assert alarms(store) == {f"refused_{reason}": 1}
    assert store.held("s-1", 0, 2**62) == []


def test_a_record_beyond_all_measure_is_rejected(store: DistrictStore, station: SigningStation, signer: SoftwareSigner) -> None:
    manifest = station.copy().record().manifest
    parts = tuple(msgspec.structs.replace(manifest.parts[0], position=n, size=8 * 1024 * 1024) for n in range(5))
    envelope = station.sign(encode_manifest(msgspec.structs.replace(manifest, parts=parts)))
    assert store.accept_entry("s-1", envelope) == Accepted(1, manifest.record_id, ())
    store.flush()
    assert verified(store.receipt("s-1", 1), signer).outcome == "rejected"


def test_the_quota_of_a_day(tmp_path: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock) -> None:
    store = reopen(tmp_path, station, signer, clock, Limits(records_day=2))
    made = [station.record() for _ in range(3)]
    assert [type(store.accept_entry("s-1", record.envelope)) for record in made] == [Accepted, Accepted, Refused]
    clock.wall += 86_400
    assert isinstance(store.accept_entry("s-1", made[2].envelope), Accepted)
    store.close()


def test_a_day_that_a_wrong_clock_filled_locks_nobody_out(tmp_path: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock) -> None:
    store = reopen(tmp_path, station, signer, clock, Limits(records_day=1))
    first, second, third = (station.record().envelope for _ in range(3))
    today, clock.wall = clock.wall, clock.wall + 10 * 365 * 86_400
    assert isinstance(store.accept_entry("s-1", first), Accepted)
    assert isinstance(store.accept_entry("s-1", second), Refused)
    clock.wall = today
    assert isinstance(store.accept_entry("s-1", second), Accepted)
    assert isinstance(store.accept_entry("s-1", third), Refused)
    store.close()


def test_no_entry_walks_through_all_of_its_stations_rows(store: DistrictStore, station: SigningStation) -> None:
    asked: dict[str, Any] = {}
    store.connection.set_exec_trace(lambda cursor, sql, values: asked.setdefault(sql, values) is values or True)
    record, event = station.record(), station.event()
    for envelope in (record.envelope, event, record.envelope, event):
        store.accept_entry("s-1", envelope)
    store.connection.set_exec_trace(None)
    for sql, values in asked.items():
        plan = [row[3] for row in store.connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)] if sql.startswith("SELECT") else []
        walks = [step for step in plan if "SCAN entries" in step or (step.endswith("(station=?)") and "entries_beside" not in step)]
        assert not walks, f"{sql}: {walks}"


def test_the_quota_of_events_spares_records_and_survives_a_restart(
    tmp_path: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock
) -> None:
    limits = Limits(events_day=3)
    store = reopen(tmp_path, station, signer, clock, limits)
    events = [station.event() for _ in range(4)]
    assert [type(store.accept_entry("s-1", event)) for event in events[:2]] == [Accepted, Accepted]
    store.flush()
    store.close()
    store = reopen(tmp_path, station, signer, clock, limits)
    assert [store.accept_entry("s-1", event) for event in events[2:]] == [Accepted(3, None), Refused("quota_events")]
    assert isinstance(store.accept_entry("s-1", events[0]), Accepted), "what is kept already is no news"
    assert isinstance(store.accept_entry("s-1", station.record().envelope), Accepted)
    assert alarms(store) == {"refused_quota_events": 1}
    clock.wall += 86_400
    assert store.accept_entry("s-1", events[3]) == Accepted(4, None)
    assert store.missing("s-1") == []
    store.close()


def test_what_the_disk_took_back_is_not_counted(tmp_path: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock) -> None:
    store = reopen(tmp_path, station, signer, clock, Limits(events_day=40))
    events = [station.event() for _ in range(40)]
    store.connection.pragma("max_page_count", store.connection.pragma("page_count") + 2)
    with pytest.raises(apsw.FullError):
        deque((store.accept_entry("s-1", event) for event in events), maxlen=0)
    store.connection.pragma("max_page_count", 1_000_000)
    assert {type(store.accept_entry("s-1", event)) for event in events} == {Accepted}
    store.close()


def test_another_stations_content_is_not_touched(tmp_path: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock) -> None:
    stranger = new_station("s-2")
    known = KnownStations({"s-1": station.key.public_key(), "s-2": stranger.key.public_key()})
    store = DistrictStore.open(tmp_path / "data", known, signer, "poso", clock)
    made = station.record()
    store.accept_entry("s-1", made.envelope)
    assert not store.write_chunk("s-2", made.record_id, 0, 0, made.parts[0])
    assert (store.sizes("s-2", made.record_id), store.have("s-2", made.record_id), store.complete("s-2", made.record_id)) == (None, [], None)
    store.close()


@pytest.mark.parametrize(("part", "offset", "length"), [(9, 0, 1), (0, 400, 1), (0, 0, 10_000)])
def test_chunks_outside_a_part_are_refused(store: DistrictStore, station: SigningStation, part: int, offset: int, length: int) -> None:
    made = station.record()
    store.accept_entry("s-1", made.envelope)
    assert not store.write_chunk("s-1", made.record_id, part, offset, bytes(length))
