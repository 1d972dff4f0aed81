"""After a stop or a cut: what happened, and from when to when, as far as the clock can be believed.

Not here: noticing it (`watch.py` remembers how the last life ended).
"""

from dataclasses import dataclass

from edge.clock import local_day_minute

KINDS = ("power_was_out", "station_was_off", "program_restarted")
"""notice ids; each also as <id>_times, the first as power_was_out_from"""
LONGEST_S = 366 * 86_400.0
"""nobody leaves a station dark for longer: the clock woke up in another year"""


@dataclass(frozen=True, slots=True)
class Away:
    """The time between two lives of the station."""

    kind: str
    """one of KINDS"""
    began_s: float
    """wall time: when the outage began, else when the station was last seen alive"""
    last_seen_s: float
    known: bool
    """the clock was trusted when it noted them"""

    def dark_s(self, now_s: float, trust: str) -> float | None:
        """Until `now_s` by the present clock, which is trusted so far; None where the clocks cannot tell."""
        lasted_s = now_s - self.last_seen_s
        return lasted_s if self.known and trust != "none" and 0 <= lasted_s <= LONGEST_S else None


def came_back(away: Away | None, started_wall_s: float, trust: str) -> tuple[str, dict[str, str]]:
    """Notice id with `from` and `to` ("14:02"; another day: "20-11 14:02"), or without the times that nobody knows.

    started_wall_s: when the station was started, by its present clock. A clock that stands before the last thing it saw was reset
    by the very outage it should measure.
    """
    if away is None:
        return "power_was_out", {}
    if not away.known:
        return away.kind, {}
    if away.dark_s(started_wall_s, trust) is None:
        return ("power_was_out_from", {"from": _worded(away.began_s, away.began_s)}) if away.kind == "power_was_out" else (away.kind, {})
    return f"{away.kind}_times", {"from": _worded(away.began_s, started_wall_s), "to": _worded(started_wall_s, started_wall_s)}


def _worded(wall_s: float, beside_s: float) -> str:
    """Clock time, with the day where it is not the other one's."""
    (day, minute), other = local_day_minute(wall_s), local_day_minute(beside_s)[0]
    clock = f"{minute // 60:02d}:{minute % 60:02d}"
    return clock if day == other else f"{day[8:]}-{day[5:7]} {clock}"
