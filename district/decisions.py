"""An officer's word on what the checks set aside: release it, or discard it. A decision is one more receipt in the district's signed chain.

`./rekam quarantine` writes a wish into the folder `decisions`, which only the district's own user can write to; the running program carries it
out, and the page shows who decided. Nothing of this is reachable over the network.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import apsw
import msgspec
from msgspec import Meta

from district import tables
from district.durable import make_folder, write_durably
from district.store import DistrictStore, Undecidable

FOLDER, SUFFIX = "decisions", ".json"
Act = Literal["release", "discard"]
log = logging.getLogger(__name__)


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an officer wants."""

    entry: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """SHA-256 of the signed entry"""
    act: Act
    officer: Annotated[str, Meta(min_length=1, max_length=64)]


def wish(data_dir: Path, decision: Decision) -> None:
    """Leave it for the running program; a later wish about the same entry takes the place of one that waits. Raises OSError."""
    folder = data_dir / FOLDER
    make_folder(folder)
    write_durably(folder / f"{decision.entry}{SUFFIX}", msgspec.json.encode(decision), 0o600)


def carry_out(store: DistrictStore, data_dir: Path) -> list[tuple[str, bytes]]:
    """All that wait: (station, signed receipt). In the store's thread. A cut before the wish is removed only finds it done already."""
    return [receipt for path in sorted((data_dir / FOLDER).glob(f"*{SUFFIX}")) for receipt in _carry_out(store, path)]


def _carry_out(store: DistrictStore, path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        decision = msgspec.json.decode(path.read_bytes(), type=Decision)
        yield decide(store, decision)
    except OSError as error:
        log.warning("%s cannot be read and waits: %s", path, error)
        return
    except (Undecidable, msgspec.DecodeError) as error:
        log.warning("%s is not carried out: %s", path, error)
    path.unlink(missing_ok=True)


def decide(store: DistrictStore, decision: Decision) -> tuple[str, bytes]:
    """Raises Undecidable."""
    return store.decide(bytes.fromhex(decision.entry), decision.act == "release", decision.officer)


def of_station(connection: apsw.Connection, station: str, first: int, count: int) -> list[bytes]:
    """Some of the signed decisions on a station's entries, newest first; beyond the end it begins again."""
    total = tables.value(connection, "SELECT count(*) FROM receipts JOIN entries USING (hash) WHERE officer != '' AND station = ?", (station,))
    sql = """SELECT r.envelope FROM receipts r JOIN entries e USING (hash) WHERE r.officer != '' AND e.station = ?
             ORDER BY r.district_sequence DESC LIMIT ? OFFSET ?"""
    return [row[0] for row in connection.execute(sql, (station, count, first % total))] if total else []
