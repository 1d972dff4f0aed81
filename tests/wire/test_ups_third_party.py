"""The simulated UPS serves programs that others wrote: NUT's drivers on the Megatec face, upsc and aionut on the upsd face."""

import asyncio
import shutil
import time
from pathlib import Path

import pytest
from aionut import AIONUTClient

from edge.devices.ups import UpsdClient
from simulators import ups
from simulators.world import World
from tests.wire.nut import MEGATEC, need_nut, nut, output_of


async def upsc_until(port: int, found: str) -> str:
    """Ask upsc until its answer holds `found`; each turn waits for a program, so nothing spins."""
    deadline = time.monotonic() + 30
    while True:
        text = await output_of("upsc", f"rekam@127.0.0.1:{port}")
        if found in text:
            return text
        assert time.monotonic() < deadline, f"upsc never said {found!r}:\n{text}"


@pytest.mark.parametrize(("driver", "extra", "port"), [("nutdrv_qx", MEGATEC, 13_493), ("blazer_ser", "", 13_494)])
def test_nuts_own_driver_follows_an_outage(driver: str, extra: str, port: int, tmp_path: Path) -> None:
    need_nut(driver)

    async def drive() -> None:
        world = World(1)
        device = ups.build(world, tmp_path / "ups0")
        await device.start()
        async with nut(tmp_path, port, driver, extra):
            normal = await upsc_until(port, "ups.status: OL")
            assert "input.voltage: 230.0" in normal
            station = UpsdClient("rekam", port=port)
            await station.open()
            assert (await station.reading()).input_v == 230.0
            world.power.outage()
            await upsc_until(port, "ups.status: OB")
            world.power.charge(5)
            await upsc_until(port, "LB")
            assert {"OB", "LB"} <= (await station.reading()).status
            await station.close()
        await device.stop()

    asyncio.run(drive())


def test_upsc_and_aionut_read_the_upsd_face() -> None:
    async def drive() -> None:
        world = World(1)
        device = ups.build(world, "127.0.0.1:0")
        await device.start()
        port = int(device.address.rpartition(":")[2])  # type: ignore[attr-defined]
        world.power.outage()
        world.power.process(60)
        client = AIONUTClient("127.0.0.1", port)
        assert await client.list_ups() == {"rekam": "Rekam bench"}
        assert (await client.list_vars("rekam"))["ups.status"].startswith("OB")
        client.shutdown()
        if shutil.which("upsc"):
            assert "ups.status: OB DISCHRG" in await output_of("upsc", f"rekam@127.0.0.1:{port}")
        await device.stop()

    asyncio.run(drive())
