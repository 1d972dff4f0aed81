"""After a cut: from when to when the power was out, as far as the clock can be believed."""

from collections.abc import Mapping
from typing import Any

from edge.clock import local_day_minute


def outage_times(cut: Mapping[str, Any] | None, now_wall_s: float, trust: str) -> dict[str, str]:
    """{"from": "14:02", "to": "14:31"} local; empty where there was no cut or the clock does not know.

    cut: `PowerWatch.cut`. A clock that stands before the last thing it saw was reset by the very outage it should measure.
    """
    if cut is None or trust == "none" or now_wall_s < cut["last_seen"]:
        return {}
    return {"from": _clock_time(cut["began"]), "to": _clock_time(now_wall_s)}


def _clock_time(wall_s: float) -> str:
    minute = local_day_minute(wall_s)[1]
    return f"{minute // 60:02d}:{minute % 60:02d}"
