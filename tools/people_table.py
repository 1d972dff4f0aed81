"""Who is expected, as a spreadsheet saves it: CSV in UTF-8 with commas or semicolons, one row a person, the first row names the columns.

Text in, rows of a roster out; every row that cannot be used is told at once, with its line.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from edge.clock import random_bytes
from edge.errors import StationError
from protocols.canonical import FormatError
from protocols.record import convert, plain
from protocols.roster import RosterRow

NEEDED = ("letter", "nik", "name", "sex", "birth_place", "birth_date", "address")
OPTIONAL = ("religion", "marital_status", "occupation", "status")
RULES = {"letter": "1 to 40 characters", "nik": "16 digits", "name": "1 to 200 characters", "sex": "L or P", "birth_date": "YYYY-MM-DD"}
TOLD = 10
"""problems; whoever has more has one kind of them"""


def read_people(text: str) -> list[RosterRow]:
    """Raises StationError (code roster_table)."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    table = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        table.fieldnames = _columns(table.fieldnames or ())
        found = [(table.line_num, _row(values)) for values in table if any(values.values())]
    except csv.Error as error:
        raise _refused(f"line {table.line_num}: {error}") from error
    problems = [f"line {line}: {row}" for line, row in found if isinstance(row, str)]
    rows = [row for _, row in found if isinstance(row, RosterRow)]
    problems += _twice(rows)
    if problems or not rows:
        more = [f"and {len(problems) - TOLD} more"] if len(problems) > TOLD else []
        raise _refused("; ".join([*problems[:TOLD], *more]) or "there is nobody in it")
    return rows


def _columns(names: Sequence[str]) -> list[str]:
    columns = [name.strip().lower() for name in names]
    missing, foreign = [name for name in NEEDED if name not in columns], sorted({*columns} - {*NEEDED, *OPTIONAL})
    told = [f"{word} {', '.join(wrong)}" for word, wrong in (("lacks", missing), ("has unknown", foreign)) if wrong]
    if told or len({*columns}) != len(columns):
        raise _refused(f"its first row {' and '.join(told) or 'names a column twice'}; columns are {', '.join((*NEEDED, *OPTIONAL))}")
    return columns


def _row(values: dict[str, str]) -> RosterRow | str:
    """The row, or what is wrong with it."""
    if None in values or None in values.values():
        return "has another number of columns than the first row"
    given = {name: text.strip() for name, text in values.items() if name in NEEDED or text.strip()}
    row = RosterRow(row_id=random_bytes(16), **given)
    try:
        convert(plain(row), RosterRow)
    except FormatError as error:
        return _named(error)
    return row


def _named(error: FormatError) -> str:
    """The document is an array: say which column is meant and what belongs there, without what stands in it."""
    name = RosterRow.__struct_fields__[int(error.where.removeprefix("$[").partition("]")[0])]
    return f"{name} takes {RULES.get(name, 'at most 200 characters')}"


def _twice(rows: list[RosterRow]) -> Iterator[str]:
    for name, values in (("letter", [row.letter.upper() for row in rows]), ("nik", [row.nik for row in rows])):
        if shared := sum(count > 1 for count in Counter(values).values()):
            yield f"{name} stands there twice in {shared} cases"


def _refused(what: str) -> StationError:
    return StationError("roster_table", f"the table of people cannot be used: {what}", "Mend it, then call again")
