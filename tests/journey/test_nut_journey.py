"""A station behind NUT's own upsd and driver: low battery ends it in good order, within seconds, with everything on the disk."""

import asyncio
import time
from pathlib import Path

import pytest

from simulators import ups
from simulators.world import World
from tests.journey.power_site import TICKET, Site
from tests.waiting import until_it_is
from tests.wire.nut import MEGATEC, need_nut, nut

pytestmark = [pytest.mark.journey, pytest.mark.timeout(200)]
UPSD_PORT = 13_497
SHOWN_S, ENDED_S = 8.0, 20.0
"""UPS 1 s, driver 1 s, upsd, station 1 s, page 1 s; then two seconds to read it, the disks' sync, the page's open connections"""


def test_low_battery_by_nut_ends_the_station_in_good_order(tmp_path: Path) -> None:
    need_nut("nutdrv_qx")
    # nothing but the UPS's own word ends it
    site = Site(tmp_path, UPSD_PORT, {"power": {"stop_below_percent": 0, "stop_below_minutes": 0, "halt_command": ["true"]}})

    async def walk() -> int:
        world = World(1)
        device = ups.build(world, tmp_path / "ups0")
        await device.start()
        try:
            async with nut(tmp_path, UPSD_PORT, "nutdrv_qx", MEGATEC), site.running():
                return await low_battery(world, site)
        finally:
            await device.stop()

    assert asyncio.run(walk()) == 0, site.program.tail()
    events, ticket, memory = site.kept()
    assert [event.detail["state"] for event in events if event.event == "power_state"] == ["on_battery", "stopping"]
    assert ticket == TICKET, "whoever was at the desk goes on later"
    assert b'"state":"stopping"' in memory, "the next life knows that this was no cut"
    log = site.program.log.read_text()
    assert "Traceback" not in log
    assert "graceful shutdown exceeded" not in log, "the page's stream ended by itself"


async def low_battery(world: World, site: Site) -> int:
    """Mains fail with somebody at the desk, later the battery is low; the station's exit code."""
    await until_it_is(site.power, ("mains", "normal", "power_mains"), "NUT's first word on the page")
    await site.begin_somebody()
    world.power.outage()
    await until_it_is(lambda: state(site), "on_battery", "the battery on the page")
    began_s = time.monotonic()
    world.power.charge(5)
    await until_it_is(site.power, ("battery", "stopping", "power_stopping"), "the orderly stop on the page", SHOWN_S)
    code = await asyncio.wait_for(site.program.ended(), ENDED_S)
    assert time.monotonic() - began_s < ENDED_S
    await site.page.close()
    return code


async def state(site: Site) -> str:
    return (await site.power())[1]
