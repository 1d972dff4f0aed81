"""mbpoll (libmodbus) against the simulated controller, TCP and RTU: pymodbus on both sides would prove nothing."""

import asyncio
import shutil
from pathlib import Path

import pytest

from edge.devices.genset import GencommGenset, rtu_client, tcp_client
from edge.errors import DeviceAbsent, DeviceTimeout
from simulators import genset
from simulators.world import World
from tests.waiting import until
from tests.wire.nut import output_of

pytestmark = pytest.mark.skipif(shutil.which("mbpoll") is None, reason="needs mbpoll (apt-get install mbpoll)")


def test_mbpoll_reads_and_starts_over_tcp() -> None:
    async def drive() -> None:
        world = World(1)
        device = genset.build(world, "127.0.0.1:0")
        await device.start()
        port = device.address.rpartition(":")[2]  # type: ignore[attr-defined]
        ask = ("mbpoll", "-m", "tcp", "-0", "-a", "10", "-1", "-p", port)
        idle = await output_of(*ask, "-r", "1024", "-c", "8", "127.0.0.1")
        assert "[1025]: \t30" in idle
        assert "[1030]: \t0" in idle
        assert "Written 2 references" in await output_of(*ask, "-r", "4104", "127.0.0.1", "35732", "29803")
        world.power.process(20)
        running = await output_of(*ask, "-r", "1024", "-c", "8", "127.0.0.1")
        assert "[1030]: \t1500" in running
        assert "[1031]: \t500" in running
        refused = await output_of(*ask, "-r", "4104", "127.0.0.1", "35732", "1")
        assert "Illegal data value" in refused
        station = GencommGenset(lambda: tcp_client("127.0.0.1", int(port)))
        await station.open()
        await station.stop()
        reading = await station.reading()
        assert (reading.rpm, reading.mode, reading.run_hours) == (0, "auto", pytest.approx(412, abs=0.1))
        await station.close()
        await device.stop()

    asyncio.run(drive())


def test_mbpoll_reads_over_rtu(tmp_path: Path) -> None:
    async def drive() -> None:
        world = World(1)
        link = tmp_path / "genset0"
        device = genset.build(world, link)
        await device.start()
        station = GencommGenset(lambda: rtu_client(str(link), 19200))
        assert (await station.open()).maker == "GenComm 1"
        await station.start()
        world.power.process(20)
        assert (await station.reading()).l1_v == 230.0
        await station.close()
        text = await output_of("mbpoll", "-m", "rtu", "-b", "19200", "-P", "none", "-0", "-a", "10", "-1", "-r", "1024", "-c", "8", str(link))
        assert "[1030]: \t1500" in text
        await device.stop()

    asyncio.run(drive())


@pytest.mark.parametrize("serial", [True, False])
def test_pulled_and_plugged_in_again_the_driver_finds_it(serial: bool, tmp_path: Path) -> None:
    async def drive() -> None:
        world = World(1)
        link = tmp_path / "genset0" if serial else "127.0.0.1:0"
        device = genset.build(world, link)
        await device.start()
        port = 0 if serial else int(device.address.rpartition(":")[2])  # type: ignore[attr-defined]
        station = GencommGenset(lambda: rtu_client(str(link), 19200) if serial else tcp_client("127.0.0.1", port))
        await station.open()
        device.set_fault("mute", True)
        with pytest.raises(DeviceTimeout):
            await station.reading()
        device.set_fault("mute", False)
        device.set_fault("unplug", True)
        await until(lambda: device._change.done(), "the cable to be out")  # type: ignore[attr-defined]
        with pytest.raises(DeviceAbsent):
            await station.open()
        device.set_fault("unplug", False)
        await until(lambda: device._change.done(), "the cable to be in")  # type: ignore[attr-defined]
        await station.open()
        assert (await station.reading()).mode == "auto"
        await station.close()
        await device.stop()

    asyncio.run(drive())
