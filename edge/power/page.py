"""The power page: everything known of the supply now, the report by day and month, the last outages. JSON; unknown is null, never zero."""

from typing import Any

from edge.clock import local_day_minute
from edge.power.picture import Figure, GensetView, PowerPicture, UpsView
from edge.power.report import Outage
from edge.power.watch import PowerWatch

SENT = ("state", "source", "minutes", "minutes_low", "minutes_high", "people_left", "sentence", "notices", "waiting")
"""as in every snapshot"""
GENSET_FIGURES = ("volts", "hz", "rpm", "fuel_percent", "oil_kpa", "coolant_c", "run_hours")
UPS_FIGURES = ("charge_percent", "runtime_s", "load_w", "input_v", "input_hz", "battery_v")


def power_page(watch: PowerWatch, today: str) -> dict[str, Any]:
    """The answer of GET /api/power."""
    picture, report = watch.picture, watch.report
    return {
        "today": today,
        "clock": picture.clock,
        "now": _now(watch, picture),
        "days": [report.days[name].row() for name in sorted(report.days, reverse=True)],
        "months": [row.row() for row in reversed(report.months())],
        "outages": [_outage(each) for each in reversed(report.outages)],
    }


def _now(watch: PowerWatch, picture: PowerPicture) -> dict[str, Any]:
    page = picture.for_page()
    return {
        **{name: page[name] for name in SENT},
        "source_s": round(picture.source_s),
        "draw_w": _rounded(picture.draw_w),
        "mains_v": _figure(picture.mains_v),
        "mains_hz": _figure(picture.mains_hz),
        "upses": [_ups(watch, ups) for ups in picture.upses],
        "draws": {name: _rounded(watts) for name, watts in sorted(watch.draw.by_activity.items())},
        "person": {"seconds": round(watch.work.person_s), "wh": _rounded(watch.work.person_wh), "measured": picture.person_measured},
        "genset": None if picture.genset is None else _genset(picture.genset),
        "board": {"mv": _figure(picture.board_mv), "c": _figure(picture.board_c)},
        "host": {"under_voltage": picture.host.under_voltage, "temperature_c": _rounded(picture.host.temperature_c)},
    }


def _ups(watch: PowerWatch, ups: UpsView) -> dict[str, Any]:
    battery = watch.batteries[ups.name]
    return {
        "name": ups.name,
        "status": sorted(ups.status),
        "on_battery": ups.on_battery,
        "stale_s": _rounded(ups.stale_s),
        **{name: _figure(getattr(ups, name)) for name in UPS_FIGURES},
        "learnt": battery.learnt,
        "band_percent": round(100 * battery.band),
        "health_percent": _rounded(battery.health_percent),
        "charge_w": _rounded(battery.charging.watts),
    }


def _genset(genset: GensetView) -> dict[str, Any]:
    return {
        "plan": genset.plan,
        "code": genset.code,
        **{name: _figure(getattr(genset, name)) for name in GENSET_FIGURES},
        "fuel_hours": _rounded(genset.fuel_hours),
        "fuel_people": genset.fuel_people,
        "service_in_h": genset.service_in_h,
        "test_in_days": _rounded(genset.test_in_days),
        "alarms": list(genset.alarms),
        "failures": genset.failures,
        "age_s": _rounded(genset.age_s),
    }


def _outage(outage: Outage) -> dict[str, Any]:
    return {
        "from": _local(outage.began_s), "to": None if outage.ended_s is None else _local(outage.ended_s),
        "s": round(outage.s), "dark_s": round(outage.dark_s), "genset_s": round(outage.genset_s),
    }


def _local(wall_s: float) -> str:
    day, minute = local_day_minute(wall_s)
    return f"{day} {minute // 60:02d}:{minute % 60:02d}"


def _figure(figure: Figure) -> dict[str, float | None]:
    return {"value": _rounded(figure.value), "age_s": _rounded(figure.age_s)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
