"""The equipment register: which devices this station has had, what they did and what went wrong with them. For installers and the district.

Small, readable JSON through TinyDB, rebuilt from nothing when it is lost: no record of a person depends on it, and nothing of a person is
in it (a driver's last bytes on the wire come without what a body gave). Kept in RAM and written in a thread, whole and atomically.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinydb import Storage, TinyDB, where
from tinydb.middlewares import CachingMiddleware

from edge.clock import Clock
from edge.devices.presence import PresenceChange
from edge.errors import DeviceError
from edge.files import write_durably
from edge.links.worker import run_blocking

ENTRIES_KEPT = 50
"""of each list; a row stays below 60 KB"""
WIRE_CHARACTERS = 400
FLUSH_EVERY_S = 900.0
"""captures and hours are worth no more writes to a memory card than this; faults are written at once"""
CALM_S = 60.0
"""between two writes of faults: a loose plug makes one every second, a memory card does not bear that for long"""
WRITE_S = 20.0
LAST_S = 5.0
"""at an orderly stop nobody waits longer for a disk that hangs"""
WORKING = frozenset({"ready", "busy"})
ACTS = {"repair": "repairs", "calibration": "calibrations", "replacement": "replacements"}
"""what an installer does -> where it is listed"""
COUNTS = ("captures", "on_s", "faults_ever")

Row = dict[str, Any]
log = logging.getLogger(__name__)


def _new_row(name: str) -> Row:
    """Also what a row of an older program lacks."""
    return {"device": name, **dict.fromkeys(COUNTS, 0), "faults": [], **{listed: [] for listed in ACTS.values()}, "earlier": []}


class AtomicStorage(Storage):
    """TinyDB's JSON in one file that is either the old or the new one, also after a power cut.

    TinyDB's own storage rewrites in place and is torn by a cut. A damaged file is set aside and the register begins anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, dict[str, Any]] | None:
        """All tables; None when there is nothing yet."""
        try:
            found: dict[str, dict[str, Any]] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            self._path.replace(self._path.with_suffix(".damaged"))
            return None
        return found

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Raises OSError; then the old file is still whole."""
        write_durably(self._path, json.dumps(data, indent=1, sort_keys=True).encode(), mode=0o644)


class EquipmentRegister:
    """One row a device name: identity, captures, hours on, faults, repairs, calibrations, replacements, and the devices that were there before."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._storage = CachingMiddleware(AtomicStorage)  # type: ignore[no-untyped-call]  # TinyDB 4.9 annotates its core only
        self._database = TinyDB(path, storage=self._storage)
        self._rows: dict[str, Row] = {str(row["device"]): _new_row(str(row["device"])) | dict(row) for row in self._database.table("devices").all()}
        self._changed: set[str] = set()
        self._working_since_s: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        self._urgent = asyncio.Event()
        self._writing = threading.Lock()
        """held for as long as a disk that hangs keeps the thread"""
        self._refused = False

    def rows(self) -> list[Row]:
        """All devices by name, hours up to now."""
        self._count_hours()
        return [dict(self._rows[name]) for name in sorted(self._rows)]

    def on_change(self, change: PresenceChange) -> bool:
        """From every `Presence`; True when another device answers than before. A fault that lasts is one fault, however often the device is tried."""
        if change.state in WORKING:
            return self._works(change)
        self._rests(change.name)
        if change.error is not None and self._failing.get(change.name) != change.error.code:
            self._failing[change.name] = change.error.code
            self._fault(change.name, change.error)
        return False

    def reported(self, name: str, error: DeviceError) -> None:
        """What a device that works says about itself."""
        self._fault(name, error)

    def captured(self, name: str) -> None:
        """The device delivered one good capture."""
        row = self._row(name)
        row["captures"] += 1

    def maintained(self, name: str, act: str, what: str) -> None:
        """By an installer. act: one of ACTS; a replacement begins the counts anew. Raises KeyError for a device that never was here."""
        row = self._rows[name]
        if act == "replacement":
            self._retire(row)
        self._changed.add(name)
        self._append(row[ACTS[act]], {"when_s": round(self._clock.wall_s()), "what": what})

    def save(self) -> None:
        """For a command: write now. Blocking. Raises OSError."""
        self._write([self._rows[name] for name in sorted(self._changed)])
        self._changed.clear()

    async def run(self) -> None:
        """Write a fault at once, those that follow soon together, the rest now and then, and all of it at the end. What a disk refuses is tried again."""
        try:
            while True:
                await self._pause()
                await self._flush()
                await self._clock.sleep_s(CALM_S)
        finally:
            await self._flush(last=True)

    async def _pause(self) -> None:
        timer, urgent = asyncio.ensure_future(self._clock.sleep_s(FLUSH_EVERY_S)), asyncio.ensure_future(self._urgent.wait())
        try:
            await asyncio.wait({timer, urgent}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            urgent.cancel()
        self._urgent.clear()

    async def _flush(self, last: bool = False) -> None:
        """last: nothing comes after it, so it waits for a write that is still under way."""
        self._count_hours()
        names = sorted(self._changed)
        if not names or (self._writing.locked() and not last):
            return
        rows = [json.loads(json.dumps(self._rows[name])) for name in names]
        self._changed.clear()
        try:
            await run_blocking("equipment register", lambda: self._write(rows), LAST_S if last else WRITE_S)
        except asyncio.CancelledError:
            self._changed.update(names)  # whether they are on the disk nobody knows: the last flush writes them again
            raise
        except OSError as error:
            self._changed.update(names)
            if not self._refused:
                log.warning("the equipment register is kept in memory for now: %s", error)
            self._refused = True
        else:
            self._refused = False

    def _write(self, rows: list[Row]) -> None:
        with self._writing:
            table = self._database.table("devices")
            for row in rows:
                table.upsert(row, where("device") == row["device"])
            self._storage.flush()  # type: ignore[no-untyped-call]  # one write of the file for all of them

    def _row(self, name: str) -> Row:
        self._changed.add(name)
        return self._rows.setdefault(name, _new_row(name))

    def _works(self, change: PresenceChange) -> bool:
        self._failing.pop(change.name, None)
        self._working_since_s.setdefault(change.name, self._clock.monotonic_s())
        row, found = self._row(change.name), asdict(change.identity) if change.identity else None
        if found is None or row.get("identity") == found:
            return False
        before = row.get("identity") or found
        if before["serial"] and found["serial"] and before["serial"] != found["serial"]:
            self._retire(row)
        row["identity"] = found
        self._urgent.set()
        return True

    def _retire(self, row: Row) -> None:
        """The device is another one from now on: the old one's counts stay with its name."""
        self._append(row["earlier"], {"when_s": round(self._clock.wall_s()), "identity": row.get("identity"), **{name: row[name] for name in COUNTS}})
        row.update(dict.fromkeys(COUNTS, 0), calibrations=[])

    def _rests(self, name: str) -> None:
        self._count_hours()
        self._working_since_s.pop(name, None)

    def _count_hours(self) -> None:
        now_s = self._clock.monotonic_s()
        for name, since_s in self._working_since_s.items():
            self._row(name)["on_s"] += now_s - since_s
            self._working_since_s[name] = now_s

    def _fault(self, name: str, error: DeviceError) -> None:
        row = self._row(name)
        row["faults_ever"] += 1
        wire = str(error.values.get("wire", ""))[-WIRE_CHARACTERS:]
        self._append(row["faults"], {"when_s": round(self._clock.wall_s()), "code": error.code, "what": error.what, "wire": wire})
        self._urgent.set()

    def _append(self, entries: list[Row], entry: Row) -> None:
        entries.append(entry)
        del entries[:-ENTRIES_KEPT]
