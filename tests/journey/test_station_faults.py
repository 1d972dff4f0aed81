"""Whole programs with one thing wrong: each time somebody is recorded all the same, and nothing is lost.

One world and one broker for the file; every test has a station and a district of its own with fresh keys.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.world import WorldClock
from station_config.load import load_texts
from tests.waiting import until
from tools.auto_operator import AutoOperator, Snapshot, StationPage
from tools.demo_check import compare
from tools.demo_site import DemoSite, make_demo_site
from tools.demo_stage import Stage

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]
RECORDED_S = 200.0
CLOCK = WorldClock()


class Journey:
    """The stage and the one loop it lives in."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.stage = Stage(folder, seed=3, people=1)

    def site(self, folder: Path) -> DemoSite:
        folder.mkdir(exist_ok=True)
        return make_demo_site(folder, self.stage.addresses, self.runner.run(self.stage.people()), self.stage.broker.port)

    async def operator(self, site: DemoSite) -> AutoOperator:
        return AutoOperator(StationPage("127.0.0.1", site.station_port), self.stage.control, site.operator, site.pin)

    async def record(self, site: DemoSite, seen: list[Snapshot] | None = None) -> None:
        operator = await self.operator(site)
        operator.watch = (seen if seen is not None else []).append
        async with asyncio.timeout(RECORDED_S):
            await operator.record_all()


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("world")
    made = Journey(folder)
    try:
        made.runner.run(made.stage.start_world())
        yield made
    finally:
        made.runner.run(made.stage.stop())
        made.runner.close()


@pytest.fixture(autouse=True)
def ended(journey: Journey) -> Iterator[None]:
    """No program of one test is left to the next; a broken device is whole again."""
    yield
    journey.runner.run(journey.stage.stop_programs())


async def state(site: DemoSite) -> Snapshot:
    return await StationPage("127.0.0.1", site.station_port).state()


def text(code: str) -> str:
    return load_texts()["id"][code]


async def received(site: DemoSite, count: int) -> None:
    """The station holds that many verified receipts."""

    async def look() -> None:
        while (await state(site))["queue"]["received"] < count:
            await CLOCK.sleep_s(0.1)

    async with asyncio.timeout(120):
        await look()


def equipment(site: DemoSite) -> list[dict[str, Any]]:
    """What the district's page shows of devices."""
    with urllib.request.urlopen(f"http://127.0.0.1:{site.district_port}/api/equipment", timeout=10) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())
    return found


def whole(figures: dict[str, Any]) -> bool:
    return figures["records_stored"] == 1 and figures["lost"] == figures["duplicated"] == 0


def test_no_broker_then_no_district_then_all_is_delivered(journey: Journey, tmp_path: Path) -> None:
    site = journey.site(tmp_path)

    async def walk() -> dict[str, Any]:
        stage = journey.stage
        await stage.broker.child.stop()
        await stage.start_station(site)
        await journey.record(site)
        kept = await state(site)
        assert kept["queue"] == {"saved": 1, "waiting": 1, "received": 0, "refused": 0, "held": []}
        await stage.broker.start()
        await until(lambda: "connected" in stage.station.log.read_text() or "is up" in stage.station.log.read_text(), "the link")
        assert (await state(site))["queue"]["received"] == 0, "no district, no receipt"
        await stage.start_district(site)
        await received(site, 1)
        return await compare(site, stage.control)

    figures = journey.runner.run(walk())
    assert whole(figures)
    assert figures["identical"] == 1


def test_a_device_that_is_missing_at_the_start_becomes_an_exception(journey: Journey, tmp_path: Path) -> None:
    site = journey.site(tmp_path)
    seen: list[Snapshot] = []

    async def walk() -> dict[str, Any]:
        await journey.stage.control.ask("fault", device="tablet", name="unplug", on=True)
        try:
            await journey.stage.start_programs(site)
            await journey.record(site, seen)
            await received(site, 1)
        finally:
            await journey.stage.control.ask("fault", device="tablet", name="unplug", on=False)
        return await compare(site, journey.stage.control)

    figures = journey.runner.run(walk())
    assert whole(figures)
    told = {snapshot["devices"]["tablet"]["code"] for snapshot in seen if snapshot["devices"]} - {None}
    assert told, "the page names the device's trouble"
    assert all(text(code) for code in told), "and has words for it"
    at_the_end = [snapshot["targets"] for snapshot in seen if snapshot["step"] == "review"][-1]
    left_out = [target["reason"] for target in at_the_end if target["kind"] == "signature"]
    assert left_out == ["device_unavailable"]


def test_a_port_that_vanishes_in_the_middle_of_a_capture_comes_back(journey: Journey, tmp_path: Path) -> None:
    site = journey.site(tmp_path)

    async def unplug_once(operator: AutoOperator) -> None:
        def capturing() -> bool:
            return operator.snapshot.get("step") == "fingers" and bool(operator.snapshot.get("progress"))

        await until(capturing, "a finger image on the wire", 60)
        await journey.stage.control.ask("fault", device="fingerprint", name="unplug", on=True)

        def noticed() -> bool:
            return operator.snapshot.get("devices", {}).get("fingerprint", {}).get("state") in {"absent", "faulted"}

        await until(noticed, "the page to say that the sensor is away")
        await journey.stage.control.ask("fault", device="fingerprint", name="unplug", on=False)

    async def walk() -> dict[str, Any]:
        await journey.stage.start_programs(site)
        operator = await journey.operator(site)
        pulling = asyncio.create_task(unplug_once(operator))
        async with asyncio.timeout(RECORDED_S):
            await operator.record_all()
        await pulling
        await received(site, 1)
        return await compare(site, journey.stage.control)

    figures = journey.runner.run(walk())
    assert whole(figures)
    assert figures["identical"] == 1, "every finger is there, as the sensor delivered it"
    told = [event for event in equipment(site) if event["detail"]["device"] == "fingerprint"]
    assert {event["event"] for event in told} >= {"equipment", "fault", "repaired"}
    assert all(event["received_s"] - event["wall_s"] < 60 for event in told), "the district knows within the minute"


def test_a_full_disk_begins_nobody_and_says_what_to_do(journey: Journey, tmp_path: Path) -> None:
    site = journey.site(tmp_path)
    more_than_any_card = site.station_config.read_text().replace("reserve_mb = 16", "reserve_mb = 100000")
    site.station_config.write_text(more_than_any_card)

    async def walk() -> tuple[Snapshot, Snapshot]:
        await journey.stage.start_station(site)
        operator = await journey.operator(site)
        page = StationPage("127.0.0.1", site.station_port)
        await page.post("log_in", operator=site.operator, pin=site.pin)
        async with asyncio.timeout(60):
            while "next_person" not in (await page.state())["actions"] and (await page.state())["operator"] is None:
                await CLOCK.sleep_s(0.1)
        assert operator.current == 0
        return await page.post("next_person", ticket=1), await page.state()

    answer, snapshot = journey.runner.run(walk())
    assert snapshot["phase"] == "idle"
    assert snapshot["enrolments_left"] == 0
    told = {notice["id"] for notice in snapshot["notices"]} | {answer.get("error")}
    assert "store_full" in told, (answer, snapshot["notices"])
    assert snapshot["queue"]["saved"] == 0


def fill(folder: Path) -> Path:
    """Leave not one free byte on the file system of `folder`."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_card_that_fills_up_in_the_middle_loses_nothing_and_goes_on_when_there_is_room(journey: Journey, tmp_path: Path) -> None:
    site = journey.site(tmp_path)
    card = tmp_path / "station"
    card.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(card)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    seen: list[Snapshot] = []

    async def fill_and_free(operator: AutoOperator) -> None:
        await until(lambda: operator.snapshot.get("step") == "fingers", "the fingers", 60)
        ballast = fill(card)
        await until(lambda: any(notice["level"] != "info" for notice in operator.snapshot.get("notices", [])), "the page to speak of the full card", 60)
        assert operator.snapshot["phase"] == "enrolling"
        ballast.unlink()

    async def walk() -> dict[str, Any]:
        await journey.stage.start_programs(site)
        operator = await journey.operator(site)
        operator.watch = seen.append
        filling = asyncio.create_task(fill_and_free(operator))
        async with asyncio.timeout(RECORDED_S):
            await operator.record_all()
        await filling
        await received(site, 1)
        figures = await compare(site, journey.stage.control)
        await journey.stage.stop_programs()
        return figures

    try:
        figures = journey.runner.run(walk())
    finally:
        journey.runner.run(journey.stage.stop_programs())
        subprocess.run(["umount", str(card)], check=True)
    assert whole(figures)
    assert figures["identical"] == 1
    warned = {notice["id"] for snapshot in seen for notice in snapshot["notices"] if notice["level"] != "info"}
    assert warned & {"store_low", "store_full", "store_failed"}, warned


def test_a_second_station_on_the_same_store_is_refused_in_one_sentence(journey: Journey, tmp_path: Path) -> None:
    site = journey.site(tmp_path)
    journey.runner.run(journey.stage.start_station(site))
    second = subprocess.run(
        [sys.executable, "-m", "tools.cli", "station", "--config", str(site.station_config)],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert second.returncode == 2
    assert "Traceback" not in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1, second.stderr
    assert journey.runner.run(state(site))["phase"] in {"idle", "locked"}, "the first one goes on"
