"""The crash test's station: the store, ledger, carrier and sender that ship; only the loop of `edge.uplink.uplink` is stood in for."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf

from edge.errors import StoreError, StoreFull
from edge.store.ledger import Ledger, RecordDraft
from edge.store.store import Store
from edge.store.values import SealedPart
from edge.uplink.carrier import Carrier, Disputed, receipt_verifier
from protocols.custody import Have, Limits, Pace, Receipt, SendChunk, SendEntry, Sender, WireError, decode
from protocols.record import PartRef, Step, WrappedKey, encode_keys
from protocols.sealing import RecordSealer, SoftwareSigner, generate_audience, kid_of, open_part
from simulators.disk import DiskVfs
from tools.crash_system_nodes import BROKEN, DISTRICT_KEY, FOLDER, STATION, STATION_KEY, Bench, Node

RESERVE, RECORD_BYTES = 60_000, 30_000
PART_BYTES = (40, 700, 2_500, 6_000)
LIMITS = Limits(first_window=8_192, min_window=2_048, first_life=4_096, max_chunk=2_048)
WRAPPED = encode_keys((WrappedKey(audience="vault", kid=bytes(16), wrapped=bytes(64)),))
VAULT = generate_audience()
REAL_OF_256 = 3
"""records of 256 whose parts are really sealed; the rest have random bytes for parts"""


@dataclass(frozen=True, slots=True)
class Program:
    """What runs between two starts."""

    store: Store
    ledger: Ledger
    carrier: Carrier


class StationNode(Node):
    """Records people, keeps, sends."""

    def __init__(self, bench: Bench, vfs: DiskVfs) -> None:
        super().__init__(bench, "station", vfs)
        self.signer = SoftwareSigner(STATION_KEY)
        kid = kid_of(DISTRICT_KEY.public_key())
        self._verify = receipt_verifier(lambda found: DISTRICT_KEY.public_key() if found == kid else None)
        self.program: Program | None = None
        self._started = False
        self._sealer: tuple[bytes, RecordSealer] | None = None
        self.sender = Sender(Pace(LIMITS))
        self._wake_s = inf
        self._line = 0
        self._committed = True
        self.people = 0
        """still to be recorded in this life"""
        bench.air.to_station = self._arrive

    def start(self) -> None:
        store = Store.open(FOLDER, RESERVE, record_bytes=RECORD_BYTES, vfs=self.vfs_name, files=self.disk)
        ledger = Ledger(store, self.signer, STATION, self.clock, self.bench.rng.randbytes(16))
        self.program = Program(store, ledger, Carrier(store, STATION, self._verify))
        self.sender = Sender(Pace(LIMITS), first_round=self.bench.rng.getrandbits(32))
        self._wake_s = inf
        self._old_until = store.head().sequence
        self._check_promises(store)
        self._boot_event()
        self.open_day(self.bench.rng.randrange(5))
        self._started = True
        self._connect()

    def stopped(self) -> None:
        program, self.program, self._sealer, self._started = self.program, None, None, False
        if program is not None:
            with suppress(*BROKEN):
                program.store.close()

    def failed(self, error: Exception) -> None:
        super().failed(error)
        if not self._started:
            self.restart_program()
        else:
            self.later(5.0, self._next_person)

    @property
    def there(self) -> Store:
        return self._running.store

    @property
    def _running(self) -> "Program":
        assert self.program is not None
        return self.program

    def open_day(self, people: int) -> None:
        """So many people come, one after the other; a program that is just starting opens the day itself."""
        if self.program is None:
            return
        self.people = people
        self.later(self.bench.rng.expovariate(1 / 10), self._next_person)

    def _check_promises(self, store: Store) -> None:
        """Everything that the screen called saved is still here, or has its receipt."""
        waiting = {item.sequence for item in store.outbox(100_000)}
        for record_id, sequence in self.bench.truth.promised.items():
            if sequence not in waiting and sequence not in self.bench.truth.received and store.receipt(sequence) is None:
                self.bench.findings.append(("false_saved", f"record {record_id.hex()} is gone after boot {self.boots}"))

    # -- recording

    def _boot_event(self) -> None:
        if self.bench.rng.random() < 0.3:
            self.bench.truth.entries.add(self._running.ledger.event("boot", {"life": self.life}))

    def _next_person(self) -> None:
        found = self.there.open_enrolment()
        if found is None or found.committed is not None:
            if found is not None:
                self._promise(found.record_id, found.committed or 0)
                self.there.end_enrolment()
            if self.people <= 0:
                return
            self.people -= 1
            self._begin()
        elif len(found.parts) < 1 + found.record_id[0] % 3:
            self._part(found.record_id, len(found.parts) + 1)
        else:
            self._close(found.record_id)
        self.later(self.bench.rng.expovariate(1 / 4), self._next_person)

    def _begin(self) -> None:
        record_id = self.bench.rng.randbytes(16)
        try:
            self.there.begin(record_id, 1, b"p", WRAPPED)
        except StoreFull:
            self.people = 0

    def _part(self, record_id: bytes, position: int) -> None:
        plain = self.bench.rng.randbytes(self.bench.rng.choice(PART_BYTES))
        sealed, epoch = self._seal(record_id, position, plain) if record_id[1] < REAL_OF_256 else (plain, 0)
        self.there.commit_part(record_id, SealedPart("finger", position, "image/png", sealed, epoch), b"p")

    def _seal(self, record_id: bytes, position: int, plain: bytes) -> tuple[bytes, int]:
        """With the real thing; each power life has a key of its own."""
        if self._sealer is None or self._sealer[0] != record_id:
            sealer = RecordSealer(record_id, STATION, {"vault": VAULT[1]}, self.bench.rng.randbytes)
            sealer.key_epoch = self.there.add_key_epoch(record_id, encode_keys(sealer.wrapped))
            self._sealer = record_id, sealer
        self.bench.truth.plain[record_id, position - 1] = plain
        return bytes(self._sealer[1].seal_part("finger", position, plain)), self._sealer[1].key_epoch

    def _close(self, record_id: bytes) -> None:
        store = self.there
        parts = [store.part(record_id, index, 0, size) for index, size in enumerate(store.parts(record_id))]
        self.bench.truth.begun[record_id] = parts
        urgent = self.bench.rng.random() < 0.1
        draft = RecordDraft(record_id, (Step(step="fingers", duration_ms=1, attempts=1),), (), "mains", b"op", b"p", urgent=urgent)
        sequence, _ = self._running.ledger.close_record(draft)
        self._promise(record_id, sequence)
        self._committed = True
        self._serve()

    def _promise(self, record_id: bytes, sequence: int) -> None:
        """The screen says saved."""
        self.bench.truth.promised[record_id] = sequence
        self.bench.truth.entries.add(sequence)
        self.bench.note("saved", sequence)
        try:
            self.there.envelope(sequence)
        except StoreError as error:
            if error.code == "content_unreadable" and sequence not in self.bench.truth.received:
                self.bench.findings.append(("false_saved", f"entry {sequence} was called saved and is not there"))

    # -- sending, as edge/uplink/uplink.py

    def _connect(self) -> None:
        self._line += 1
        self.sender.connected(self.bench.timeline.now_s)
        self._committed = True
        if not self.bench.calm:
            self.later(self.bench.rng.expovariate(1 / 200), partial(self._cut_line, self._line))
        self._serve()

    def _cut_line(self, line: int) -> None:
        """What ends this connection; another may have taken its place."""
        if line == self._line:
            self._hang_up(self.bench.rng.expovariate(1 / 10))

    def _hang_up(self, away_s: float) -> None:
        """There is one connection or one wait for the next, never two."""
        self._line += 1
        self.sender.disconnected()
        self.later(away_s, partial(self._dial, self._line))

    def _dial(self, line: int) -> None:
        if line == self._line:
            self._connect()

    def _serve(self) -> None:
        """A store that fails ends the connection; the next one tries again."""
        try:
            if self._committed:
                self._load()
                self._committed = False
            self._pump()
        except StoreError:
            if self.disk.off:
                raise
            self._hang_up(10.0)

    def _load(self) -> None:
        waiting = [item for item in self.there.outbox(100_000) if not self.sender.knows(item.sequence)]
        items = self._running.carrier.items(waiting)
        self.sender.offer([item for item in items if item.sequence <= self._old_until], fresh=False)
        self.sender.offer([item for item in items if item.sequence > self._old_until], fresh=True)

    def _pump(self) -> None:
        now_s = self.bench.timeline.now_s
        while (effect := self.sender.next(now_s)) is not None:
            try:
                word, frame = self._running.carrier.frame(effect)
            except StoreError:
                if self.disk.off:
                    raise
                if isinstance(effect, SendChunk | SendEntry):
                    self.sender.unreadable(effect.sequence)
                self.restart_program()
                return
            self.bench.air.up(word, frame)
        self._sleep()

    def _sleep(self) -> None:
        wake_s = self.sender.wake_s()
        if wake_s < self._wake_s or self._wake_s <= self.bench.timeline.now_s:
            self._wake_s = wake_s
            if wake_s < inf:
                self.later(wake_s - self.bench.timeline.now_s, self._serve)

    def _arrive(self, word: str, frame: bytes) -> None:
        self.guard(lambda: self._take_in(word, frame))

    def _take_in(self, word: str, frame: bytes) -> None:
        if self.program is None:
            return
        if word == "hello":
            self.sender.district_came(self.bench.timeline.now_s + self.bench.rng.random())
            self._sleep()
            return
        try:
            message = decode(frame)
        except WireError:
            return
        if isinstance(message, Have):
            self.sender.have(message, self.bench.timeline.now_s)
        elif isinstance(message, Receipt):
            self._receipt(message.envelope)
        self._serve()

    def _receipt(self, signed: bytes) -> None:
        try:
            sequence = self._running.carrier.receipt(signed)
        except Disputed as disputed:
            self.sender.disputed(disputed.sequence)
            return
        except StoreError:
            if self.disk.off:
                raise
            return
        if sequence is None:
            return
        self.bench.truth.received.add(sequence)
        self.sender.receipted(sequence, self.bench.timeline.now_s)
        self.bench.note("received", sequence)
        if self.bench.rng.random() < 0.3:
            self.there.purge(2**40)


def open_sealed(sealed: bytes, record_id: bytes, part: PartRef, keys: tuple[tuple[WrappedKey, ...], ...]) -> bytes:
    """As the vault does."""
    own = keys[part.key_epoch]
    return open_part(VAULT[0], own, sealed, station=STATION, record_id=record_id, kind=part.kind, position=part.position, epoch=part.key_epoch)
