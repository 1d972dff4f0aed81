"""Why this life of the station ended: left on the disk for the safe-mode page, which has nobody else to ask.

A help and no more: written as well as the card allows, forgotten at the next start, never read by the station itself.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

import msgspec

from edge.errors import StationError
from edge.files import write_durably

NAME = "last_words.json"
BYTES_MAX = 4096
CHARACTERS_MAX = 300
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastWords:
    """code: a text of the page, or `watchdog`, `crash`; detail: a few words that fill it; sentence: of an expected failure, with its next step."""

    code: str
    detail: str = ""
    sentence: str = ""


def of(error: BaseException) -> LastWords:
    """An expected failure says itself what to do; of a programming error the place is told."""
    if isinstance(error, StationError):
        return LastWords(error.code, sentence=str(error)[:CHARACTERS_MAX])
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = extract_tb(error.__traceback__)
    place = f" {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return LastWords("crash", f"{type(error).__name__}{place}")


def leave(folder: Path, words: LastWords) -> None:
    """Never raises: whoever dies has worse troubles."""
    try:
        write_durably(folder / NAME, msgspec.json.encode(words))
    except OSError as problem:
        log.error("the reason could not be left for the safe-mode page: %s", problem)


def forget(folder: Path) -> None:
    """A new life."""
    try:
        (folder / NAME).unlink(missing_ok=True)
    except OSError as problem:
        log.warning("old last words stay: %s", problem)


def read(folder: Path) -> LastWords | None:
    """None where there are none that can be read."""
    try:
        with (folder / NAME).open("rb") as file:
            return msgspec.json.decode(file.read(BYTES_MAX), type=LastWords)
    except (OSError, msgspec.MsgspecError):
        return None
