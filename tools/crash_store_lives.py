"""Lives of a store on the simulated disk: it is opened, compared with what it promised, used, and cut off; then again.

An operation that was under way may have happened whole or not at all. Everything else must be there, once, unchanged, and a disk
without faults must always be usable. Signatures are a stub: what they are worth is not the question here.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import apsw

from edge.errors import StoreError, StoreFull
from edge.store.ledger import Ledger, RecordDraft
from edge.store.store import Store
from edge.store.values import SealedPart
from protocols.canonical import strict_loads
from protocols.record import Outcome, Step, WrappedKey, decode_entry, encode_keys
from protocols.sealing import ENTRY_TYPE, sign1
from simulators.disk import Disk, DiskVfs, Fault, PowerCut
from tools.crash_report import Findings
from tools.crash_store_model import Entry, Open, Part, State, differences

VFS = "simulated"
FOLDER = Path("/disk/store")
RESERVE, RECORD_BYTES = 20_000, 60_000
CUTS_A_WORLD = 40
"""short worlds: the cost of comparing grows with the ledger"""
REFUSALS_A_DAY = 3
"""how often an operator tries again on a disk that stays broken"""
PART_BYTES = (40, 900, 3_000, 9_000)
WRAPPED = encode_keys((WrappedKey(audience="vault", kid=bytes(16), wrapped=bytes(64)),))
PLACES = (("population", 0), ("face", 0), ("signature", 0), *(("finger", position) for position in range(1, 11)), ("iris", 1), ("iris", 2))


class StubSigner:
    """As long as a signature and different for different bytes; remembers what it signed last."""

    kid = bytes(16)
    payload = b""

    def sign(self, to_be_signed: bytes) -> bytes:
        structure = strict_loads(to_be_signed, 1 << 20)
        assert isinstance(structure, list)
        self.payload = structure[3]
        return bytes(32) + hashlib.sha256(to_be_signed).digest()


class StillClock:
    """Order must not come from time, so there is none."""

    def monotonic_s(self) -> float:
        return 0.0

    def wall_s(self) -> float:
        return 0.0

    def trust(self) -> str:
        return "none"

    async def sleep_s(self, seconds: float) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class ReceiptOf:
    """What a verified receipt says."""

    sequence: int
    manifest_sha256: bytes
    record_id: bytes | None
    outcome: Outcome
    wall_s: int


@dataclass
class Result:
    """Of one world."""

    cuts: int = 0
    records: int = 0
    operations: int = 0
    findings: Findings = field(default_factory=Findings)
    trace: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def note(self, *words: object) -> None:
        self.trace.update(repr(words).encode())


class World:
    """One simulated card from its first use on."""

    def __init__(self, seed: str, vfs: DiskVfs) -> None:
        self.rng = random.Random(seed)
        self.disk = Disk(random.Random(f"{seed} disk"))
        vfs.disk = self.disk
        self._part_bytes: tuple[int, ...] = PART_BYTES
        self._purges = 1.0
        if self.rng.random() < 0.3:
            self._purges = 0.1
            self.disk.capacity, self._part_bytes = RESERVE + self.rng.randrange(3, 5) * RECORD_BYTES, PART_BYTES[-1:]
        self.result = Result()
        self.state = State()
        self._maybe: Callable[[], State] | None = None
        self._signer = StubSigner()
        self._store: Store | None = None

    def run(self, cuts: int) -> Result:
        """Lives until so many power cuts, then one quiet life in which all must be well."""
        while self.result.cuts < cuts and not self.result.findings.total:
            self._life(cut_at=self._tick() if self.rng.random() < 0.9 else None, faulty=self.rng.random() < 0.2)
        if not self.result.findings.total:
            self._life(cut_at=None, faulty=False)
        self._store = None
        return self.result

    def day(self, fault: Fault, operations: int) -> bool:
        """The first day of a new card up to an error, then a cut and a quiet life; True when the fault struck."""
        self.disk.fault = fault
        patience = REFUSALS_A_DAY if fault.sticky else 1
        for _ in range(operations):
            with self._faults_allowed():
                self._operate()
            patience -= self._maybe is not None
            if not patience:
                break
        struck = self.disk.ticks >= fault.at
        with suppress(PowerCut):
            self._end(orderly=False)
        self._store = None
        self._life(cut_at=None, faulty=False)
        return struck

    def rest(self) -> None:
        """An orderly end: the log is in the main file."""
        self.disk.restart()
        self._open()
        self._there.close()
        self._store = None
        for inode in self.disk.names.values():
            inode.sync()

    def _tick(self) -> int:
        """When to strike: starting takes about 35 ticks, a commit 5 to 40."""
        return self.rng.randrange(1, 61) if self.rng.random() < 0.4 else self.rng.randrange(30, 400)

    def _life(self, cut_at: int | None, faulty: bool) -> None:
        self.disk.restart()
        self.disk.cut_at = cut_at
        if faulty:
            self.disk.fault = Fault(self._tick(), self.rng.choice(("IOERR", "FULL", "SYNC")), self.rng.random() < 0.3)
        try:
            self._work()
            self._end(orderly=self.rng.random() < 0.5)
        except (PowerCut, StoreError, apsw.Error):
            if not self.disk.off:
                raise
            self.result.cuts += 1
            self.result.note("cut", self.disk.ticks)
        finally:
            self._store = None

    def _work(self) -> None:
        with self._faults_allowed():
            self._open()
        for _ in range(self.rng.randrange(1, 13)):
            with self._faults_allowed():
                self._operate()
            after_error = self._maybe is not None and self.rng.random() < 0.5
            if after_error or self.result.findings.total:
                return

    def _end(self, orderly: bool) -> None:
        """The disk is repaired, everything must be there; then the plug or the orderly end."""
        self.disk.fault = None
        with self._faults_allowed():
            self._open()
        if orderly and self._store is not None:
            self._store.close()
            self.result.note("closed")
        else:
            self.disk.off = True
            self.disk.tick()

    @contextmanager
    def _faults_allowed(self) -> Iterator[None]:
        """A refused operation promised nothing; without a fault it is a finding."""
        fault = self.disk.fault
        try:
            yield
        except StoreError as error:
            if self.disk.off:
                raise
            self.result.note("refused", error.code)
            if fault is None:
                self.result.findings.add("stuck", f"{error} without a fault, at cut {self.result.cuts}")

    def _open(self) -> None:
        """Open if need be and compare; what was under way has happened whole or not at all."""
        if self._store is None:
            self._store = Store.open(FOLDER, RESERVE, record_bytes=RECORD_BYTES, vfs=VFS, files=self.disk)
        self._compare(self._store)

    def _compare(self, store: Store) -> None:
        after = self._maybe() if self._maybe else self.state
        if after is not self.state and not differences(store, after):
            self.state = after
        else:
            for kind, text in differences(store, self.state):
                self.result.findings.add(kind, f"{text}, after cut {self.result.cuts}")
        self._maybe = None
        self.result.note(self.state.sequence, self.disk.ticks)

    def _operate(self) -> None:
        """One operation, chosen among those that make sense now."""
        if self._store is None or self._maybe is not None:
            self._open()
        choices = [self._event, self._event, self._set_setting, self._receive, self._receive, self._receive_foreign, self._purge]
        if self.state.open is None or self.state.open.committed is not None:
            choices += [self._begin] * 6 + ([self._end_enrolment] * 2 if self.state.open else [])
        else:
            choices += [self._commit_part] * 12 + [self._close_record] * 4 + [self._add_epoch, self._abandon, self._read_back, self._read_back]
        choice = self.rng.choice(choices)
        self.result.operations += 1
        self.result.note(choice.__name__)
        choice()

    def _attempt(self, call: Callable[[], object], after: Callable[[], State]) -> None:
        self._maybe = after
        call()
        self.state, self._maybe = after(), None

    @property
    def _there(self) -> Store:
        assert self._store is not None
        return self._store

    @property
    def _ledger(self) -> Ledger:
        self._signer.payload = b""
        return Ledger(self._there, self._signer, "stasiun-1", StillClock(), bytes(16))

    @property
    def _enrolment(self) -> Open:
        assert self.state.open is not None
        return self.state.open

    def _signed(self) -> bytes:
        """Digest of the entry that the ledger made, if it came to that; it must follow the head."""
        header = decode_entry(self._signer.payload).header
        if (header.sequence, header.previous) != (self.state.sequence + 1, self.state.head):
            self.result.findings.add("forged", f"entry {header.sequence} does not follow {self.state.sequence}")
        return hashlib.sha256(sign1(self._signer.payload, StubSigner(), ENTRY_TYPE)).digest()

    def _appended(self, entry: Entry, enrolment: Open | None) -> State:
        if not self._signer.payload:
            return self.state
        return replace(self.state, entries=self.state.with_entry(replace(entry, digest=self._signed())), open=enrolment)

    # --- the operations ---

    def _begin(self) -> None:
        record_id, ticket = self.rng.randbytes(16), self.rng.randrange(1000)
        new = Open(record_id, ticket, b"begun", (WRAPPED,))
        room = self.disk.free_bytes(FOLDER) > RESERVE + 3 * RECORD_BYTES
        try:
            self._attempt(lambda: self._there.begin(record_id, ticket, b"begun", WRAPPED), lambda: replace(self.state, open=new))
        except StoreFull:
            if room:
                raise

    def _commit_part(self) -> None:
        kind, position = self.rng.choice(PLACES)
        sealed = self.rng.randbytes(self.rng.choice(self._part_bytes) if len(self._enrolment.parts) < 6 else 40)
        epoch = self.rng.randrange(len(self._enrolment.epochs))
        part = SealedPart(kind, position, "image/png", sealed, epoch, {"sharpness": 3})  # type: ignore[arg-type]  # PLACES has the format's kinds
        progress = hashlib.sha256(sealed).digest()
        parts = self._enrolment.with_part(Part(kind, position, progress, epoch))
        new = replace(self._enrolment, parts=parts, progress=progress)
        self._attempt(lambda: self._there.commit_part(new.record_id, part, progress), lambda: replace(self.state, open=new))

    def _read_back(self) -> None:
        for index, part in enumerate(self._enrolment.parts):
            sealed = self._there.part(self._enrolment.record_id, index, 0, PART_BYTES[-1])
            if hashlib.sha256(sealed).digest() != part.digest:
                self.result.findings.add("forged", f"part {index} reads otherwise than it was saved")

    def _add_epoch(self) -> None:
        wrapped = encode_keys((WrappedKey(audience="vault", kid=self.rng.randbytes(16), wrapped=bytes(64)),))
        new = replace(self._enrolment, epochs=self._enrolment.with_epoch(wrapped))
        self._attempt(lambda: self._there.add_key_epoch(new.record_id, wrapped), lambda: replace(self.state, open=new))

    def _close_record(self) -> None:
        if not self._enrolment.parts:
            return
        urgent = self.rng.random() < 0.2
        draft = RecordDraft(self._enrolment.record_id, (Step(step="face", duration_ms=1, attempts=1),), (), "mains", b"op", b"slip", urgent)
        new = replace(self._enrolment, committed=self.state.sequence + 1, progress=b"slip")
        entry = Entry(b"", new.record_id, tuple(part.digest for part in new.parts), urgent)
        ledger = self._ledger
        self._attempt(lambda: ledger.close_record(draft), lambda: self._appended(entry, new))
        self.result.records += 1

    def _end_enrolment(self) -> None:
        self._attempt(self._there.end_enrolment, lambda: replace(self.state, open=None))

    def _abandon(self) -> None:
        ledger, record_id = self._ledger, self._enrolment.record_id
        self._attempt(lambda: ledger.abandon(record_id, "person_left"), lambda: self._appended(Entry(b""), None))

    def _event(self) -> None:
        ledger = self._ledger
        self._attempt(lambda: ledger.event("boot"), lambda: self._appended(Entry(b""), self.state.open))

    def _set_setting(self) -> None:
        value = self.rng.randbytes(8)
        new = {**self.state.settings, "clock": value}
        self._attempt(lambda: self._there.set_setting("clock", value), lambda: replace(self.state, settings=new))

    def _receive(self) -> None:
        """A receipt for any entry, also one that has its receipt."""
        numbers = [number for number, entry in self.state.entries.items() if not entry.purged or self.rng.random() < 0.1]
        if not numbers:
            return
        number, old = (found := self.rng.choice(numbers)), self.state.entries[found]
        outcome: Outcome = self.rng.choice(("stored", "stored", "stored", "rejected", "quarantined"))
        receipt = ReceiptOf(number, old.digest, old.record_id, outcome, self.rng.randrange(1000))
        signed = f"{number} {receipt}".encode()
        changes = old.outcome not in ("stored", outcome)
        entry = replace(old, outcome=outcome, receipt=signed, received_s=receipt.wall_s) if changes else old
        self._attempt(
            lambda: self._there.mark_received(receipt, signed), lambda: replace(self.state, entries={**self.state.entries, number: entry}),
        )

    def _receive_foreign(self) -> None:
        """A receipt that names one entry and speaks of another must change nothing."""
        if len(self.state.entries) < 2:
            return
        one, other = self.rng.sample(sorted(self.state.entries), 2)
        receipt = ReceiptOf(one, self.state.entries[other].digest, self.state.entries[other].record_id, "stored", 0)
        with suppress(StoreError):
            self._there.mark_received(receipt, b"foreign")

    def _purge(self) -> None:
        before_s = self.rng.randrange(1000) if self.rng.random() < self._purges else 0
        for _ in range(len(self.state.entries)):
            if not self._purge_some(before_s):
                return

    def _purge_some(self, before_s: int) -> bool:
        """The store forgets a few at a time; any of those that may go, and no others."""
        before = self.state
        at_desk = before.open.record_id if before.open else b""
        gone = {number: entry.purge(before_s) for number, entry in before.entries.items() if entry.record_id != at_desk}
        self._maybe = lambda: replace(before, entries={**before.entries, **{n: gone[n] for n in gone if self._forgotten(n)}})
        count = self._there.purge(before_s)
        self.state, self._maybe = self._maybe(), None
        return count > 0

    def _forgotten(self, number: int) -> bool:
        try:
            self._there.envelope(number)
        except StoreError as error:
            if error.code != "content_unreadable":
                raise
            return True
        return False


@contextmanager
def simulated_disk() -> Iterator[DiskVfs]:
    """Registers the VFS that `World` opens its store on."""
    vfs = DiskVfs(VFS, Disk(random.Random(0)))
    try:
        yield vfs
    finally:
        vfs.unregister()


def run_world(seed: str, cuts: int) -> Result:
    """Deterministic for its seed."""
    with simulated_disk() as vfs:
        return World(seed, vfs).run(cuts)
