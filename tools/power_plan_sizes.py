"""The arithmetic of `./rekam power-plan`: from a site to what it needs, as codes and numbers; the words are in id.toml and en.toml.

The connection follows the project's figures: 3,500 W for one set, 350 W more for each further set. Everything else is sized from what a
set really draws, with the factors named beside each line. A plan, not a permit: an electrician must confirm cable and breaker on site.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIRST_SET_W, NEXT_SET_W = 3500.0, 350.0
SET_DRAW_W = 160.0
"""one set at work: Pi, screen, cameras, scanner, lamp, router share (replace by --draw or --report)"""
VOLTS = 230.0
POWER_FACTOR, GENSET_FACTOR = 0.9, 0.8
UPS_EFFICIENCY, UPS_LOAD = 0.85, 0.6
BATTERY_USABLE = 0.6
"""lead battery: half-way through its life, not below 20 %"""
BREAKERS_A = (6, 10, 16, 20, 25, 32, 40, 50, 63)
CABLES_MM2 = ((1.5, 13), (2.5, 18), (4.0, 24), (6.0, 31), (10.0, 42), (16.0, 56))
"""copper in conduit: cross-section, amperes it may carry (IEC 60364-5-52, method B2, two loaded cores)"""
DROP_LIMIT = 0.03
COPPER_OHM_MM2_M = 0.0225
"""warm copper"""
PLN_VA = (900, 1300, 2200, 3500, 4400, 5500, 6600, 7700, 11_000, 13_200, 16_500, 23_000)
"""single-phase and small three-phase connections as PLN sells them"""
STRINGS = ((12, 300), (24, 2_500), (48, 20_000))
"""battery volts, up to so many watt-hours"""
BATTERIES_AH = (7, 9, 18, 26, 40, 65, 100, 120, 150, 200)
UPS_VA = (600, 850, 1000, 1200, 1500, 2000, 3000, 5000, 6000, 10_000)
GENSET_KVA = (2.0, 3.0, 5.0, 6.5, 8.0, 10.0, 12.0, 15.0, 20.0)
INRUSH = 1.5
LITRES_KWH = 0.45
IDLE_LITRES_HOUR = 0.8
SUN_HOURS = 4.0
"""full-sun hours of a day in the wet season"""
SOLAR_LOSSES, SOLAR_USABLE = 0.7, 0.8
PANEL_W = 450.0
GRID, STORE, ENGINE, SUN = "grid", "store", "engine", "sun"
"""parts of the plan: plan_<part> in the texts"""
ASSUMED = "plan_assumed"
Value = float | str


@dataclass(frozen=True, slots=True)
class Size:
    """One result: plan_<code> names it, plan_<code>_is tells it, plan_<code>_how shows the arithmetic, filled with the values."""

    part: str
    code: str
    values: Mapping[str, Value]
    result: str = ""
    """another text than plan_<code>_is"""
    how: str = ""
    """another text than plan_<code>_how"""


@dataclass(frozen=True, slots=True)
class Site:
    """What is asked for."""

    sets: int
    hours: float = 7.0
    outage_h: float = 1.0
    """to be bridged by the UPS alone"""
    genset_h: float = 4.0
    """of a day on the genset"""
    cable_m: float = 20.0
    draw_w: float = SET_DRAW_W
    draw_from: str = ASSUMED
    """message id of where the draw comes from"""
    draw_source: str = ""
    """station or file"""

    @property
    def all_w(self) -> float:
        """All sets at work."""
        return self.draw_w * self.sets


def sizes(site: Site) -> list[Size]:
    """All lines of the plan."""
    return [*_connection(site), *_ups(site), *_genset(site), *_solar(site)]


def connection_w(sets: int) -> float:
    return FIRST_SET_W + NEXT_SET_W * (sets - 1)


def _connection(site: Site) -> list[Size]:
    watts = connection_w(site.sets)
    amperes = watts / (VOLTS * POWER_FACTOR)
    breaker_a = _at_least(amperes, BREAKERS_A)
    known = {"watts": watts, "factor": POWER_FACTOR, "amperes": amperes, "volts": VOLTS, "breaker": breaker_a}
    return [
        Size(GRID, "connection", {**known, "first": FIRST_SET_W, "next": NEXT_SET_W, "sets": site.sets}),
        Size(GRID, "pln", {**known, "va": _at_least(watts / POWER_FACTOR, PLN_VA)}),
        Size(GRID, "current", known),
        Size(GRID, "breaker", known),
        _cable_size(breaker_a, site.cable_m),
    ]


def _cable_size(breaker_a: float, metres: float) -> Size:
    """What to buy, or that nothing in the table is enough."""
    mm2 = _cable(breaker_a, metres)
    known = {"breaker": breaker_a, "metres": metres, "limit": 100 * DROP_LIMIT}
    if mm2 is None:
        mm2 = CABLES_MM2[-1][0]
        return Size(GRID, "cable", {**known, "mm2": mm2, "drop": 100 * _drop(breaker_a, metres, mm2)}, "plan_cable_none", "plan_cable_none_how")
    return Size(GRID, "cable", {**known, "mm2": mm2, "drop": 100 * _drop(breaker_a, metres, mm2)})


def _ups(site: Site) -> list[Size]:
    needed_va = site.all_w * INRUSH / POWER_FACTOR / UPS_LOAD
    wh = site.all_w * site.outage_h / UPS_EFFICIENCY / BATTERY_USABLE
    draw: dict[str, Value] = {"watts": site.all_w, "each": site.draw_w, "sets": site.sets, "source": site.draw_source}
    sizing = {"watts": site.all_w, "inrush": INRUSH, "factor": POWER_FACTOR, "load": UPS_LOAD, "percent": 100 * UPS_LOAD, "needed": needed_va}
    return [
        Size(STORE, "draw", draw, how=site.draw_from),
        Size(STORE, "ups", {**sizing, "va": _at_least(needed_va, UPS_VA)}),
        Size(STORE, "battery", {"wh": wh, "watts": site.all_w, "hours": site.outage_h, "efficiency": UPS_EFFICIENCY, "usable": BATTERY_USABLE}),
        _batteries(wh),
    ]


def _batteries(wh: float) -> Size:
    """Whole 12 V batteries: in series to the UPS's voltage, side by side where one string is too small."""
    volts = next((volts for volts, most_wh in STRINGS if wh <= most_wh), STRINGS[-1][0])
    strings = max(1, math.ceil(wh / volts / BATTERIES_AH[-1]))
    each_ah, series = _at_least(wh / volts / strings, BATTERIES_AH), volts // 12
    values = {"count": strings * series, "ah": each_ah, "wh": wh, "volts": volts, "needed": wh / volts, "series": series, "strings": strings}
    return Size(STORE, "batteries", values, how="plan_batteries_strings_how" if strings > 1 else "")


def _genset(site: Site) -> list[Size]:
    watts = connection_w(site.sets)
    needed_kva = watts / 1000 / GENSET_FACTOR
    draw_kw = site.all_w / UPS_EFFICIENCY / 1000
    litres = site.genset_h * (IDLE_LITRES_HOUR + LITRES_KWH * draw_kw)
    fuel = {"litres": litres, "hours": site.genset_h, "idle": IDLE_LITRES_HOUR, "per_kwh": LITRES_KWH, "kw": draw_kw, "five": math.ceil(5 * litres)}
    return [
        Size(ENGINE, "genset", {"kva": _at_least(needed_kva, GENSET_KVA), "watts": watts, "factor": GENSET_FACTOR, "needed": needed_kva}),
        Size(ENGINE, "fuel", fuel),
        Size(ENGINE, "fuel_five", fuel),
    ]


def _solar(site: Site) -> list[Size]:
    day_wh = site.all_w * site.hours
    peak_w = day_wh / SUN_HOURS / SOLAR_LOSSES
    store_wh = day_wh / UPS_EFFICIENCY / SOLAR_USABLE
    return [
        Size(SUN, "day", {"kwh": day_wh / 1000, "watts": site.all_w, "hours": site.hours}),
        Size(SUN, "panels", {"count": math.ceil(peak_w / PANEL_W), "panel": PANEL_W, "wh": day_wh, "sun": SUN_HOURS, "losses": SOLAR_LOSSES, "peak": peak_w}),
        Size(SUN, "cells", {"kwh": store_wh / 1000, "wh": day_wh, "efficiency": UPS_EFFICIENCY, "usable": SOLAR_USABLE}),
    ]


def _at_least(needed: float, sizes: Sequence[float]) -> float:
    """The smallest size that is enough; several of the largest when none is."""
    return next((size for size in sizes if size >= needed), math.ceil(needed / sizes[-1]) * sizes[-1])


def _drop(amperes: float, metres: float, mm2: float) -> float:
    """Relative voltage drop, there and back."""
    return 2 * metres * COPPER_OHM_MM2_M / mm2 * amperes / VOLTS


def _cable(breaker_a: float, metres: float) -> float | None:
    """The thinnest that carries the breaker's current and keeps the voltage; None when none does."""
    for mm2, carries in CABLES_MM2:
        if carries >= breaker_a and _drop(breaker_a, metres, mm2) <= DROP_LIMIT:
            return mm2
    return None
