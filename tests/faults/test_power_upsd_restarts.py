"""upsd restarts: the connection is gone for some seconds. In virtual time for the policy, on a real socket for the driver."""

import asyncio

import pytest

from edge.devices.ups import UpsdClient
from edge.errors import DeviceAbsent
from edge.power.picture import State
from simulators import ups
from simulators.world import World
from tests.faults.site import sentence, site


def test_ten_seconds_without_upsd_change_nothing() -> None:
    here = site()
    here.world.outage()
    here.run(60)
    before = here.watch.picture.state
    here.silences.upsd = True
    here.run(10)
    here.silences.upsd = False
    here.run(10)
    assert here.watch.picture.state is before is State.ON_BATTERY
    assert not here.stopped


def test_a_minute_without_upsd_on_mains_is_told_and_work_goes_on() -> None:
    here = site()
    here.silences.upsd = True
    here.run(60)
    assert here.watch.picture.permissions.next_person
    assert sentence(here, "ups_no_news") == "UPS rekam tidak memberi kabar selama 60 detik. Periksa kabel datanya."
    here.silences.upsd = False
    here.run(3)
    assert "ups_no_news" not in here.reads()


def test_upsd_that_stays_away_on_battery_counts_as_low() -> None:
    here = site()
    here.world.outage()
    here.run(60)
    here.silences.upsd = True
    assert here.run(40, until=lambda: here.stopped)
    assert sentence(here, "power_stopping").startswith("Listrik hampir habis. Data aman.")


def test_the_driver_says_so_and_works_again_after_reopening() -> None:
    async def drive() -> None:
        world = World(1)
        device = ups.build(world, "127.0.0.1:0")
        await device.start()
        address = device.address  # type: ignore[attr-defined]
        client = UpsdClient("rekam", port=int(address.rpartition(":")[2]))
        await client.open()
        await device.stop()
        with pytest.raises(DeviceAbsent) as gone:
            await client.reading()
        assert gone.value.code == "ups_absent"
        again = ups.build(world, address)
        await again.start()
        await client.open()
        assert (await client.reading()).status == frozenset({"OL"})
        await client.close()
        await again.stop()

    asyncio.run(drive())
