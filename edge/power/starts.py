"""Counts starts that did not last, so that a restart storm ends in safe mode instead of wearing out the card.

A start has settled after SETTLED_S. Starts within one boot that never settled are crashes; a new boot id is a power cut and counts
for nothing. The file is a help, never a condition: when it cannot be read or written the station starts.
"""

import json
import logging
from pathlib import Path

log = logging.getLogger(__name__)

STORM = 5
"""StartLimitBurst of the unit; systemd's own counter forgets when the station is started by hand"""
SETTLED_S = 300.0


class Starts:
    """One file, a few bytes."""

    def __init__(self, path: Path, boot: str) -> None:
        self._path = path
        self._boot = boot

    def begin(self) -> int:
        """Note this start; returns how many in a row have not settled in this boot, this one included."""
        count = self._read() + 1
        self._write(count)
        return count

    def settled(self) -> None:
        """The station has run long enough, or is stopping in good order."""
        self._write(0)

    def _read(self) -> int:
        try:
            kept = json.loads(self._path.read_text(encoding="ascii"))
            return int(kept["unsettled"]) if kept["boot"] == self._boot else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _write(self, count: int) -> None:
        try:
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps({"boot": self._boot, "unsettled": count}), encoding="ascii")
            new.replace(self._path)
        except OSError as error:
            log.warning("starts are not counted: %s", error)
