"""One station whose only devices are those of power, as a process of its own, and its page."""

import contextlib
import http.client
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from edge.store.store import Store
from protocols.certificates import read_certificate
from protocols.record import LedgerEvent
from protocols.sealing import open_entry
from tests.waiting import until_it_is
from tools.auto_operator import Snapshot, StationAway, StationPage
from tools.children import Child, free_port
from tools.demo_site import new_boot, write_toml
from tools.keys import SiteOperator, SitePaths, make_site

STATION, TICKET = "kec-poso-01", 7


class Site:
    """UPS `rekam` at a upsd; `sections` of station.toml come on top."""

    def __init__(self, folder: Path, upsd_port: int, sections: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        self.keys: SitePaths = make_site(folder / "keys", [STATION], operators=[SiteOperator("ani", "Ani Lestari", "246810")])
        self.port = port = free_port()
        config = write_toml(folder / "station.toml", {
            "station": {"id": STATION, "name": "Kecamatan Poso Kota", "data_dir": str(folder / "station"), "page_port": port, "reserve_mb": 16},
            "keys": self.keys.station_section(STATION),
            "broker": {"host": "127.0.0.1", "port": free_port()},
            "clock": {"boot_id": str(new_boot(folder)), "rtc": str(folder)},
            "[devices.ups]": {"name": "rekam", "port": upsd_port},
            **sections,
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

    async def log_in(self) -> None:
        await self.page.post("log_in", operator="ani", pin="246810")
        await until_it_is(self.phase, "idle", "the log-in")

    async def begin_somebody(self) -> None:
        await self.log_in()
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

    def get(self, path: str) -> tuple[str, bytes]:
        """Content type and body of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.getheader("content-type", ""), answer.read()
        finally:
            connection.close()

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/api/power")[1])
        return found
