"""`./rekam demo`: people are recorded through real wires, and every byte is compared at the end.

World, broker, district and station are processes of their own; the operator made of code uses only the station's page. With
`--cuts` the station is killed inside an enrolment and started again. Exit 0 only when nothing was lost, doubled or changed.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.auto_operator import AutoOperator, StationPage
from tools.demo_check import compare, summary_of
from tools.demo_site import DemoSite, make_demo_site
from tools.demo_stage import Stage
from tools.demo_view import View

EXAMPLE = "./rekam demo --people 5 --seed 11 --cuts 2 --json out.json"
DRAIN_S = 120.0
RESUMED = "power_was_out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=3, help="how many are recorded (1 to 500, default 3)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same people, images and cuts")
    parser.add_argument("--cuts", type=int, default=1, help="how often the station is killed inside an enrolment (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--keep", action="store_true", help="leave everything running and tell the addresses of both pages")


def run(arguments: argparse.Namespace) -> int:
    """0 when every person's record is at the district and identical to what the devices delivered."""
    if not 1 <= arguments.people <= 500 or arguments.cuts < 0:
        print("rekam: --people takes 1 to 500, --cuts 0 or more.", file=sys.stderr)
        return 2
    return asyncio.run(_demo(arguments))


async def _demo(arguments: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="rekam-demo-"))
    stage = Stage(folder, arguments.seed, arguments.people)
    clean = False
    try:
        with View() as view:
            figures = await _play(arguments, stage, view, folder)
        clean = _tell(figures, arguments)
        if arguments.keep:
            await _linger(folder)
    except RuntimeError as problem:
        print(f"rekam: the demo stopped: {problem}\nThe logs are in {folder}.")
        return 1
    finally:
        await stage.stop()
    if clean:
        shutil.rmtree(folder)
    return 0 if clean else 1


async def _play(arguments: argparse.Namespace, stage: Stage, view: View, folder: Path) -> dict[str, Any]:
    for line in await stage.start_world():
        view.say(line)
    site = make_demo_site(folder, stage.addresses, await stage.people(), stage.broker.port)
    for line in await stage.start_programs(site):
        view.say(line)
    operator = AutoOperator(StationPage("127.0.0.1", site.station_port), stage.control, site.operator, site.pin)
    cutter = Cutter(arguments.cuts, arguments.people, random.Random(f"{arguments.seed}/cuts"), stage, view)

    def watch(snapshot: dict[str, Any]) -> None:
        view.show(snapshot)
        cutter.look(operator.current, snapshot)

    operator.watch = watch
    began_s = stage.clock.now_s()
    cutting = asyncio.create_task(cutter.run(operator))
    try:
        await operator.record_all()
    finally:
        cutting.cancel()
        await asyncio.wait([cutting])
    await _drained(site, arguments.people, view)
    costs = stage.costs()
    per_record = round(costs["station_cpu_s"] / arguments.people, 2)
    return {
        **await compare(site, stage.control), "resumed": cutter.resumed, "seconds_total": round(stage.clock.now_s() - began_s, 1),
        "station_rss_mb": costs["station_rss_mb"], "station_cpu_s_per_record": per_record,
    }


async def _drained(site: DemoSite, people: int, view: View) -> None:
    """Wait until the station holds a receipt for each record."""
    page = StationPage("127.0.0.1", site.station_port)
    view.say("everyone has been recorded; waiting for the last receipts")
    async with asyncio.timeout(DRAIN_S):
        while (snapshot := await page.state())["queue"]["received"] < people:
            view.show(snapshot)
            await asyncio.sleep(0.1)


def _tell(figures: dict[str, Any], arguments: argparse.Namespace) -> bool:
    print(summary_of(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    whole = figures["records_stored"] == figures["identical"] == figures["receipts"] == figures["people"]
    return bool(whole and not figures["lost"] and not figures["duplicated"] and (figures["resumed"] >= 1 or not arguments.cuts))


async def _linger(folder: Path) -> None:
    print(f"everything goes on running; the pages are at the addresses above, files in {folder}. End with Ctrl-C.")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


class Cutter:
    """Kills the station at seeded instants: in the enrolment of a drawn person, after a drawn number of saved parts."""

    def __init__(self, cuts: int, people: int, rng: random.Random, stage: Stage, view: View) -> None:
        self._plan = sorted((rng.randrange(people), rng.randrange(0, 13), rng.random() * 0.6) for _ in range(cuts))
        self._stage = stage
        self._view = view
        self._due = asyncio.Event()
        self._done: set[tuple[int, str, int]] = set()
        self._cut_ticket: int | None = None
        self.resumed = 0

    def look(self, person: int, snapshot: dict[str, Any]) -> None:
        """Judge each snapshot: is the next cut due, has the station come back where it was?"""
        back = any(notice["id"] == RESUMED for notice in snapshot["notices"])
        if back and snapshot["phase"] == "enrolling" and self._cut_ticket is not None:
            self.resumed += int((snapshot["person"] or {}).get("ticket") == self._cut_ticket)
            self._cut_ticket = None
        done = {(person, target["kind"], target["position"]) for target in snapshot["targets"] if target["state"] in {"done", "exception"}}
        self._done = {one for one in self._done | done if one[0] == person}
        if self._plan and snapshot["phase"] == "enrolling" and (person, len(self._done)) >= self._plan[0][:2]:
            self._due.set()

    async def run(self, operator: AutoOperator) -> None:
        while self._plan:
            await self._due.wait()
            self._due.clear()
            await asyncio.sleep(self._plan.pop(0)[2])
            self._cut_ticket = (operator.snapshot.get("person") or {}).get("ticket")
            self._view.say(f"  power cut: the station is killed in {operator.snapshot.get('step') or 'between steps'} and started again")
            await self._stage.cut_station()
