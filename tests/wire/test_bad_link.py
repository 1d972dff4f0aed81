"""The same station and district over a line that is cut again and again, and the line itself."""

import asyncio
import datetime
import random
import struct
from math import inf
from pathlib import Path

import pytest

from simulators.link import CuttingProxy
from simulators.shaped_line import Line, Shape, checksum, header_bytes, reset_for
from station_config.schema import Broker
from tests.brokers import mosquitto
from tests.transfer import STATION, district, running, site, station
from tests.waiting import until_it_is
from tools.tls import MOSQUITTO, broker_certificates


@pytest.mark.parametrize(("after", "records", "tls"), [("rst", 6, False), ("nat", 4, False), ("rst", 6, True)])
@pytest.mark.timeout(180)
def test_every_record_once_over_a_line_that_is_cut(tmp_path: Path, after: str, records: int, tls: bool) -> None:
    """With TLS the station's side goes through the cut line, the district's is near the broker."""
    paths = site(tmp_path / "site")
    files = broker_certificates(tmp_path, "127.0.0.1", datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)) if tls else {}
    lines = "allow_anonymous true\n" + (MOSQUITTO.format(tmp_path) if tls else "")

    async def scenario(port: int) -> None:
        proxy = CuttingProxy(Shape(2_000_000, 0.1, up_s=2.0, down_s=0.5, after=after), port)
        await proxy.start()
        try:
            near, far = (Broker(port=number, **files) for number in (proxy.port, port))
            async with station(tmp_path / "s", paths, near) as one, district(tmp_path / "d", paths, far) as other:
                for _ in range(records):
                    await one.record(150_000, 20_000, 20_000)
                async with running(other.ingest.run()), running(one.uplink.run()):
                    await until_it_is(one.waiting, 0, "all receipts", timeout_s=120)
                    assert await other.receipts(STATION) == records
                    assert proxy.cuts > 0
        finally:
            await proxy.stop()

    with mosquitto(tmp_path, lines) as broker:
        asyncio.run(scenario(broker.port))


def packet(flags: int, payload: bytes = b"", source: int = 4000, target: int = 1883) -> bytes:
    """An IPv4 TCP packet from the station's side."""
    tcp = struct.pack(">HHIIBBHHH", source, target, 1000, 77, 5 << 4, flags, 1000, 0, 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, bytes([10, 90, 0, 1]), bytes([10, 90, 0, 2])) + tcp


def line(shape: Shape) -> tuple[Line, list[tuple[int, bytes]]]:
    delivered: list[tuple[int, bytes]] = []
    return Line(shape, random.Random(1), lambda way, data: delivered.append((way, data))), delivered


def test_rate_trip_and_queue() -> None:
    bent, delivered = line(Shape(8_000, 1.0, jitter_s=0.0))
    for _ in range(3):
        bent.packet(0, packet(0x10, bytes(960)), 0.0)
    for now_s, count in ((1.49, 0), (1.51, 1), (2.51, 2), (3.51, 3)):
        bent.tick(now_s)
        assert len(delivered) == count
    for _ in range(100):
        bent.packet(0, packet(0x10, bytes(960)), 4.0)
    assert bent.ways[0].counts.tail_drops == 100 - 65


def test_old_flow_is_reset_after_a_cut_and_a_new_one_passes() -> None:
    bent, delivered = line(Shape(1e6, 0.0, up_s=10, down_s=5, jitter_s=0.0))
    bent.packet(0, packet(0x02), 1.0)
    bent.tick(2.0)
    bent.tick(10.5)
    bent.packet(0, packet(0x10, b"lost"), 11.0)
    bent.tick(15.5)
    assert len(delivered) == 1
    bent.packet(0, packet(0x18, b"old flow"), 15.6)
    way, reset = delivered[-1]
    assert way == 1
    assert reset[header_bytes(reset) + 13] == 0x14
    bent.packet(0, packet(0x02), 15.7)
    bent.packet(0, packet(0x10, b"new"), 15.8)
    bent.tick(16.0)
    assert delivered[-1][1].endswith(b"new")


def test_reset_has_right_numbers_and_checksums() -> None:
    reset = reset_for(packet(0x18, b"12345"))
    source, target, sequence, acknowledged = struct.unpack_from(">HHII", reset, 20)
    assert (source, target, sequence, acknowledged) == (1883, 4000, 77, 1005)
    assert checksum(reset[:20]) == 0
    assert checksum(reset[12:20] + struct.pack(">BBH", 0, 6, len(reset) - 20) + reset[20:]) == 0


def test_silence_for_ever_behind_a_nat() -> None:
    bent, delivered = line(Shape(1e6, 0.0, up_s=10, down_s=5, after="nat", jitter_s=0.0))
    bent.packet(0, packet(0x02), 1.0)
    bent.tick(10.5)
    delivered.clear()
    bent.packet(0, packet(0x18, b"old"), 15.6)
    bent.tick(16.0)
    assert delivered == []


def test_the_schedule_of_cuts_starts_when_told_and_what_a_cut_throws_away_was_never_sent() -> None:
    bent, delivered = line(Shape(8_000, 0.0, up_s=10, down_s=5, jitter_s=0.0))
    bent.schedule_s = inf
    bent.packet(0, packet(0x10, bytes(960)), 12.0)
    bent.tick(13.5)
    assert len(delivered) == 1
    bent.schedule_s = 20.0
    for _ in range(5):
        bent.packet(0, packet(0x10, bytes(960)), 28.0)
    bent.tick(29.9)
    bent.tick(30.0)
    assert (bent.cuts, len(delivered)) == (1, 2)
    assert bent.ways[0].counts.bytes_sent == pytest.approx(1_000 + 2_000, abs=5), "three of five were still in the modem"
