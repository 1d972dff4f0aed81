"""A station behind NUT's own upsd and driver: low battery ends it in good order, within seconds, with everything on the disk."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.store.store import Store
from protocols.certificates import read_certificate
from protocols.record import LedgerEvent
from protocols.sealing import open_entry
from simulators import ups
from simulators.world import World
from tests.waiting import until_it_is
from tests.wire.nut import MEGATEC, need_nut, nut
from tools.auto_operator import Snapshot, StationAway, StationPage
from tools.children import Child, free_port
from tools.demo_site import write_toml
from tools.keys import SiteOperator, SitePaths, make_site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(200)]
STATION, TICKET = "kec-poso-01", 7
UPSD_PORT = 13_497
SHOWN_S, ENDED_S = 8.0, 20.0
"""UPS 1 s, driver 1 s, upsd, station 1 s, page 1 s; then two seconds to read it, the disks' sync, the page's open connections"""


class Site:
    """One station whose only device is a UPS behind NUT."""

    def __init__(self, folder: Path) -> None:
        self.keys: SitePaths = make_site(folder / "keys", [STATION], operators=[SiteOperator("ani", "Ani Lestari", "246810")])
        port = free_port()
        config = write_toml(folder / "station.toml", {
            "station": {"id": STATION, "name": "Kecamatan Poso Kota", "data_dir": str(folder / "station"), "page_port": port, "reserve_mb": 16},
            "keys": self.keys.station_section(STATION),
            "broker": {"host": "127.0.0.1", "port": free_port()},
            "[devices.ups]": {"name": "rekam", "port": UPSD_PORT},
            # nothing but the UPS's own word ends it
            "power": {"stop_below_percent": 0, "stop_below_minutes": 0},
        })
        self.store = folder / "station" / "store"
        self.program = Child("station", [sys.executable, "-m", "tools.cli", "station", "--config", str(config)], folder / "station.log")
        self.page = StationPage("127.0.0.1", port)
        self.seen: Snapshot = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.program.start()
        try:
            yield
        finally:
            await self.program.stop()

    async def power(self) -> tuple[str, str, str]:
        """Source, state and sentence as the page has them."""
        with contextlib.suppress(StationAway):
            self.seen = await self.page.state()
        power = self.seen.get("power", {"source": "", "state": "", "sentence": {"id": ""}})
        return power["source"], power["state"], power["sentence"]["id"]

    async def phase(self) -> str:
        with contextlib.suppress(StationAway):
            self.seen = await self.page.state()
        return str(self.seen["phase"])

    async def begin_somebody(self) -> None:
        await self.page.post("log_in", operator="ani", pin="246810")
        await until_it_is(self.phase, "idle", "the log-in")
        await self.page.next_state(0)  # from here on a page follows, as it does at every desk
        await self.page.post("next_person", ticket=TICKET)
        await until_it_is(self.phase, "enrolling", "an enrolment")

    def kept(self) -> tuple[list[LedgerEvent], int | None, bytes]:
        """What the next life finds: events of the ledger, the ticket of the open enrolment, the memory of power."""
        certificate = read_certificate(self.keys.station_certificate(STATION).read_bytes())
        store = Store.open(self.store, 0)
        try:
            entries = [open_entry(store.envelope(item.sequence), lambda _: certificate.public_key) for item in store.outbox(100)]
            enrolment = store.open_enrolment()
            return [entry for entry in entries if isinstance(entry, LedgerEvent)], enrolment and enrolment.ticket, store.setting("power") or b""
        finally:
            store.close()


def test_low_battery_by_nut_ends_the_station_in_good_order(tmp_path: Path) -> None:
    need_nut("nutdrv_qx")
    site = Site(tmp_path)

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
