"""Power over the page's HTTP, at a running station: who waits, the genset by hand, three failures, the report, and a cut in between."""

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from simulators import genset, ups
from simulators.world import World
from tests.journey.power_site import Site
from tests.waiting import until_it_is
from tools.demo_site import new_boot

pytestmark = [pytest.mark.journey, pytest.mark.timeout(200)]
RULES = {
    "start_below_percent": 10, "start_below_minutes": 1, "debounce_s": 0.5, "rest_s": 0.2, "warm_up_timeout_s": 30, "stable_s": 1, "minimum_run_s": 1,
    "mains_return_s": 1, "cool_down_s": 1, "test_every_days": 0,
}
POWER = {"poll_s": 0.3, "mains_stable_s": 1}


@contextlib.asynccontextmanager
async def at_site(folder: Path) -> AsyncIterator[tuple[World, Site]]:
    """World and station; the devices' wires are real, the world's time passes by itself."""
    world = World(1)
    upsd, modbus = ups.build(world, "127.0.0.1:0"), genset.build(world, "127.0.0.1:0")
    await upsd.start()
    await modbus.start()
    ports = [int(device.address.rpartition(":")[2]) for device in (upsd, modbus)]  # type: ignore[attr-defined]
    controller = {"kind": "gencomm-tcp", "host": "127.0.0.1", "port": str(ports[1])}
    site = Site(folder, ports[0], {"power": POWER, "power.genset": RULES, "devices.genset": controller})
    try:
        async with site.running():
            await until_it_is(site.power, ("mains", "normal", "power_mains"), "mains on the page")
            yield world, site
            await site.page.close()
    finally:
        await modbus.stop()
        await upsd.stop()


def shown(site: Site, *path: str) -> Callable[[], Any]:
    """What the page has there."""

    async def look() -> Any:
        await site.power()
        found: Any = site.seen
        for name in path:
            found = found[name]
        return found

    return look


async def told(site: Site, code: str, within_s: float = 40.0) -> None:
    """Wait for the plain answer about the genset."""
    await until_it_is(shown(site, "power", "genset", "code"), code, code, within_s)


def test_the_genset_by_hand_with_plain_answers_and_a_lock_out_that_somebody_looks_at(tmp_path: Path) -> None:
    async def walk() -> None:
        async with at_site(tmp_path) as (world, site):
            await site.log_in()
            await site.page.post("genset", act="start")
            await told(site, "genset_safe")
            assert world.power.genset.loaded
            genset_now = site.seen["power"]["genset"]
            assert genset_now["fuel_hours"] > 1
            assert genset_now["fuel_people"] == int(genset_now["fuel_hours"] * 15)
            await site.page.post("genset", act="stop")
            await told(site, "genset_ready")
            assert not world.power.genset.running

            world.power.genset_fails(9)
            await site.page.post("genset", act="start")
            await until_it_is(shown(site, "power", "genset", "plan"), "locked", "the lock-out", 60.0)
            assert site.seen["power"]["genset"]["code"] == "genset_did_not_start"
            assert site.seen["power"]["genset"]["failures"] == 3
            world.power.genset_fails(0)
            await site.page.post("genset", act="acknowledge")
            await told(site, "genset_ready")

    asyncio.run(walk())


def test_forty_who_wait_start_the_genset_and_nobody_else_had_to_ask(tmp_path: Path) -> None:
    async def walk() -> None:
        async with at_site(tmp_path) as (world, site):
            await site.log_in()
            world.power.outage()
            await until_it_is(shown(site, "power", "state"), "on_battery", "the battery")
            assert site.seen["power"]["waiting"] is None
            assert not world.power.genset.demands
            await site.page.post("waiting", people=400)
            await told(site, "genset_safe")
            assert site.report()["now"]["waiting"] == 400
            await site.page.post("next_person", ticket=1)
            await until_it_is(shown(site, "power", "waiting"), 399, "one less")

    asyncio.run(walk())


def test_the_report_survives_a_cut_and_is_there_as_json_and_csv(tmp_path: Path) -> None:
    async def walk() -> None:
        async with at_site(tmp_path) as (world, site):
            world.power.outage()
            await until_it_is(shown(site, "power", "state"), "on_battery", "the battery")
            await site.program.kill()
            new_boot(tmp_path)
            world.power.restore()
            await site.program.start()
            await until_it_is(site.power, ("mains", "normal", "power_mains"), "the station again")
            await until_it_is(lambda: ended(site), True, "the end of the outage")
            report = site.report()
            day = report["days"][0]
            assert (day["day"], day["outages"], day["unplanned_stops"]) == (report["today"], 1, 1)
            assert report["months"][0]["outages"] == 1
            kind, body = site.get("/api/power.csv?by=month")
            assert kind.startswith("text/csv")
            rows = list(csv.DictReader(io.StringIO(body.decode())))
            assert rows[0]["day"] == report["today"][:7]
            assert rows[0]["unplanned_stops"] == "1"

    async def ended(site: Site) -> bool:
        return site.report()["outages"][0]["to"] is not None

    asyncio.run(walk())


def test_without_a_halt_command_the_station_begins_anew_when_the_mains_are_back(tmp_path: Path) -> None:
    async def walk() -> int:
        async with at_site(tmp_path) as (world, site):
            await site.begin_somebody()
            world.power.outage()
            world.power.charge(5)
            await until_it_is(shown(site, "phase"), "stopping", "the orderly stop")
            ended = asyncio.create_task(site.program.ended())
            await until_it_is(shown(site, "power", "sentence", "id"), "power_stopping", "the reason, which stays")
            assert not ended.done()
            world.power.charge(90)
            world.power.restore()
            code = await asyncio.wait_for(ended, 30)
            await site.program.start()  # as systemd does for this exit code
            await until_it_is(site.phase, "enrolling", "the person at the desk")
            await until_it_is(lambda: resumed(site), True, "what happened")
            return code

    async def resumed(site: Site) -> bool:
        return any(notice["id"] == "power_was_out_times" for notice in (await site.page.state())["notices"])

    assert asyncio.run(walk()) == 75
