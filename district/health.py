"""The stations' own words about themselves: last health document and whether the broker says they are connected.

In memory only, any thread. Unsigned: whoever can write to the broker can write this, so it is shown and never believed; records and
faults that matter come through the signed ledger. After a restart the retained documents arrive again, their age is then unknown.
"""

import threading
from dataclasses import dataclass
from typing import Any

import msgspec

from district.clock import Clock

DOCUMENT_BYTES_MAX = 4096
"""a station sends under 1 KB"""
STATIONS_MAX = 10_000
FACTS_MAX = 64


@dataclass(frozen=True, slots=True)
class LastWord:
    """What was heard of one station."""

    document: dict[str, Any]
    document_s: float | None
    """monotonic time it was heard live; None: only the broker's retained copy"""
    alive: bool | None = None
    """None: never heard"""
    alive_s: float | None = None


class Health:
    """Latest words by station."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._words: dict[str, LastWord] = {}

    def heard(self, station: str, word: str, payload: bytes, retained: bool) -> str | None:
        """Take in one message of the topics `state/STATION/health` and `alive`. Returns why it was refused."""
        document = _document(payload)
        if document is None:
            return "health"
        now_s = None if retained else self._clock.monotonic_s()
        with self._lock:
            if station not in self._words and len(self._words) >= STATIONS_MAX:
                return "too many stations"
            before = self._words.get(station, LastWord({}, None))
            if word == "alive":
                self._words[station] = LastWord(before.document, before.document_s, document.get("alive") is True, now_s)
            else:
                self._words[station] = LastWord(document, now_s, before.alive, before.alive_s)
        return None

    def of(self, station: str) -> dict[str, Any]:
        """For the page: document, its age in seconds (null: unknown) and whether the station is connected (null: never heard)."""
        with self._lock:
            word = self._words.get(station)
        if word is None:
            return {"health": None, "health_age_s": None, "alive": None}
        age_s = None if word.document_s is None else round(self._clock.monotonic_s() - word.document_s, 1)
        return {"health": word.document or None, "health_age_s": age_s, "alive": word.alive}


def _document(payload: bytes) -> dict[str, Any] | None:
    """A flat or nested JSON object of modest size, or None."""
    if len(payload) > DOCUMENT_BYTES_MAX:
        return None
    try:
        document = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
    return document if len(document) <= FACTS_MAX else None
