"""The power policy: from what is known to how the station works. Pure; a table whose first matching row decides.

                 mains steady
    NORMAL <------------------------------- ON_BATTERY, CONSERVE, FINISH_ONLY, ON_GENSET
      | mains fail                                |         |          |
      v                                           v         v          v
    ON_BATTERY -> CONSERVE -> FINISH_ONLY    any of them -> STOPPING (low battery, asked, UPS switched off, stale data)

STOPPING is final for this run of the station: what was promised to the board (power may be cut) is not taken back. Numbers stand in
[power] of the configuration. Not here: how minutes and people are estimated (energy.py), when the genset starts (genset_plan.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from edge.power.picture import Permissions, Source, State
from station_config.schema import Power


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the table looks at."""

    source: Source
    mains_steady_s: float = 0.0
    charge_percent: float | None = None
    """of the weakest UPS"""
    minutes_low: float | None = None
    """careful end of the estimate; None: unknown"""
    people_left: int | None = None
    low: bool = False
    """the UPS says low battery, or was silent too long while on battery"""
    whole: bool = True
    """every UPS has told something lately"""
    overloaded: bool = False
    """a UPS says so: on battery it may switch off at any instant"""
    stop_asked: bool = False
    forced: bool = False
    """a UPS is about to be switched off by whoever leads it"""


def _battery(i: Inputs, _: Power) -> bool:
    return i.source is Source.BATTERY


def empty(i: Inputs, p: Power) -> bool:
    """Not enough left for more than an orderly stop."""
    spent = i.charge_percent is not None and i.charge_percent < p.stop_below_percent
    late = i.minutes_low is not None and i.minutes_low < p.stop_below_minutes
    return _battery(i, p) and (i.low or spent or late)


def _short(i: Inputs, p: Power, margin: float = 0.0) -> bool:
    """Not enough for one more person; an unknown battery or an overloaded one is never enough for that."""
    if not i.whole or i.overloaded or (i.charge_percent is None and i.minutes_low is None):
        return True
    below = i.charge_percent is not None and i.charge_percent < p.finish_only_below_percent + margin
    return below or (i.people_left is not None and i.people_left < (1 if margin == 0 else 2))


def _scarce(i: Inputs, p: Power, margin: float = 0.0) -> bool:
    return i.charge_percent is not None and i.charge_percent < p.conserve_below_percent + margin


class Row(NamedTuple):
    """If the state is one of `at` and `when` holds, go to `to`."""

    why: str
    at: frozenset[State]
    when: Callable[[Inputs, Power], bool]
    to: State


LIVE = frozenset(State) - {State.STOPPING}
GOOD = frozenset({State.NORMAL, State.ON_GENSET})

TABLE: tuple[Row, ...] = (
    Row("power button or district asked", LIVE, lambda i, _: i.stop_asked, State.STOPPING),
    Row("UPS is being switched off", LIVE, lambda i, _: i.forced, State.STOPPING),
    Row("battery low", LIVE, empty, State.STOPPING),
    Row("genset carries the load", LIVE - {State.ON_GENSET}, lambda i, _: i.source is Source.GENSET, State.ON_GENSET),
    Row("mains steady", LIVE - {State.NORMAL}, lambda i, p: i.source is Source.MAINS and i.mains_steady_s >= p.mains_stable_s, State.NORMAL),
    Row("too little for a person", LIVE - {State.FINISH_ONLY}, lambda i, p: _battery(i, p) and _short(i, p), State.FINISH_ONLY),
    Row("save", GOOD | {State.ON_BATTERY}, lambda i, p: _battery(i, p) and _scarce(i, p), State.CONSERVE),
    Row("mains gone", GOOD, _battery, State.ON_BATTERY),
    Row("enough for people again", frozenset({State.FINISH_ONLY}), lambda i, p: _battery(i, p) and not _short(i, p, p.hysteresis_percent), State.CONSERVE),
    Row("plenty again", frozenset({State.CONSERVE}), lambda i, p: _battery(i, p) and not _scarce(i, p, p.hysteresis_percent), State.ON_BATTERY),
)

PERMISSIONS: Mapping[State, Permissions] = {
    State.NORMAL: Permissions(next_person=True, next_step=True, lamp_percent=100, screen_percent=100, sending="all"),
    State.ON_GENSET: Permissions(next_person=True, next_step=True, lamp_percent=100, screen_percent=100, sending="all"),
    State.ON_BATTERY: Permissions(next_person=True, next_step=True, lamp_percent=100, screen_percent=70, sending="small"),
    State.CONSERVE: Permissions(next_person=True, next_step=True, lamp_percent=60, screen_percent=50, sending="small"),
    State.FINISH_ONLY: Permissions(next_person=False, next_step=True, lamp_percent=60, screen_percent=40, sending="small"),
    State.STOPPING: Permissions(next_person=False, next_step=False, lamp_percent=0, screen_percent=30, sending="none"),
}


def next_state(state: State, inputs: Inputs, power: Power) -> tuple[State, str]:
    """The next state and why; the same state with an empty reason where no row matches."""
    for row in TABLE:
        if state in row.at and row.when(inputs, power):
            return row.to, row.why
    return state, ""
