"""MQTT topics: who says what where. `asyncapi.yaml` shows the same for other programs.

    rekam/1/up/STATION/entry|chunk|ask        station -> district
    rekam/1/down/STATION/have|receipt         district -> station
    rekam/1/down/STATION/policy               district -> station, retained
    rekam/1/state/STATION/health|alive        station -> everybody, retained; the will is on `alive`
    rekam/1/hello                             district -> every station, empty: somebody listens again, ask now

A broker's access list needs one pattern a direction (`pattern write rekam/1/up/%u/#`). Every topic `up` and `down` carries a frame of
`protocols.custody.wire`; nothing relies on the topic beyond the station's name, because a broker can put any bytes anywhere.
"""

import re
from typing import NamedTuple

ROOT = "rekam/1"
HELLO = f"{ROOT}/hello"
ALL_UP = f"{ROOT}/up/+/+"
ALL_STATES = f"{ROOT}/state/+/+"
UP = frozenset({"entry", "chunk", "ask"})
DOWN = frozenset({"have", "receipt", "policy"})
STATE = frozenset({"health", "alive"})

_STATION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_WORDS = {"up": UP, "down": DOWN, "state": STATE}


class Topic(NamedTuple):
    """A topic of ours, taken apart."""

    direction: str
    """up, down or state"""
    station: str
    word: str


def up(station: str, word: str) -> str:
    """Topic on which the station sends `word`."""
    return f"{ROOT}/up/{station}/{word}"


def down(station: str, word: str) -> str:
    """Topic on which the station is answered with `word`."""
    return f"{ROOT}/down/{station}/{word}"


def all_down(station: str) -> str:
    """Filter for everything that is meant for the station."""
    return f"{ROOT}/down/{station}/+"


def state(station: str, word: str) -> str:
    """Retained topic about the station."""
    return f"{ROOT}/state/{station}/{word}"


def parse(topic: str) -> Topic | None:
    """Take a topic apart; None for anything that is not exactly one of ours."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        return None
    direction, station, word = parts[2:]
    if word not in _WORDS.get(direction, ()) or not _STATION.fullmatch(station):
        return None
    return Topic(direction, station, word)
