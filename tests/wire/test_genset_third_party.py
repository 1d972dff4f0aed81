"""mbpoll (libmodbus) against the simulated controllers, TCP and RTU: pymodbus on both sides would prove nothing."""

import asyncio
import shutil
from pathlib import Path

import pytest

import station_config
from edge.devices.genset import GencommGenset
from edge.devices.genset_mapped import MappedGenset
from edge.errors import DeviceAbsent, DeviceRefused, DeviceTimeout
from edge.links.modbus import rtu_client, tcp_client
from protocols import genset_map
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
        station = GencommGenset(tcp_client("127.0.0.1", int(port)))
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
        station = GencommGenset(rtu_client(str(link), 19200))
        assert (await station.open()).maker == "GenComm 1"
        await station.start()
        world.power.process(20)
        assert (await station.reading()).l1_v == 230.0
        await station.close()
        text = await output_of("mbpoll", "-m", "rtu", "-b", "19200", "-P", "none", "-0", "-a", "10", "-1", "-r", "1024", "-c", "8", str(link))
        assert "[1030]: \t1500" in text
        await device.stop()

    asyncio.run(drive())


COMAP = genset_map.parse((Path(station_config.__file__).parent / "gensets" / "comap-intelilite.toml").read_bytes())


@pytest.mark.parametrize("serial", [True, False])
def test_mbpoll_and_driver_read_and_start_a_controller_by_its_mapping_file(serial: bool, tmp_path: Path) -> None:
    async def drive() -> None:
        world = World(1)
        link = tmp_path / "genset0"
        device = genset.build(world, link if serial else "127.0.0.1:0", mapped=COMAP)
        await device.start()
        port = "" if serial else device.address.rpartition(":")[2]  # type: ignore[attr-defined]
        face = ("-m", "rtu", "-b", "19200", "-P", "none") if serial else ("-m", "tcp", "-p", port)
        at = str(link) if serial else "127.0.0.1"
        ask = ("mbpoll", *face, "-0", "-a", "1", "-1")
        assert "[1053]: \t127" in await output_of(*ask, "-r", "1053", "-c", "1", at), "12.7 V"
        assert "Illegal data address" in await output_of(*ask, "-r", "100", "-c", "1", at)
        assert "Written 3 references" in await output_of(*ask, "-r", "4207", at, str(0x01FE), "0", "1")
        assert "[4208]: \t511" in await output_of(*ask, "-r", "4207", "-c", "2", at), "0x1FF: obeyed"
        world.power.process(20)
        assert "[1008]: \t1500" in await output_of(*ask, "-r", "1008", "-c", "1", at)
        station = MappedGenset(rtu_client(str(link), 19200) if serial else tcp_client("127.0.0.1", int(port)), 1, COMAP)
        assert (await station.open()).model == "ComAp InteliLite AMF"
        reading = await station.reading()
        assert (reading.rpm, reading.frequency_hz, reading.l1_v, reading.oil_kpa, reading.mode) == (1500, 50.0, 230, 410, "auto")
        assert reading.run_hours == pytest.approx(412, abs=1)
        await station.transfer(to_genset=True)
        assert world.power.genset.loaded
        device.set_fault("fuel-sensor-broken", True)
        assert (await station.reading()).fuel_percent is None
        await station.stop()
        assert not world.power.genset.running
        device.set_fault("refuse", True)
        with pytest.raises(DeviceRefused, match="refuses start"):
            await station.start()
        device.set_fault("refuse", False)
        device.set_fault("fail-to-start", True)
        await station.start()
        world.power.process(20)
        assert (await station.reading()).alarms == ("fail_to_start",)
        await station.close()
        await device.stop()

    asyncio.run(drive())


def test_a_mapping_file_of_another_configuration_is_refused_at_once() -> None:
    async def drive() -> None:
        device = genset.build(World(1), "127.0.0.1:0")  # GenComm: none of ComAp's registers is there
        await device.start()
        port = int(device.address.rpartition(":")[2])  # type: ignore[attr-defined]
        with pytest.raises(DeviceRefused, match="register 9000"):
            await MappedGenset(tcp_client("127.0.0.1", port), 10, genset_map.parse(MOVED)).open()
        await device.stop()

    asyncio.run(drive())


MOVED = b"""
controller = "other"
source = "a test"
command_address = 1
[values]
rpm = { address = 1030, unit = "rpm" }
frequency_hz = { address = 1031, unit = "Hz" }
l1_v = { address = 9000, unit = "V" }
[commands]
start = { number = 1, argument = 1, answer = 1 }
stop = { number = 1, argument = 2, answer = 2 }
"""


@pytest.mark.parametrize("serial", [True, False])
def test_pulled_and_plugged_in_again_the_driver_finds_it(serial: bool, tmp_path: Path) -> None:
    async def drive() -> None:
        world = World(1)
        link = tmp_path / "genset0" if serial else "127.0.0.1:0"
        device = genset.build(world, link)
        await device.start()
        port = 0 if serial else int(device.address.rpartition(":")[2])  # type: ignore[attr-defined]
        station = GencommGenset(rtu_client(str(link), 19200) if serial else tcp_client("127.0.0.1", port))
        await station.open()
        device.set_fault("mute", True)
        with pytest.raises(DeviceTimeout):
            await station.reading()
        device.set_fault("mute", False)
        device.set_fault("unplug", True)
        await until(lambda: not device.port.plugged, "the cable to be out")  # type: ignore[attr-defined]
        with pytest.raises(DeviceAbsent):
            await station.open()
        device.set_fault("unplug", False)
        await until(lambda: device.port.plugged, "the cable to be in")  # type: ignore[attr-defined]
        await station.open()
        assert (await station.reading()).mode == "auto"
        await station.close()
        await device.stop()

    asyncio.run(drive())
