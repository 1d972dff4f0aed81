"""One seeded world: a station, a district, a broker nobody can trust, an attacker; storms, then fair weather in which everything must drain.

Checked at the end of each world, against what the bench knows to be true:
    lost         the screen said saved, and the record is not at the district after an hour without faults
    duplicated   the district has a record or a receipt twice
    forged       the district has bytes or entries that this station did not make, or the station believes a receipt that is none
    stuck        entries without a receipt after an hour without faults, or an outcome other than stored
    false_saved  after a boot, a promised record is neither in the station's store nor at the district
"""

import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from protocols.custody import Ask, Chunk, Entry, Have, Receipt, decode, encode
from protocols.custody.wire import MAX_RECORDS, Kind
from protocols.record import ENTRY_BYTES_MAX, decode_manifest, encode_receipt
from protocols.record import Receipt as SignedReceipt
from protocols.sealing import RECEIPT_TYPE, SoftwareSigner, parse1, sign1
from simulators.air import Air, worse
from simulators.disk import Disk, DiskVfs
from simulators.timeline import Timeline
from tools.crash_report import Findings
from tools.crash_system_district import DistrictNode
from tools.crash_system_nodes import DISTRICT, STATION, Bench
from tools.crash_system_station import StationNode, open_sealed

CUTS_A_WORLD = 80
QUIET_S = 3600.0
PEOPLE_IN_FAIR_WEATHER = 4
THIEF = SoftwareSigner(ec.derive_private_key(0xBAD, ec.SECP256R1()))
EVENTS_MAX = 400_000
"""a world that needs more has gone round in circles"""


@dataclass
class Result(Findings):
    """Of one world."""

    cuts: int = 0
    records: int = 0
    entries: int = 0
    messages: int = 0
    refused: int = 0
    virtual_s: float = 0.0
    trace: "hashlib._Hash" = field(default_factory=hashlib.sha256)


class World:
    """Runs once."""

    def __init__(self, seed: str, station_vfs: DiskVfs, district_vfs: DiskVfs) -> None:
        self.rng = random.Random(seed)
        self.result = Result()
        timeline = Timeline()
        air = Air(random.Random(f"{seed} air"), timeline)
        self.bench = Bench(self.rng, timeline, air, self._note)
        self.station = StationNode(self.bench, station_vfs)
        self.district = DistrictNode(self.bench, district_vfs)
        self._events = 0
        self._aimed_at: set[str] = set()
        """records whose bytes the attacker forged under a right CRC"""

    def run(self, cuts: int) -> Result:
        """Storms until so many cuts, then an hour of fair weather, then the reckoning."""
        bench = self.bench
        bench.timeline.after(0, self.district.boot)
        bench.timeline.after(1, self.station.boot)
        bench.timeline.after(5, self._weather)
        bench.timeline.after(5, self._attack)
        bench.timeline.run(float("inf"), lambda: bench.cuts >= cuts or bench.broken or self._too_long())
        self._fair_weather()
        bench.timeline.run(bench.timeline.now_s + QUIET_S, lambda: self._drained() or self._too_long())
        self.station.people = 0
        self._reckon()
        return self._close()

    def _note(self, *words: object) -> None:
        self.result.trace.update(repr(words).encode())

    def _too_long(self) -> bool:
        self._events += 1
        return self._events > EVENTS_MAX

    def _close(self) -> Result:
        result, bench = self.result, self.bench
        result.cuts, result.records, result.entries = bench.cuts, len(bench.truth.begun), len(bench.truth.entries)
        result.messages, result.refused, result.virtual_s = bench.air.messages, bench.refused, bench.timeline.now_s
        self._note(result.cuts, result.records, result.messages, round(result.virtual_s, 3))
        return result

    # -- the weather

    def _weather(self) -> None:
        if self.bench.calm:
            return
        self.bench.air.weather = worse(self.bench.air.weather, self.rng)
        if self.rng.random() < 0.1:
            self.bench.air.partition(self.rng.expovariate(1 / 86_400))
        self.bench.timeline.after(self.rng.expovariate(1 / 300), self._weather)

    def _fair_weather(self) -> None:
        """Faults end, people go on coming. Nothing is restarted for that: what hangs must come loose by itself."""
        bench = self.bench
        bench.calm = True
        bench.air.calm()
        for node in (self.station, self.district):
            node.disk.cut_at = node.disk.fault = None
            node.boots += 1
        self.station.open_day(PEOPLE_IN_FAIR_WEATHER)

    def _drained(self) -> bool:
        """Nothing waits, nobody sits there, and no enrolment is half-way. Cheap answers first: this is asked after every event."""
        station = self.station
        if station.people or not station.sender.idle() or station.program is None or self.district.store is None:
            return False
        enrolment = station.there.open_enrolment()
        return (enrolment is None or enrolment.committed is not None) and not station.there.outbox(1)

    # -- the attacker, who aims at what is outstanding

    def _attack(self) -> None:
        if self.bench.calm:
            return
        if self.rng.random() < 0.5:
            self.station.guard(self._strike)
        self.bench.timeline.after(self.rng.expovariate(1 / 40), self._attack)

    def _strike(self) -> None:
        waiting = self.station.there.outbox(50) if self.station.program else []
        if not waiting:
            return
        target = self.rng.choice(waiting)
        envelope = self.station.there.envelope(target.sequence)
        strikes = (
            lambda: self._down(Receipt(self._forged_receipt(target.sequence, target.record_id, envelope))),
            lambda: self._down(Receipt(self._altered(self._forged_receipt(target.sequence, target.record_id, envelope)))),
            lambda: self._down(Have(self.rng.choice((0, self.station.sender._round)), ((0, 2**31),), ((0, 2**31),))),
            lambda: self._down(Have(self.station.sender._round, (), (), ())),
            lambda: self._false_chunk(target.record_id or bytes(16)),
            lambda: self._up(Entry(self._altered(envelope))),
            lambda: self._up(Entry(sign1(parse1(envelope, 1 << 16).payload, THIEF, parse1(envelope, 1 << 16).content_type))),
            lambda: self._up(Ask(self.rng.getrandbits(32), ((0, 2**31),), (self.rng.randbytes(16),) * MAX_RECORDS)),
        )
        self.rng.choice(strikes)()

    def _false_chunk(self, record_id: bytes) -> None:
        self._aimed_at.add(record_id.hex())
        self._up(Chunk(record_id, self.rng.randrange(3), 0, self.rng.randbytes(40)))

    def _forged_receipt(self, sequence: int, record_id: bytes | None, envelope: bytes) -> bytes:
        """All facts right, the key is not the district's."""
        receipt = SignedReceipt(
            district=DISTRICT, station=STATION, record_id=record_id, sequence=sequence, manifest_sha256=hashlib.sha256(envelope).digest(),
            outcome="stored", reason="", district_sequence=1, wall_s=0, head=bytes(32),
        )
        return sign1(encode_receipt(receipt), THIEF, RECEIPT_TYPE)

    def _altered(self, data: bytes) -> bytes:
        bad = bytearray(data)
        bad[self.rng.randrange(len(bad))] ^= 1 << self.rng.randrange(8)
        return bytes(bad)

    def _down(self, message: Have | Receipt) -> None:
        frame = encode(message)
        self.station._arrive(Kind(frame[1]).name.lower(), frame)

    def _up(self, message: Ask | Chunk | Entry) -> None:
        frame = encode(message)
        self.district._arrive(type(decode(frame)).__name__.lower(), frame)

    # -- the reckoning

    def _reckon(self) -> None:
        truth, result = self.bench.truth, self.result
        if self.district.store is None or self.station.program is None:
            result.add("stuck", "a machine does not start on a disk without faults")
            return
        if not self._drained():
            result.add("stuck", f"after {QUIET_S} s: {[(item.sequence, item.kind) for item in self.station.there.outbox(5)]}")
        for kind, text in self.bench.findings:
            result.add(kind, text)
        stored = self._stored()
        self._reckon_plain()
        for record_id in truth.promised:
            if record_id not in stored:
                result.add("lost", f"record {record_id.hex()} was saved and is not at the district")
        for record_id, found in stored.items():
            if found != [hashlib.sha256(part).digest() for part in truth.begun.get(record_id, [])]:
                result.add("forged", f"record {record_id.hex()} has other bytes than were sealed")
        self._reckon_entries()
        self._reckon_alarms()

    def _reckon_plain(self) -> None:
        """What was sealed for the vault opens there, and only what was put in comes out."""
        store = self.district.store
        assert store is not None
        for (record_id, index), plain in self.bench.truth.plain.items():
            row = store.connection.execute("SELECT envelope FROM entries WHERE record_id = ? AND settled = 1", (record_id,)).fetchone()
            if row is None:
                continue
            manifest = decode_manifest(parse1(row[0], ENTRY_BYTES_MAX).payload)
            part, keys = manifest.parts[index], manifest.keys
            sealed = bytes(self.district.disk.names[f"{store.payloads.folder(STATION, record_id)}/{index:02d}.part"].seen)
            if open_sealed(sealed, record_id, part, keys) != plain:
                self.result.add("forged", f"part {index} of record {record_id.hex()} does not open to what was sealed")

    def _stored(self) -> dict[bytes, list[bytes]]:
        """Complete records at the district, by what their files really hold."""
        store = self.district.store
        assert store is not None
        rows = list(store.connection.execute("SELECT record_id FROM entries WHERE settled = 1 AND record_id IS NOT NULL"))
        if len(rows) != len(set(rows)):
            self.result.add("duplicated", "a record id is complete twice")
        counts = dict(store.connection.execute("SELECT record_id, count(*) FROM parts JOIN entries USING (hash) GROUP BY hash"))
        return {row[0]: [store.payloads.digest(STATION, row[0], part) for part in range(counts[row[0]])] for row in rows}

    def _reckon_alarms(self) -> None:
        """Bytes that only the line damaged must never come as far as the hash: the CRC is there for that."""
        store = self.district.store
        assert store is not None
        for (subject,) in store.connection.execute("SELECT subject FROM alarms WHERE kind = 'content'"):
            if subject not in self._aimed_at:
                self.result.add("forged", f"damaged bytes of record {subject} passed for whole")

    def _reckon_entries(self) -> None:
        store, truth, result = self.district.store, self.bench.truth, self.result
        assert store is not None
        entries = list(store.connection.execute("SELECT sequence, outcome FROM entries"))
        receipts = [row[0] for row in store.connection.execute("SELECT hash FROM receipts")]
        sequences = [sequence for sequence, _ in entries]
        if len(sequences) != len(set(sequences)) or len(receipts) != len(set(receipts)):
            result.add("duplicated", "two entries under one number, or two receipts for one entry")
        for sequence, outcome in entries:
            if outcome != "stored":
                result.add("stuck", f"entry {sequence} is {outcome}")
        for sequence in truth.entries - set(sequences):
            result.add("lost", f"entry {sequence} was committed and is not at the district")
        for sequence in truth.received - set(sequences):
            result.add("forged", f"the station believes that entry {sequence} was received")


@contextmanager
def disks() -> Iterator[tuple[DiskVfs, DiskVfs]]:
    """The two simulated disks that SQLite knows by name. A connection that dies with its machine cannot close; nobody needs to hear of it."""
    station, district = DiskVfs("crash-station", Disk(random.Random(0))), DiskVfs("crash-district", Disk(random.Random(0)))
    hook, sys.unraisablehook = sys.unraisablehook, lambda _problem: None
    try:
        yield station, district
    finally:
        sys.unraisablehook = hook
        station.unregister()
        district.unregister()


def run_world(seed: str, cuts: int = CUTS_A_WORLD) -> Result:
    """Deterministic for its seed."""
    with disks() as (station, district):
        world = World(seed, station, district)
        try:
            return world.run(cuts)
        finally:
            world.station.stopped()
            world.district.stopped()
