"""`./rekam power-plan`: what supply a site needs, with the arithmetic shown, on the screen and on one page of PDF, in the installer's language.

The draw is measured where a running station or its report is given. The arithmetic is power_plan_sizes.py, the words power_plan_words.py.
"""

import argparse
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPException
from itertools import groupby
from pathlib import Path

import msgspec

from station_config.load import LANGUAGES, load_texts
from tools.amounts import measure, whole
from tools.power_plan_sizes import SET_DRAW_W, Site, sizes
from tools.power_plan_words import Line, asked, filled, line, write_pdf

EXAMPLE = "./rekam power-plan --sets 2 --hours 7 --outage 1.5 --pdf plan.pdf"

LEAST_DRAW_W, MOST_DRAW_W = 1.0, 3500.0
"""of one set: more than the connection's own figure is no set"""
STATION_S, ANSWER_BYTES_MAX = 5.0, 4_000_000
WORK = ("preview", "capture", "print")
"""what a station does at work, in its own words"""


class NoPlan(ValueError):
    """Message id of why no plan can be made, with what fills it."""

    def __init__(self, code: str, **values: float | str) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def station_draw_w(address: str) -> float:
    """Watts of a running station at work: the largest that it has learnt from its UPS. Raises NoPlan."""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/power", timeout=STATION_S) as answer:  # noqa: S310  # _draw lets http alone pass
            draws = json.loads(answer.read(ANSWER_BYTES_MAX))["now"]["draws"]
        measured = [float(watts) for name, watts in draws.items() if watts is not None and name in WORK]
    except (HTTPException, OSError) as problem:
        raise NoPlan("plan_no_station", address=address, problem=str(problem)) from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise NoPlan("plan_no_answer", address=address) from problem
    if not measured:
        raise NoPlan("plan_not_measured")
    return max(measured)


def measured_draw_w(report: Path) -> float:
    """Mean draw of a running station from its power report, pauses and nights that it was on for included. Raises NoPlan."""
    try:
        rows = [dict(zip(*pair, strict=True)) for pair in _csv_rows(report)]
        measured = [row for row in rows if row["energy_wh"]]
        hours = sum(float(row["mains_s"]) + float(row["battery_s"]) + float(row["genset_s"]) for row in measured) / 3600
        wh = sum(float(row["energy_wh"]) for row in measured)
    except OSError as problem:
        raise NoPlan("plan_no_file", file=str(report), problem=problem.strerror or "") from problem
    except (ValueError, KeyError) as problem:
        raise NoPlan("plan_no_report", file=str(report)) from problem
    if not hours > 0:
        raise NoPlan("plan_no_hours", file=str(report))
    return wh / hours


def _csv_rows(report: Path) -> list[tuple[list[str], list[str]]]:
    lines = [line.split(",") for line in report.read_text(encoding="utf-8").splitlines() if line]
    return [(lines[0], line) for line in lines[1:]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", type=whole(1, 20), default=1, help="equipment sets (default 1)")
    parser.add_argument("--hours", type=measure(0.1, 24), default=7.0, help="working hours a day (default 7)")
    parser.add_argument("--outage", type=measure(0, 72), default=1.0, metavar="H", help="hours the UPS alone must bridge (default 1)")
    parser.add_argument("--genset-hours", type=measure(0, 24), default=4.0, metavar="H", help="hours a day on the genset (default 4)")
    parser.add_argument("--cable", type=measure(0, 10_000), default=20.0, metavar="M", help="metres from the meter to the room (default 20)")
    parser.add_argument("--draw", type=measure(LEAST_DRAW_W, MOST_DRAW_W), metavar="W", help=f"what one set draws at work (default {SET_DRAW_W:.0f} W)")
    parser.add_argument("--station", metavar="URL", help="take the draw from a running station, such as http://127.0.0.1:8080")
    parser.add_argument("--report", type=Path, metavar="CSV", help="take the draw from a station's power report")
    parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="of the plan (default id)")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the plan as one page of PDF")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines as JSON")


def run(args: argparse.Namespace) -> int:
    """0 when a plan was made; 2 with a sentence when the request makes none."""
    texts = load_texts()[args.language]
    try:
        site = _site(args)
    except NoPlan as problem:
        print(texts["plan_refused"].format(reason=filled(texts[problem.code], problem.values, args.language)))
        return 2
    lines, heading = [line(size, texts, args.language) for size in sizes(site)], asked(site, texts, args.language)
    print(*heading, sep="\n")
    for part, of_part in groupby(lines, lambda line: line.part):
        print(part)
        for each in of_part:
            print(f"  {each.what:22} {each.result:38} {each.arithmetic}")
    print(texts["plan_warning"])
    return _written(args, lines, heading, texts)


def _written(args: argparse.Namespace, lines: list[Line], heading: tuple[str, str], texts: Mapping[str, str]) -> int:
    """The files that were asked for; 2 with a sentence where one cannot be written."""
    try:
        if args.pdf:
            write_pdf(args.pdf, heading, lines, texts["plan_warning"])
        if args.json:
            args.json.write_bytes(msgspec.json.encode(lines))
    except OSError as problem:
        print(texts["plan_not_written"].format(file=problem.filename, problem=problem.strerror))
        return 2
    return 0


def _site(args: argparse.Namespace) -> Site:
    """Raises NoPlan."""
    site = Site(args.sets, args.hours, args.outage, args.genset_hours, args.cable)
    if args.station:
        if not args.station.startswith("http://"):
            raise NoPlan("plan_no_address")
        site = replace(site, draw_w=station_draw_w(args.station), draw_from="plan_measured", draw_source=args.station)
    elif args.report:
        site = replace(site, draw_w=measured_draw_w(args.report), draw_from="plan_mean", draw_source=args.report.name)
    elif args.draw is not None:
        site = replace(site, draw_w=args.draw, draw_from="plan_given")
    if not LEAST_DRAW_W <= site.draw_w <= MOST_DRAW_W:
        raise NoPlan("plan_no_draw", watts=site.draw_w, source=site.draw_source)
    return site
