"""A village without a link: policy and receipts come by stick to a station that goes on running, and its ledger tells what happened there."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.errors import StationError
from tests.journey.test_station_faults import CLOCK, Journey, received, state, text
from tests.waiting import until
from tools.auto_operator import Snapshot, StationPage
from tools.demo_check import compare
from tools.demo_site import STATION, DemoSite
from tools.stick_plugged import mounted

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    (tmp_path / "world").mkdir()
    made = Journey(tmp_path / "world")
    try:
        made.runner.run(made.stage.start_world())
        yield made
    finally:
        made.runner.run(made.stage.stop())
        made.runner.close()


async def rekam(*words: str) -> str:
    """A command that has to succeed; what it says."""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "tools.cli", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def asked(port: int, name: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{name}", timeout=10) as answer:
        return json.loads(answer.read())


async def by_stick(site: DemoSite, stick: Path) -> None:
    """Out and home again; the station runs all the time, the district does not."""
    assert "entries copied" in await rekam("export", str(stick), "--config", str(site.station_config))
    said = await rekam("import", str(stick), "--config", str(site.district_config))
    assert "policy in force for 1" in said
    said = await rekam("import", str(stick), "--config", str(site.station_config))
    assert "Policy: new" in said
    assert not list((stick / "rekam" / STATION).glob("*.entry")), "what is received need not be carried again"


def make_stick(folder: Path) -> Path:
    """An image with a file system of its own where that can be mounted, otherwise a folder."""
    image, point = folder / "image", folder / "plugged"
    point.mkdir()
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return point
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    try:
        with mounted(image):
            return image
    except StationError:
        return point


def entries_on(stick: Path) -> int:
    with mounted(stick) as point:
        return len(list((point / "rekam" / STATION).glob("*.entry")))


async def by_plugging_in(site: DemoSite, folder: Path) -> None:
    """Everything is on the stick, and it is let go of, before the page says that it may be pulled."""
    stick = await asyncio.to_thread(make_stick, folder)
    await rekam("stick", str(stick), "--config", str(site.station_config))
    await eventually(site, lambda shown: "stick_done" in told(shown))
    assert await asyncio.to_thread(entries_on, stick) >= 1, "the export is an entry itself"


def told(shown: Snapshot) -> set[str]:
    return {notice["id"] for notice in shown["notices"]}


async def eventually(site: DemoSite, true: Callable[[Snapshot], bool]) -> None:
    async def look() -> None:
        while not true(await state(site)):
            await CLOCK.sleep_s(0.1)

    async with asyncio.timeout(30):
        await look()


async def held_back(site: DemoSite) -> None:
    """The office wants a link, there is none: nobody begins, and the page says why."""
    page = StationPage("127.0.0.1", site.station_port)
    await eventually(site, lambda shown: "policy_online" in told(shown))
    found = await page.state()
    assert found["link"] == found["link"] | {"connected": False, "policy": 1, "online_only": True}
    assert text("notice_policy_online").startswith("Sambungan ke Dinas belum ada")
    refused = await page.post("next_person", ticket=2)
    assert refused["error"] == "not_now"
    assert (await page.state())["phase"] == "idle"


def test_policy_and_receipts_by_stick_to_a_running_station(journey: Journey, tmp_path: Path) -> None:
    site, stick = journey.site(tmp_path / "site"), tmp_path / "stick"
    stick.mkdir()

    async def walk() -> tuple[dict[str, Any], list[dict[str, Any]], Any]:
        stage = journey.stage
        await stage.broker.child.stop()
        await stage.control.ask("fault", device="tablet", name="unplug", on=True)
        await stage.start_station(site)
        await journey.record(site)
        await rekam("policy", "--config", str(site.district_config), "--online-only", "yes", "--retention-days", "14")
        await by_stick(site, stick)
        await received(site, 1)
        page = StationPage("127.0.0.1", site.station_port)
        await page.post("log_in", operator=site.operator, pin=site.pin)
        await eventually(site, lambda shown: shown["phase"] == "idle")
        await held_back(site)
        await stage.broker.start()
        await stage.start_district(site)
        await eventually(site, lambda shown: shown["link"]["connected"] and "policy_online" not in told(shown))
        await by_plugging_in(site, tmp_path)
        await rekam("export", str(stick), "--config", str(site.station_config))
        assert "entries are held" in await rekam("import", str(stick), "--config", str(site.district_config)), "beside the running district"
        assert "none" not in await rekam("quarantine", "--config", str(site.district_config))
        await page.post("log_out")
        await until(lambda: "logout" in {event["event"] for event in asked(site.district_port, "events")}, "the ledger at the district", 60)
        return await compare(site, stage.control), asked(site.district_port, "events"), asked(site.district_port, "stations")

    figures, events, stations = journey.runner.run(walk())
    assert figures["records_stored"] == 1
    assert figures["lost"] == figures["duplicated"] == 0
    names = {event["event"] for event in events}
    assert {"boot", "login", "logout", "export", "configuration", "fault"} <= names, names
    assert [event["detail"] for event in events if event["event"] == "configuration" and "policy" in event["detail"]] == [
        {"policy": 1, "online_only": True, "waiting_max": 0}
    ]
    assert stations[0]["missing"] == []
    assert stations[0]["policy"] == 1
