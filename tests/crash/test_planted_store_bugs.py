"""The gate is tested too: each bug below is put into the store, and the lives on the simulated disk must find it.

A store bug that nobody can find here is a hole in the gate, so a bug that is not found fails this test. Run with -s to see
by which gate and in which world each was found.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw
import pytest

from edge.errors import StoreError
from edge.store import check, database, salvage, store, tables
from edge.store.database import Database
from edge.store.store import Store
from protocols.canonical import FormatError
from simulators.disk import Disk
from tools.crash_report import Findings
from tools.crash_store_errors import error_loop
from tools.crash_store_lives import CUTS_A_WORLD, run_world
from tools.crash_store_rot import rot_world

WORLDS = 60
Patch = pytest.MonkeyPatch


def by_cuts(world: str) -> Findings:
    return run_world(world, CUTS_A_WORLD).findings


def by_flips(world: str) -> Findings:
    return rot_world(world, 40)[1]


def by_errors(world: str) -> Findings:
    return error_loop(world, "SYNC", sticky=False)[1]


@dataclass(frozen=True)
class Bug:
    """What is done to the store, how the day would have ended, and the gate that must find it."""

    plant: Callable[[Patch], None]
    harm: str
    gate: Callable[[str], Findings] = by_cuts


def synchronous(level: str) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        patch.setattr(database, "_configure", _after(database._configure, lambda connection: connection.pragma("synchronous", level)))

    return plant


def _after(original: Callable[[Any], None], change: Callable[[Any], object]) -> Callable[[Any], None]:
    def both(connection: apsw.Connection) -> None:
        original(connection)
        change(connection)

    return both


def memory_journal(patch: Patch) -> None:
    """The journal that a torn commit is undone from is only in memory."""
    original = database._configure
    patch.setattr(database, "_configure", _after(original, lambda connection: connection.pragma("journal_mode", "MEMORY")))


def journal_apart(patch: Patch) -> None:
    """The part and the journal in two commits."""
    def commit_part(self: Store, record_id: bytes, part: Any, progress: bytes) -> None:
        original(self, record_id, part, b"old")
        self.save_progress(record_id, progress)

    original = Store.commit_part
    patch.setattr(Store, "commit_part", commit_part)


def early_answer(patch: Patch) -> None:
    """The call returns while its transaction is still open; the next call commits it."""
    original = Database.read

    @contextmanager
    def read(self: Database) -> Iterator[apsw.Connection]:
        with original(self) as connection:
            if connection.in_transaction:
                connection.execute("COMMIT")
            yield connection

    @contextmanager
    def write(self: Database) -> Iterator[apsw.Connection]:
        with self.read() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    patch.setattr(Database, "read", read)
    patch.setattr(Database, "write", write)
    patch.setattr(Database, "checkpoint", lambda _self, *_mode: None)


def head_apart(patch: Patch) -> None:
    """The number advances in a commit of its own before the entry is there."""
    def append_entry(connection: apsw.Connection, envelope: bytes, sequence: int, digest: bytes, *rest: Any) -> int:
        connection.execute("UPDATE head SET sequence = ?, hash = ?", (sequence, digest))
        connection.execute("COMMIT; BEGIN IMMEDIATE")
        connection.execute("UPDATE head SET sequence = ?", (sequence - 1,))
        return original(connection, envelope, sequence, digest, *rest)

    original = tables.append_entry
    patch.setattr(store, "append_entry", append_entry)


def record_apart(patch: Patch) -> None:
    """The ledger has the record before the journal knows it: closed again after a cut, it is there twice."""
    def append_entry(connection: apsw.Connection, *entry: Any) -> int:
        size = original(connection, *entry)
        connection.execute("COMMIT; BEGIN IMMEDIATE")
        return size

    original = tables.append_entry
    patch.setattr(store, "append_entry", append_entry)


def statement(old: str, new: str, owner: Any, name: str) -> Callable[[Patch], None]:
    """Rewrite SQL on its way to SQLite inside one method."""
    def plant(patch: Patch) -> None:
        original = getattr(owner, name)

        def method(*arguments: Any, **named: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(store, "rows", _rewriting(store.rows, old, new))
                inner.setattr(store, "first", _rewriting(store.first, old, new))
                return original(*arguments, **named)

        patch.setattr(owner, name, method)

    return plant


def _rewriting(query_function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    def call(connection: apsw.Connection, query: str, *bindings: object) -> Any:
        return query_function(connection, query.replace(old, new), *bindings)

    return call


def any_receipt(patch: Patch) -> None:
    """A receipt is believed by its number alone."""
    def first(connection: apsw.Connection, query: str, *bindings: object) -> Any:
        row = original(connection, query, *bindings)
        return _Agreeable(row) if row and query.startswith("SELECT hash, record_id, outcome") else row

    original = tables.first
    patch.setattr(store, "first", first)


class _Agreeable(tuple[Any, ...]):
    """A row whose first columns equal whatever they are compared with."""

    def __getitem__(self, index: Any) -> Any:
        return _Anything() if isinstance(index, slice) else super().__getitem__(index)


class _Anything:
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def retake_added(patch: Patch) -> None:
    """A retake does not replace."""
    def slot(connection: apsw.Connection, number: int, _part: Any) -> int:
        (last,) = tables.one(connection, "SELECT coalesce(max(number) + 1, ?1 * 256) FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255", number)
        return int(last)

    patch.setattr(tables, "_slot", slot)


def no_reserve(patch: Patch) -> None:
    """People are called to the desk until the disk is full."""
    patch.setattr(Store, "enrolments_left", lambda _self: 1)


def carry_on(patch: Patch) -> None:
    """After a failed sync the same connection goes on."""
    patch.setattr(Database, "_distrust", lambda _self, _error: None)


def believe_cache(patch: Patch) -> None:
    """After a failed sync the log is read back from the cache, not from the disk, and added to."""
    patch.setattr(Disk, "forget_cache", lambda _self, _path: None)
    patch.setattr(Database, "_open_checked", lambda self, folder: self._connect(folder, False))


def half_made(patch: Patch) -> None:
    """A store that a cut left half made is taken for a whole one."""
    def finish_exchange(folder: Any, files: Any) -> None:
        making = folder.with_name(folder.name + ".making")
        if files.exists(making) and not files.exists(folder):
            files.rename(making, folder)
        original(folder, files)

    original = salvage.finish_exchange
    patch.setattr(database, "finish_exchange", finish_exchange)


def fresh_on_doubt(patch: Patch) -> None:
    """Whatever looks wrong at the start is answered with a new store."""
    def suspicious(connection: apsw.Connection, *rest: Any) -> None:
        check.check_structure(connection, *rest)
        if tables.first(connection, "SELECT 1 FROM enrolment"):
            raise check.Damaged("an enrolment is open")

    patch.setattr(database, "check_structure", suspicious)


def stale_part(patch: Patch) -> None:
    """The last part read stays in memory although a retake replaced it."""
    original = Store.commit_part

    def commit_part(self: Store, *arguments: Any) -> None:
        kept = self._last_read
        original(self, *arguments)
        self._last_read = kept

    patch.setattr(Store, "commit_part", commit_part)


def forget_receipts(patch: Patch) -> None:
    """The purge takes the receipt with the content."""
    original = Store.purge

    def purge(self: Store, before_wall_s: int) -> int:
        count = original(self, before_wall_s)
        with self._database.write() as connection:
            connection.execute("UPDATE ledger SET receipt = NULL WHERE envelope IS NULL")
            connection.execute(f"UPDATE ledger SET guard = guard({tables.GUARDED['ledger'][1]}) WHERE envelope IS NULL")
        return count

    patch.setattr(Store, "purge", purge)


def no_start_check(patch: Patch) -> None:
    """The file is believed as it is."""
    patch.setattr(database, "check_structure", lambda _connection, _schema, _deep: None)


def no_guards(patch: Patch) -> None:
    """SQLite's own check is held to be enough."""
    patch.setattr(check, "_check_guards", lambda _connection: None)


def header_gives_up(patch: Patch) -> None:
    """What a damaged header names is gone."""
    @contextmanager
    def only_as_it_is(_file: Any, _files: Any, _vfs: Any, _prepare: Any, as_it_is: Callable[[], apsw.Connection]) -> Iterator[apsw.Connection | None]:
        try:
            connection = as_it_is()
        except (apsw.Error, check.Damaged):
            yield None
            return
        yield connection
        connection.close(True)

    patch.setattr(database, "mended", only_as_it_is)


def named_damage_only(patch: Patch) -> None:
    """Only what SQLite calls corrupt is taken for damage."""
    patch.setattr(database, "MACHINE", (*database.MACHINE, apsw.SQLError))


def no_part_hash(patch: Patch) -> None:
    """A sealed part is sent as the disk gives it."""
    def read_part(self: Store, record_id: bytes, index: int) -> bytes:
        with self._database.read() as connection:
            number = tables.record_number(connection, record_id) * tables.PARTS_MAX + index
            return bytes(tables.one(connection, "SELECT sealed FROM part WHERE number = ?", number)[0])

    patch.setattr(Store, "_read_part", read_part)


BUGS = {
    "synchronous=OFF": Bug(synchronous("OFF"), "saved parts are gone"),
    "synchronous=NORMAL": Bug(synchronous("NORMAL"), "the last saved parts are gone"),
    "journal in memory": Bug(memory_journal, "half a commit"),
    "journal apart from part": Bug(journal_apart, "a part without its step"),
    "answer before commit": Bug(early_answer, "saved on the screen, not on the disk"),
    "head apart from entry": Bug(head_apart, "a number without an entry"),
    "entry apart from journal": Bug(record_apart, "the same person twice"),
    "purge before receipt": Bug(statement("outcome = 'stored' AND ", "", Store, "purge"), "content gone, never delivered"),
    "purge before retention": Bug(statement("AND received_s < ?", "AND ?1 IS NOT NULL", Store, "purge"), "content gone too early"),
    "purge takes receipts": Bug(forget_receipts, "no proof of delivery"),
    "receipt by number alone": Bug(any_receipt, "a record counts as delivered that is not"),
    "order without urgency": Bug(statement("urgent DESC, sequence", "sequence", Store, "outbox"), "the urgent record waits"),
    "retake added": Bug(retake_added, "two pictures of one finger"),
    "no reserve": Bug(no_reserve, "a recording that cannot be finished"),
    "believing the cache": Bug(believe_cache, "saved on top of what the disk does not have"),
    "half-made store": Bug(half_made, "a store that cannot be opened"),
    "new store on doubt": Bug(fresh_on_doubt, "set aside without a reason"),
    "stale part": Bug(stale_part, "the replaced picture is sent"),
    "start without a check": Bug(no_start_check, "damage spreads", by_flips),
    "rows without a guard": Bug(no_guards, "a key that opens nothing", by_flips),
    "part hash not checked": Bug(no_part_hash, "a spoilt picture is sent", by_flips),
    "giving up on a damaged header": Bug(header_gives_up, "every waiting record stays behind", by_flips),
    "damage by its name alone": Bug(named_damage_only, "the station never starts again", by_flips),
    "going on after a failed sync": Bug(carry_on, "what was refused comes back later", by_errors),
}
FOUND: dict[str, str] = {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = BUGS[name]
    bug.plant(monkeypatch)
    for world in range(WORLDS):
        try:
            findings = bug.gate(f"planted/{world}")
        except (apsw.Error, ValueError, FormatError, StoreError) as error:
            findings = Findings(stuck=1, first=f"the store fell over ({type(error).__name__})")
        if findings.total:
            FOUND[name] = f"{bug.gate.__name__}, world {world}: {findings.first[:70]}"
            return
    pytest.fail(f"{name} was not found in {WORLDS} worlds ({bug.harm})")


def test_all_planted_bugs_were_found() -> None:
    if not FOUND:
        pytest.skip("run the whole file: this counts what the tests before it found")
    missing = sorted(set(BUGS) - set(FOUND))
    lines = [f"{name}: {where}" for name, where in FOUND.items()]
    print(f"\n{len(FOUND)} of {len(BUGS)} planted store bugs found", *lines, sep="\n  ")
    assert not missing, f"{len(FOUND)} of {len(BUGS)} found, missing {missing}"
