"""The health document: what the district should know of a station at a glance, under 1 KB, without a name or a NIK in it.

Short keys because it is repeated over slow links: v version, st station, t wall seconds, boot counter, up seconds, sw software,
q queue, pw power, pd by day what `edge.power.report.totals` lists, dev device -> state or what is wrong with it, disk enrolments left,
clk trust in the clock, pol policy in force, state of the procedure.
"""

from collections.abc import Mapping
from typing import Any

VERSION = 1


def document(
    station: str, boot: int, up_s: float, wall_s: float, trust: str, software: str, snapshot: Mapping[str, Any], power: Mapping[str, Any],
    days: Mapping[str, Any], policy: int = 0,
) -> dict[str, object]:
    """JSON values only. `snapshot` is the operator page's, `power` the power picture's."""
    queue = snapshot.get("queue", {})
    devices = {name: device["code"] or device["state"] for name, device in snapshot.get("devices", {}).items()}
    return {
        "v": VERSION, "st": station, "t": int(wall_s), "boot": boot, "up": int(up_s), "sw": software, "clk": trust, "pol": policy,
        "state": snapshot.get("phase", "starting"),
        "q": {name: queue.get(name, 0) for name in ("saved", "waiting", "received", "refused")},
        "pw": {"src": power.get("source"), "min": power.get("minutes"), "people": power.get("people_left"), "state": power.get("state")},
        "pd": dict(days),
        "dev": devices, "disk": {"enrolments": snapshot.get("enrolments_left")},
    }
