"""A file that cannot be trusted is set aside whole, and what in it can be read and passes its hash goes on in a new one.

The new file is built beside the old one and exchanged by two renames of folders; a cut between any two steps is finished or begun
again at the next start. Nothing of the old folder is ever deleted or changed.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import apsw
import msgspec

from edge.store.files import Files
from edge.store.tables import GUARDED, PARTS_MAX, Row, first, guard, one, rows, set_guard, transaction
from edge.store.values import Damage, Head
from protocols.record import ENTRY_BYTES_MAX, Manifest, decode_entry
from protocols.sealing import parse1

DAMAGE_SETTING = "store.damage"
UNKNOWN_HEAD_STEP = 1_000_000_000
"""numbering goes on here when the old head is unreadable: a number that may have been used is never used twice"""
UNREADABLE = (apsw.Error, UnicodeDecodeError)
Connect = Callable[[Path, bool], apsw.Connection]
"""folder, whether it is new"""
Left = Callable[[], AbstractContextManager[apsw.Connection | None]]
"""the damaged store for reading; None when nothing of it can be read"""
CONTENT = {"part": "sealed", "ledger": "envelope"}
COLUMNS = {table: ", ".join(filter(None, (columns, "guard", CONTENT.get(table)))) for table, (_, columns) in GUARDED.items()}


def finish_exchange(folder: Path, files: Files) -> None:
    """Complete or undo what a cut interrupted: `.making` is never complete, `.new` always is."""
    for leftover in (_making(folder), _ready(folder)):
        if files.exists(leftover) and (leftover == _making(folder) or files.exists(folder)):
            files.remove(leftover)
    if files.exists(_ready(folder)):
        files.rename(_ready(folder), folder)


def make_store(folder: Path, files: Files, connect: Connect) -> None:
    """A new store appears under its name only when it is complete: an empty one that is found later is damage, not a beginning."""
    _build(folder, files, connect, lambda _: None)
    files.rename(_ready(folder), folder)


def set_aside(folder: Path, reason: str, files: Files, connect: Connect, left: Left, spare_bytes: int) -> None:
    """Exchange the store for a new one with what is `left`, as far as `spare_bytes` stay free for work.

    Raises apsw.Error or OSError when the disk fails; the old one then stays.
    """
    aside, ordinal = _free_name(folder, files)

    def has_room() -> bool:
        return files.free_bytes(folder) > spare_bytes

    def fill(target: apsw.Connection) -> None:
        with left() as source:
            carried, lost = _carry(source, target, ordinal, has_room)
        with transaction(target):
            _note(target, Damage(str(aside), reason, carried, lost))

    _build(folder, files, connect, fill)
    files.rename(folder, aside)
    files.rename(_ready(folder), folder)


def _build(folder: Path, files: Files, connect: Connect, fill: Callable[[apsw.Connection], None]) -> None:
    files.make(_making(folder))
    target = connect(_making(folder), True)
    try:
        fill(target)
        target.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        target.close(True)
    files.rename(_making(folder), _ready(folder))


def _making(folder: Path) -> Path:
    return folder.with_name(folder.name + ".making")


def _ready(folder: Path) -> Path:
    return folder.with_name(folder.name + ".new")


def _free_name(folder: Path, files: Files) -> tuple[Path, int]:
    ordinal = 1
    while files.exists(folder.with_name(f"{folder.name}.damaged-{ordinal}")):
        ordinal += 1
    return folder.with_name(f"{folder.name}.damaged-{ordinal}"), ordinal


def _carry(source: apsw.Connection | None, target: apsw.Connection, ordinal: int, has_room: Callable[[], bool]) -> tuple[int, int]:
    """Everything small in one commit, then the parts record by record while there is room. Returns rows carried and lost."""
    if source is None:
        with transaction(target):
            _put_head(target, None, ordinal)
        return 0, 0
    with transaction(target):
        carried, lost = _carry_small(source, target, ordinal)
    parts, parts_lost = _carry_parts(source, target, has_room)
    return carried + parts, lost + parts_lost


def _carry_small(source: apsw.Connection, target: apsw.Connection, ordinal: int) -> tuple[int, int]:
    carried = 0
    for table in ("record", "enrolment", "epoch", "setting"):
        carried += _put(target, table, _rows(source, table))
    head = _read_head(source)
    found = _put(target, "ledger", (_with_record(target, row) for row in _rows(source, "ledger") if _entry_whole(row)))
    _put_head(target, head, ordinal)
    last = head.sequence if head else _highest(target)
    return carried + found, max(0, last - found)


def _carry_parts(source: apsw.Connection, target: apsw.Connection, has_room: Callable[[], bool]) -> tuple[int, int]:
    """The open enrolment first, then from the oldest record on."""
    carried = lost = 0
    for record, is_open in rows(target, "SELECT number, number IN (SELECT record FROM enrolment WHERE committed IS NULL) FROM record ORDER BY 2 DESC, 1"):
        found = [_part(source, number) for number in _part_numbers(source, record)]
        whole = [row for row in found if row and row[8] == guard(*row[:8]) and hashlib.sha256(row[9]).digest() == row[7]]
        if not has_room():
            whole = []
        with transaction(target):
            carried += _put(target, "part", _close_ranks(record, whole) if is_open else whole)
        lost += len([row for row in found if row is not None]) - len(whole)
    return carried, lost


def _part_numbers(source: apsw.Connection, record: int) -> list[int]:
    """Of the parts that are there; when even that cannot be read, every number that may be."""
    try:
        return [number for (number,) in rows(source, "SELECT number FROM part WHERE number BETWEEN ?1 * 256 AND ?1 * 256 + 255 ORDER BY number", record)]
    except UNREADABLE:
        return list(range(record * PARTS_MAX, (record + 1) * PARTS_MAX))


def _close_ranks(record: int, found: list[Row]) -> list[Row]:
    """The manifest is still to be made: its parts are numbered without holes."""
    numbered = [(record * PARTS_MAX + index, *row[1:8]) for index, row in enumerate(found)]
    return [(*row, guard(*row), old[9]) for row, old in zip(numbered, found, strict=True)]


def _part(source: apsw.Connection, number: int) -> Row | None:
    """None: never was there. Empty: cannot be read."""
    try:
        return first(source, f"SELECT {COLUMNS['part']} FROM part WHERE number = ?", number)  # noqa: S608  # names from GUARDED
    except UNREADABLE:
        return ()


def _rows(source: apsw.Connection, table: str) -> Iterator[Row]:
    """Rows from the front up to the damage, then from the back up to it."""
    seen: set[Row] = set()
    for order in ("ASC", "DESC"):
        try:
            for row in source.execute(f"SELECT {COLUMNS[table]} FROM {table} WHERE guard IS guard({GUARDED[table][1]}) ORDER BY 1 {order}"):  # noqa: S608  # names from GUARDED
                if row[:2] not in seen:
                    seen.add(row[:2])
                    yield row
        except UNREADABLE:
            continue
        return


def _put(target: apsw.Connection, table: str, rows: Iterable[Row]) -> int:
    """Insert what fits the new file's rules; a row that breaks one was damaged."""
    marks = ", ".join("?" * (COLUMNS[table].count(",") + 1))
    count = 0
    for row in rows:
        try:
            target.execute(f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})", row)  # noqa: S608  # names from GUARDED
            count += 1
        except apsw.ConstraintError:
            continue
    return count


def _entry_whole(row: Row) -> bool:
    envelope = row[9]
    return envelope is None or (isinstance(envelope, bytes) and hashlib.sha256(envelope).digest() == row[1])


def _with_record(target: apsw.Connection, row: Row) -> Row:
    """Where the record's own row is gone, its signed manifest still says whose it is."""
    number, envelope = row[2], row[9]
    if number is not None and envelope is not None and first(target, "SELECT 1 FROM record WHERE number = ?", number) is None:
        entry = decode_entry(parse1(envelope, ENTRY_BYTES_MAX).payload)
        if isinstance(entry, Manifest):
            _put(target, "record", [(number, entry.record_id, guard(number, entry.record_id))])
    return row


def _read_head(source: apsw.Connection) -> Head | None:
    try:
        row = first(source, "SELECT sequence, hash FROM head WHERE guard IS guard(id, sequence, hash)")
    except UNREADABLE:
        return None
    return Head(*row) if row else None


def _highest(target: apsw.Connection) -> int:
    return int(one(target, "SELECT coalesce(max(sequence), 0) FROM ledger")[0])


def _put_head(target: apsw.Connection, head: Head | None, ordinal: int) -> None:
    """The old head where it is known; its entry gets an empty row when it was lost, so that head and ledger agree."""
    last = first(target, "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1")
    known = Head(*last) if last else Head()
    if head is None:
        head = Head(max(known.sequence, ordinal * UNKNOWN_HEAD_STEP), known.hash)
    target.execute("UPDATE head SET sequence = ?, hash = ?", (head.sequence, head.hash))
    set_guard(target, "head", 1)
    if head.sequence > known.sequence:
        target.execute("INSERT INTO ledger (sequence, hash, urgent, size) VALUES (?, ?, 0, 0)", (head.sequence, head.hash))
        set_guard(target, "ledger", head.sequence)


def _note(target: apsw.Connection, damage: Damage) -> None:
    """Kept in the new store until the station has written it into its ledger."""
    text = msgspec.json.encode([damage.set_aside, damage.reason, damage.carried, damage.lost])
    target.execute("INSERT OR REPLACE INTO setting VALUES (?1, ?2, guard(?1, ?2))", (DAMAGE_SETTING, text))
