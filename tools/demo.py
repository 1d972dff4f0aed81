"""`./rekam demo`: people are recorded through real wires, and every byte is compared at the end.

World, broker, district and station are processes of their own; the operator made of code uses only the station's page. With
`--cuts` the station is killed inside an enrolment and started again, with `--outage` the mains fail and a genset is needed. Exit 0
only when nothing was lost, doubled or changed.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tools.auto_operator import AutoOperator, StationPage
from tools.demo_check import compare, summary_of
from tools.demo_cuts import Cutter
from tools.demo_outage import Outage, sections
from tools.demo_site import DemoSite, make_demo_site
from tools.demo_stage import Stage
from tools.demo_view import View

EXAMPLE = "./rekam demo --people 5 --seed 11 --cuts 2 --json out.json"
DRAIN_S = 120.0
PERSON_S = 180.0
"""many times what one takes here: a Raspberry Pi is slower, and only a standstill shall end the demo"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=3, help="how many are recorded (1 to 500, default 3)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same people, images and cuts")
    parser.add_argument("--cuts", type=int, default=1, help="how often the station is killed inside an enrolment (default 1)")
    parser.add_argument("--outage", action="store_true", help="instead of cuts: mains failure, battery, genset, mains again, orderly stop, resume")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--keep", action="store_true", help="leave everything running and tell the addresses of both pages")


def run(arguments: argparse.Namespace) -> int:
    """0 when every person's record is at the district and identical to what the devices delivered."""
    if not 1 <= arguments.people <= 500 or arguments.cuts < 0:
        print("rekam: --people takes 1 to 500, --cuts 0 or more.", file=sys.stderr)
        return 2
    if arguments.outage and arguments.people < 2:
        print("rekam: --outage needs --people 2 or more: the genset's part and the stop each need somebody at the desk.", file=sys.stderr)
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
    site = make_demo_site(folder, stage.addresses, await stage.people(), stage.broker.port, sections(stage) if arguments.outage else {})
    for line in await stage.start_programs(site):
        view.say(line)
    operator = AutoOperator(StationPage("127.0.0.1", site.station_port), stage.control, site.operator, site.pin)
    director = _director(arguments, stage, view)

    def watch(snapshot: dict[str, Any]) -> None:
        view.show(snapshot)
        director.look(operator.current, snapshot)

    operator.watch = watch
    began_s = stage.clock.now_s()
    await _within(PERSON_S * (1 + arguments.people), _together(director.run(operator), operator.record_all()), operator)
    await _drained(site, arguments.people, view)
    costs = stage.costs()
    per_record = round(costs["station_cpu_s"] / arguments.people, 2)
    return {
        **await compare(site, stage.control), **director.figures(), "seconds_total": round(stage.clock.now_s() - began_s, 1),
        "station_rss_mb": costs["station_rss_mb"], "station_cpu_s_per_record": per_record,
    }


def _director(arguments: argparse.Namespace, stage: Stage, view: View) -> Cutter | Outage:
    if arguments.outage:
        return Outage(arguments.people, stage, view)
    return Cutter(arguments.cuts, arguments.people, random.Random(f"{arguments.seed}/cuts"), stage, view)


async def _together(directing: Coroutine[Any, Any, None], recording: Coroutine[Any, Any, None]) -> None:
    """Until everybody is recorded. Raises what either of them raises."""
    director, recorder = tasks = asyncio.create_task(directing), asyncio.create_task(recording)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if director.done():
            director.result()
        await recorder
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _within(limit_s: float, playing: Coroutine[Any, Any, None], operator: AutoOperator) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await playing
    except TimeoutError:
        shown = f"step {operator.snapshot.get('step')}, activity {operator.snapshot.get('activity')}" if operator.snapshot else "nothing"
        raise RuntimeError(f"{operator.current} people were recorded in {limit_s:g} s, then nothing went on; the page shows {shown}") from None


async def _drained(site: DemoSite, people: int, view: View) -> None:
    """Wait until the station holds a receipt for each record."""
    page = StationPage("127.0.0.1", site.station_port)
    view.say("everyone has been recorded; waiting for the last receipts")
    received = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while received < people:
                view.show(snapshot := await page.state())
                received = snapshot["queue"]["received"]
                await asyncio.sleep(0.1)
    except TimeoutError:
        shown = f"http://127.0.0.1:{site.district_port}/"
        raise RuntimeError(f"{received} of {people} receipts came back within {DRAIN_S:g} s; {shown} showed what had arrived") from None


def _tell(figures: dict[str, Any], arguments: argparse.Namespace) -> bool:
    print(summary_of(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    whole = figures["records_stored"] == figures["identical"] == figures["receipts"] == figures["people"]
    complete = figures["resumed"] or not (arguments.cuts or arguments.outage)
    return bool(whole and not figures["lost"] and not figures["duplicated"] and complete)


async def _linger(folder: Path) -> None:
    print(f"everything goes on running; the pages are at the addresses above, files in {folder}. End with Ctrl-C.")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
