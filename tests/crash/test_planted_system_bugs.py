"""The gate is tested too: mistakes that such systems really have are put into the code that ships, and `crash system` must find each."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import edge.uplink.carrier as carrier_module
import tools.crash_system_station as station_module
from district.payloads import Payloads
from district.store import DistrictStore
from edge.store.ledger import Ledger
from edge.store.store import Store
from edge.uplink.carrier import Carrier
from protocols.custody import SendChunk, wire
from protocols.custody.jobs import Entry, Job
from protocols.custody.sender import Sender
from protocols.record import FIRST, Receipt, decode_entry, decode_receipt
from protocols.sealing import parse1
from simulators.disk import DiskFile
from tools.crash_system_world import run_world

WORLDS, CUTS = 40, 20
Patch = Callable[[object, str, Any], None]


def receipt_before_commit(patch: Patch) -> None:
    commit, count = DistrictStore._commit, iter(range(10**9))
    patch(DistrictStore, "_commit", lambda self: commit(self) if next(count) % 4 == 0 else None)


def broker_acknowledgement_taken_as_receipt(patch: Patch) -> None:
    frame = Carrier.frame

    def hand_over(self: Carrier, effect: object) -> tuple[str, bytes]:
        framed = frame(self, effect)
        if isinstance(effect, SendChunk):
            entry = decode_entry(parse1(self._store.envelope(effect.sequence), 1 << 17).payload)
            digest = hashlib.sha256(self._store.envelope(effect.sequence)).digest()
            receipt = Receipt(
                district="poso", station="poso-01", record_id=entry.record_id, sequence=effect.sequence, manifest_sha256=digest, outcome="stored",
                reason="", district_sequence=1, wall_s=0, head=FIRST,
            )
            self._store.mark_received(receipt, b"PUBACK")
        return framed

    patch(Carrier, "frame", hand_over)


def no_crc(patch: Patch) -> None:
    patch(wire, "crc32", lambda _data, _start=0: 0)


def purge_before_receipt(patch: Patch) -> None:
    purge = Store.purge

    def greedy(self: Store, before_wall_s: int) -> int:
        with self._database.write() as connection:
            connection.execute("UPDATE ledger SET outcome = 'stored', received_s = 0, receipt = x'00' WHERE outcome IS NULL")
        return purge(self, before_wall_s)

    patch(Store, "purge", greedy)


def no_dedupe(patch: Patch) -> None:
    patch(DistrictStore, "_seen", lambda _self, _station, _digest: None)


def window_never_reopened(patch: Patch) -> None:
    land, doubt = Sender._landed, Sender._doubt_flights

    def keep(method: Callable[..., Any]) -> Callable[..., Any]:
        def kept(self: Sender, *arguments: Any, **named: Any) -> Any:
            before = self._under_way
            outcome = method(self, *arguments, **named)
            self._under_way = before
            return outcome

        return kept

    patch(Sender, "_landed", keep(land))
    patch(Sender, "_doubt_flights", keep(doubt))


def no_resend_timer(patch: Patch) -> None:
    ask = Sender._ask

    def once(self: Sender, now_s: float) -> object:
        asked = ask(self, now_s)
        self._ask_s = float("inf")
        return asked

    patch(Sender, "_ask", once)
    patch(Sender, "_rest", lambda _self, _now_s, reset: None)


def unverified_receipt(patch: Patch) -> None:
    def believe(_key_of: object) -> Callable[[bytes], Receipt | None]:
        return lambda signed: decode_receipt(parse1(signed, 1 << 12).payload)

    patch(carrier_module, "receipt_verifier", believe)
    patch(station_module, "receipt_verifier", believe)


def unverified_record(patch: Patch) -> None:
    patch(__import__("district.store", fromlist=["store"]), "read_entry", lambda _station, envelope, _key: decode_entry(parse1(envelope, 1 << 17).payload))


def chain_skipped(patch: Patch) -> None:
    header = Ledger._header

    def forgetful(self: Ledger, kind: str) -> Any:
        made = header(self, kind)
        return type(made)(**{name: getattr(made, name) for name in made.__struct_fields__} | ({"previous": FIRST} if made.sequence % 5 == 0 else {}))

    patch(Ledger, "_header", forgetful)


def dropped_at_disconnect(patch: Patch) -> None:
    disconnected = Sender.disconnected

    def forget(self: Sender) -> None:
        disconnected(self)
        known, self.knows = frozenset(self._jobs), lambda sequence: sequence in known or sequence in self._jobs
        self._jobs.clear()
        self._awaiting.clear()

    patch(Sender, "disconnected", forget)


def manifest_not_resent(patch: Patch) -> None:
    patch(Job, "entry_lost", lambda self: setattr(self, "entry", Entry.HELD))


def missing_content_not_resent(patch: Patch) -> None:
    patch(Job, "content_is", lambda self, spans, flying: self.content_held(spans))


def lost_receipt_not_asked_again(patch: Patch) -> None:
    patch(Sender, "_rotate_awaiting", lambda _self: [])


def no_hash_check(patch: Patch) -> None:
    complete = DistrictStore.complete

    def trusting(self: DistrictStore, station: str, record_id: bytes) -> bytes | None:
        waiting = self._find(station, record_id)
        if waiting is not None:
            waiting.hashes = tuple(self.payloads.digest(station, record_id, part) for part in range(len(waiting.sizes)))
        return complete(self, station, record_id)

    patch(DistrictStore, "complete", trusting)


def offset_ignored(patch: Patch) -> None:
    write = DistrictStore.write_chunk
    patch(DistrictStore, "write_chunk", lambda self, station, record_id, part, _offset, data: write(self, station, record_id, part, 0, data))


def district_files_not_synced(patch: Patch) -> None:
    patch(Payloads, "sync", lambda _self: None)
    patch(__import__("simulators.payload_disk", fromlist=["PayloadDisk"]).PayloadDisk, "sync", lambda _self: None)


def database_not_synced(patch: Patch) -> None:
    patch(DiskFile, "xSync", lambda self, _flags: self._disk.tick())


def saved_before_commit(patch: Patch) -> None:
    commit = Store.commit_record

    def hopeful(self: Store, *arguments: Any) -> None:
        try:
            commit(self, *arguments)
        except Exception:
            if self._files.off:
                raise

    patch(Store, "commit_record", hopeful)


def rejected_message_kills_the_batch(patch: Patch) -> None:
    patch(DistrictStore, "sizes", lambda self, station, record_id: self._find(station, record_id).sizes)


BUGS = [
    receipt_before_commit, broker_acknowledgement_taken_as_receipt, no_crc, purge_before_receipt, no_dedupe, window_never_reopened, no_resend_timer,
    unverified_receipt, unverified_record, chain_skipped, dropped_at_disconnect, manifest_not_resent, missing_content_not_resent, lost_receipt_not_asked_again,
    no_hash_check, offset_ignored, district_files_not_synced, database_not_synced, saved_before_commit, rejected_message_kills_the_batch,
]
FOUND: dict[str, str] = {}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_planted_bug_is_found(bug: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch.setattr)
    for world in range(WORLDS):
        result = run_world(f"planted/{world}", CUTS)
        if result.total:
            FOUND[bug.__name__] = f"world {world}: {result.first}"
            return
    raise AssertionError(f"{bug.__name__}: not found in {WORLDS} worlds")


def test_how_many_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs after the others and says it in the log of every run."""
    with capsys.disabled():
        print(f"\ncrash system finds {len(FOUND)} of {len(BUGS)} planted bugs", *(f"{name}: {where}" for name, where in FOUND.items()), sep="\n  ")
    assert len(FOUND) in (0, len(BUGS)), sorted({bug.__name__ for bug in BUGS} - set(FOUND))


def test_the_code_that_ships_is_clean() -> None:
    for world in range(4):
        result = run_world(f"planted/{world}")
        assert not result.total, f"world planted/{world}: {result.first}"


def test_same_seed_same_trace() -> None:
    assert run_world("again").trace.digest() == run_world("again").trace.digest()
