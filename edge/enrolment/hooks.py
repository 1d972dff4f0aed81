"""What the rest of the station gives to the session and takes from it; everything returns at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether power and policy let another person begin."""

    next_person: bool = True
    reason: str = ""
    """notice id: power_no_next, policy_online, policy_waiting"""
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Hooks:
    """By themselves: a station with nothing around it, where anybody may begin."""

    gate: Callable[[], Gate] = Gate
    power: Callable[[], Json] = dict
    """for the page: source (mains, battery, genset, unknown), minutes, people_left, state"""
    link: Callable[[], Json] = dict
    """for the page: connected"""
    wake: Callable[[], None] = lambda: None
    """the ledger has something new to send"""
    stop: Callable[[], None] = lambda: None
    """shut the station down in good order"""
    genset: Callable[[str], None] = lambda _act: None
    """start, stop, acknowledge, serviced"""
    genset_refusal: Callable[[str], str] = lambda _act: ""
    """message id of why that cannot be done by hand now; empty when it can"""
    unreadable: Callable[[], tuple[str, ...]] = tuple
    """register numbers of records that rotted on the card"""
    stick: Callable[[], tuple[str, int]] = lambda: ("", 0)
    """notice id about a stick and how many entries lie on it"""
    genset_fitted: bool = False
    """a genset can be asked for, also one without a controller on a bus"""
    waiting: Callable[[int], None] = lambda _people: None
    """so many people still wait"""
    came_back: Callable[[], tuple[str, Mapping[str, str]]] = lambda: ("power_was_out", {})
    """what happened before this start: notice id and its values"""
