"""The district's one SQLite connection: WAL, synchronous=FULL, EXCLUSIVE, so that a second district on the same folder is refused.

After an I/O error the connection must not be used again: what was not committed is unknown. The program ends, is started again, and
opening reads what the disk really has.
"""

from importlib.resources import files
from pathlib import Path

import apsw

FILE_NAME = "district.db"
SCHEMA = 3


class DistrictError(Exception):
    """The district cannot keep what it is given; the text says why and what to do."""


class DistrictBusy(DistrictError):
    """Another program uses the database."""


def connect(folder: Path, vfs: str | None = None) -> apsw.Connection:
    """Open or create the database in an existing folder. Raises DistrictError."""
    try:
        connection = apsw.Connection(str(folder / FILE_NAME), vfs=vfs)
        connection.set_busy_timeout(0)
        for name, value in (("locking_mode", "EXCLUSIVE"), ("journal_mode", "WAL"), ("synchronous", "FULL"), ("mmap_size", 0), ("foreign_keys", True)):
            connection.pragma(name, value)
        _bring_up_to_date(connection)
        return connection
    except apsw.BusyError as error:
        raise DistrictBusy(f"another district program uses {folder}. Stop it, then start again.") from error
    except (apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError, apsw.IOError) as error:
        raise DistrictError(f"{folder / FILE_NAME} cannot be used ({error}). Restore the last backup of the whole folder, or check the disk.") from error


def _bring_up_to_date(connection: apsw.Connection) -> None:
    version = int(connection.pragma("user_version"))
    if version > SCHEMA:
        raise DistrictError(f"the data has schema {version}, this program knows {SCHEMA}. Install the newer program again.")
    if connection.pragma("quick_check") != "ok":
        raise DistrictError("the database is damaged. Restore the last backup of the whole folder.")
    for number in range(version + 1, SCHEMA + 1):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(files("district").joinpath(f"schema_v{number}.sql").read_text(encoding="utf-8"))
        connection.execute("COMMIT")
