"""`./rekam power-plan`: what supply a site needs, with the arithmetic shown, on the screen and on one page of PDF.

The connection follows the project's figures: 3,500 W for one set, 350 W more for each further set. Everything else is sized from
what a set really draws (measured where a running station or its report is given) with the factors named beside each line. A plan, not a permit:
an electrician must confirm cable and breaker on site.
"""

import argparse
import json
import math
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from tools.amounts import measure, whole

EXAMPLE = "./rekam power-plan --sets 2 --hours 7 --outage 1.5 --pdf plan.pdf"

FIRST_SET_W, NEXT_SET_W = 3500.0, 350.0
SET_DRAW_W = 160.0
"""one set at work: Pi, screen, cameras, scanner, lamp, router share (replace by --draw or --report)"""
VOLTS = 230.0
POWER_FACTOR = 0.9
UPS_EFFICIENCY = 0.85
BATTERY_USABLE = 0.6
"""lead battery: half-way through its life, not below 20 %"""
LEAST_DRAW_W, MOST_DRAW_W = 1.0, 3500.0
"""of one set: more than the connection's own figure is no set"""
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
STATION_S, ANSWER_BYTES_MAX = 5.0, 4_000_000
UPS_VA = (600, 850, 1000, 1200, 1500, 2000, 3000, 5000, 6000, 10_000)
GENSET_KVA = (2.0, 3.0, 5.0, 6.5, 8.0, 10.0, 12.0, 15.0, 20.0)
INRUSH = 1.5
LITRES_KWH = 0.45
IDLE_LITRES_HOUR = 0.8
SUN_HOURS = 4.0
"""full-sun hours of a day in the wet season"""
SOLAR_LOSSES = 0.7
WORK = ("preview", "capture", "print")
"""what a station does at work, in its own words"""
PANEL_W = 450.0


GRID, STORE, ENGINE, SUN = "Supply", "Without mains", "Genset", "Sun (option)"


ASSUMED = "assumed, see --station"
WARNING = "A plan, not a permit: an electrician confirms cable, breaker and earth on site."


@dataclass(frozen=True, slots=True)
class Line:
    """One result: in which part of the plan, what, how much, and the arithmetic behind it."""

    part: str
    what: str
    result: str
    arithmetic: str


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


def plan(site: Site) -> list[Line]:
    """All lines of the plan."""
    return [*_connection(site), *_ups(site), *_genset(site), *_solar(site)]


def connection_w(sets: int) -> float:
    return FIRST_SET_W + NEXT_SET_W * (sets - 1)


def _connection(site: Site) -> list[Line]:
    watts = connection_w(site.sets)
    amperes = watts / (VOLTS * POWER_FACTOR)
    breaker = _at_least(amperes, BREAKERS_A)
    return [
        Line(GRID, "Connection", f"{watts:,.0f} W", f"{FIRST_SET_W:,.0f} + {NEXT_SET_W:.0f} x ({site.sets} - 1)"),
        Line(GRID, "From PLN", f"{_at_least(watts / POWER_FACTOR, PLN_VA):,} VA", f"next size PLN sells above {watts:,.0f} W / {POWER_FACTOR}"),
        Line(GRID, "Current", f"{amperes:.1f} A", f"{watts:,.0f} W / ({VOLTS:.0f} V x {POWER_FACTOR})"),
        Line(GRID, "Breaker", f"{breaker} A, and 30 mA earth leakage", f"next standard size above {amperes:.1f} A"),
        _cable_line(breaker, site.cable_m),
    ]


def _cable_line(breaker: float, metres: float) -> Line:
    """What to buy, or that nothing in the table is enough."""
    mm2 = _cable(breaker, metres)
    if mm2 is None:
        thickest = CABLES_MM2[-1][0]
        lost = f"{thickest:g} mm2 loses {100 * _drop(breaker, metres, thickest):.0f} % over {metres:g} m (limit {100 * DROP_LIMIT:.0f} %)"
        return Line(GRID, "Cable", "none fits: put the meter nearer", f"{lost}; an engineer may plan more")
    lost = f"loses {100 * _drop(breaker, metres, mm2):.1f} % over {metres:g} m (limit {100 * DROP_LIMIT:.0f} %)"
    return Line(GRID, "Cable", f"3 x {mm2:g} mm2 copper", f"carries {breaker} A, {lost}")


def _ups(site: Site) -> list[Line]:
    draw_w = site.draw_w * site.sets
    needed_va = draw_w * INRUSH / POWER_FACTOR / 0.6
    va = _at_least(needed_va, UPS_VA)
    wh = draw_w * site.outage_h / UPS_EFFICIENCY / BATTERY_USABLE
    sizing = f"{draw_w:.0f} W x {INRUSH} / {POWER_FACTOR} / 0.6 (60 % load) = {needed_va:.0f} VA"
    return [
        Line(STORE, "Draw at work", f"{draw_w:.0f} W", f"{site.draw_w:.0f} W x {site.sets}; {site.draw_from}"),
        Line(STORE, "UPS", f"{va:,} VA, with a data cable", sizing),
        Line(STORE, "UPS battery", f"{wh:,.0f} Wh", f"{draw_w:.0f} W x {site.outage_h:g} h / {UPS_EFFICIENCY} / {BATTERY_USABLE} (used battery)"),
        _batteries(wh),
    ]


def _batteries(wh: float) -> Line:
    """Whole 12 V batteries: in series to the UPS's voltage, side by side where one string is too small."""
    volts = next((volts for volts, most_wh in STRINGS if wh <= most_wh), STRINGS[-1][0])
    strings = math.ceil(wh / volts / BATTERIES_AH[-1])
    each_ah = _at_least(wh / volts / max(1, strings), BATTERIES_AH)
    beside = f", {strings} strings side by side" if strings > 1 else ""
    arithmetic = f"{wh:,.0f} Wh / {volts} V = {wh / volts:.0f} Ah; {volts // 12} in series{beside}"
    return Line(STORE, "That is", f"{max(1, strings) * volts // 12} x 12 V {each_ah:g} Ah", arithmetic)


def _genset(site: Site) -> list[Line]:
    watts = connection_w(site.sets)
    needed_kva = watts / 1000 / 0.8
    kva = _at_least(needed_kva, GENSET_KVA)
    draw_kw = site.draw_w * site.sets / UPS_EFFICIENCY / 1000
    litres = site.genset_h * (IDLE_LITRES_HOUR + LITRES_KWH * draw_kw)
    return [
        Line(ENGINE, "Genset", f"{kva:g} kVA", f"{watts:,.0f} W / power factor 0.8 = {needed_kva:.1f} kVA"),
        Line(ENGINE, "Fuel a day", f"{litres:.1f} l", f"{site.genset_h:g} h x ({IDLE_LITRES_HOUR} l + {LITRES_KWH} l/kWh x {draw_kw:.2f} kW)"),
        Line(ENGINE, "Fuel for five days", f"{math.ceil(5 * litres)} l", f"5 x {litres:.1f} l; keep it locked and away from the room"),
    ]


def _solar(site: Site) -> list[Line]:
    day_wh = site.draw_w * site.sets * site.hours
    peak_w = day_wh / SUN_HOURS / SOLAR_LOSSES
    panels = math.ceil(peak_w / PANEL_W)
    store_wh = day_wh / UPS_EFFICIENCY / 0.8
    return [
        Line(SUN, "Energy a day", f"{day_wh / 1000:.2f} kWh", f"{site.draw_w * site.sets:.0f} W x {site.hours:g} h"),
        Line(SUN, "Panels", f"{panels} x {PANEL_W:.0f} W panels", f"{day_wh:,.0f} Wh / {SUN_HOURS:g} sun hours / {SOLAR_LOSSES} = {peak_w:,.0f} W"),
        Line(SUN, "Battery", f"{store_wh / 1000:.1f} kWh LiFePO4", f"one day: {day_wh:,.0f} Wh / {UPS_EFFICIENCY} / 0.8"),
    ]


def _at_least(needed: float, sizes: Sequence[float]) -> float:
    """The smallest size that is enough; several of the largest when none is."""
    return next((size for size in sizes if size >= needed), math.ceil(needed / sizes[-1]) * sizes[-1])


def _drop(amperes: float, metres: float, mm2: float) -> float:
    """Relative voltage drop, there and back."""
    return 2 * metres * COPPER_OHM_MM2_M / mm2 * amperes / VOLTS


def _cable(breaker: float, metres: float) -> float | None:
    """The thinnest that carries the breaker's current and keeps the voltage; None when none does."""
    for mm2, carries in CABLES_MM2:
        if carries >= breaker and _drop(breaker, metres, mm2) <= DROP_LIMIT:
            return mm2
    return None


def station_draw_w(address: str) -> float:
    """Watts of a running station at work: the largest that it has learnt from its UPS. Raises ValueError."""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/power", timeout=STATION_S) as answer:  # noqa: S310  # _site lets http alone pass
            draws = json.loads(answer.read(ANSWER_BYTES_MAX))["now"]["draws"]
        measured = [float(watts) for name, watts in draws.items() if watts is not None and name in WORK]
    except (HTTPException, OSError) as problem:
        raise ValueError(f"{address} cannot be asked ({problem}); see that the station runs there, or give --draw") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"{address} gives no answer of a station: look at the address, or give --draw") from problem
    if not measured:
        raise ValueError("the station has not measured its draw at work yet: record somebody, or give --draw")
    return max(measured)


def measured_draw_w(report: Path) -> float:
    """Mean draw of a running station from its power report, pauses and nights that it was on for included. Raises ValueError."""
    try:
        rows = [dict(zip(*pair, strict=True)) for pair in _csv_rows(report)]
        measured = [row for row in rows if row["energy_wh"]]
        hours = sum(float(row["mains_s"]) + float(row["battery_s"]) + float(row["genset_s"]) for row in measured) / 3600
        wh = sum(float(row["energy_wh"]) for row in measured)
    except (ValueError, KeyError) as problem:
        raise ValueError(f"{report} is no power report of a station; give --draw instead") from problem
    if not hours > 0:
        raise ValueError(f"{report} holds no hours of which the energy is known; give --draw instead")
    return wh / hours


def _csv_rows(report: Path) -> list[tuple[list[str], list[str]]]:
    lines = [line.split(",") for line in report.read_text(encoding="utf-8").splitlines() if line]
    return [(lines[0], line) for line in lines[1:]]


def write_pdf(path: Path, site: Site, lines: Sequence[Line]) -> None:
    """One A4 page."""
    from reportlab.lib.pagesizes import A4  # slow to import, needed here alone
    from reportlab.pdfgen.canvas import Canvas

    page = Canvas(str(path), pagesize=A4, invariant=1)
    page.setFont("Helvetica-Bold", 16)
    page.drawString(50, 795, f"Power plan: {site.sets} set{'s' if site.sets > 1 else ''}, {site.hours:g} h a day")
    page.setFont("Helvetica", 9)
    asked = f"{site.outage_h:g} h on batteries alone; the genset runs {site.genset_h:g} h a day; {site.cable_m:g} m from meter to room."
    page.drawString(50, 780, asked)
    height, part = 762.0, ""
    for line in lines:
        if line.part != part:
            part, height = line.part, _heading(page, line.part, height)
        page.setFont("Helvetica-Bold", 10.5)
        page.drawString(60, height, line.what)
        page.drawString(190, height, line.result)
        page.setFont("Helvetica", 8.5)
        page.drawString(190, height - 12, line.arithmetic)
        height -= 33
    page.setFont("Helvetica-Oblique", 9)
    page.drawString(50, 45, WARNING)
    page.save()


def _heading(page: Any, words: str, height: float) -> float:
    """Draw it with a rule; returns where the first line below stands."""
    page.setFont("Helvetica-Bold", 12)
    page.drawString(50, height - 6, words)
    page.line(50, height - 10, 545, height - 10)
    return height - 27


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", type=whole(1, 20), default=1, help="equipment sets (default 1)")
    parser.add_argument("--hours", type=measure(0.1, 24), default=7.0, help="working hours a day (default 7)")
    parser.add_argument("--outage", type=measure(0, 72), default=1.0, metavar="H", help="hours the UPS alone must bridge (default 1)")
    parser.add_argument("--genset-hours", type=measure(0, 24), default=4.0, metavar="H", help="hours a day on the genset (default 4)")
    parser.add_argument("--cable", type=measure(0, 10_000), default=20.0, metavar="M", help="metres from the meter to the room (default 20)")
    parser.add_argument("--draw", type=measure(LEAST_DRAW_W, MOST_DRAW_W), metavar="W", help=f"what one set draws at work (default {SET_DRAW_W:.0f} W)")
    parser.add_argument("--station", metavar="URL", help="take the draw from a running station, such as http://127.0.0.1:8080")
    parser.add_argument("--report", type=Path, metavar="CSV", help="take the draw from a station's power report")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the plan as one page of PDF")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines as JSON")


def run(args: argparse.Namespace) -> int:
    """0 when a plan was made; 2 with a sentence when the request makes none."""
    try:
        site = _site(args)
    except (ValueError, OSError) as problem:
        print(f"No plan can be made: {problem}.")
        return 2
    lines = plan(site)
    for part, of_part in groupby(lines, lambda line: line.part):
        print(part)
        for line in of_part:
            print(f"  {line.what:20} {line.result:36} {line.arithmetic}")
    print(WARNING)
    if args.pdf:
        write_pdf(args.pdf, site, lines)
    if args.json:
        args.json.write_bytes(msgspec.json.encode(lines))
    return 0


def _site(args: argparse.Namespace) -> Site:
    site = Site(args.sets, args.hours, args.outage, args.genset_hours, args.cable, *_draw(args))
    if not LEAST_DRAW_W <= site.draw_w <= MOST_DRAW_W:
        raise ValueError(f"{site.draw_w:.1f} W {site.draw_from} is no draw of one set; give --draw")
    return site


def _draw(args: argparse.Namespace) -> tuple[float, str]:
    """Watts of one set and where they come from. Raises ValueError, OSError."""
    if args.station:
        if not args.station.startswith("http://"):
            raise ValueError("--station takes an address such as http://127.0.0.1:8080")
        return station_draw_w(args.station), f"measured at {args.station}"
    if args.report:
        return measured_draw_w(args.report), f"mean of {args.report.name}"
    return (args.draw, "as given") if args.draw is not None else (SET_DRAW_W, ASSUMED)
