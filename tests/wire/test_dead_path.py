"""A path that dies without a word: behind a box that still acknowledges TCP, so that the kernel notices nothing. In virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edge.clock import SystemClock
from edge.uplink import mqtt
from edge.uplink.mqtt import Connection, Will
from edge.uplink.tls import Tls
from station_config.schema import Broker
from tests.waiting import pause, until

STEP_S = 0.25
ANSWERS = {1: b"\x20\x02\x00\x00", 8: b"\x90\x03\x00\x01\x00", 12: b"\xd0\x00"}
"""CONNACK, SUBACK, PINGRESP by the type of what was asked"""


class StepClock(SystemClock):
    now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    async def pass_time(self, seconds: float, one: Connection) -> float:
        """Until the connection ends, at most so long; how long it was. Both ends live in this loop, so between two steps each may say its word."""
        start_s = self.now_s
        while not one.closed and self.now_s < start_s + seconds:
            self.now_s += STEP_S
            await pause(0.003)
        return self.now_s - start_s


class Box:
    """Takes everything; answers while the path behind it lives."""

    def __init__(self) -> None:
        self.dark = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(1):
            length = shift = 0
            while (more := (await reader.readexactly(1))[0]) & 0x80:
                length, shift = length | (more & 0x7F) << shift, shift + 7
            await reader.readexactly(length | more << shift)
            if not self.dark:
                writer.write(ANSWERS.get(head[0] >> 4, b""))
        writer.close()


@asynccontextmanager
async def connected(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Connection, Box, StepClock]]:
    clock, box = StepClock(), Box()
    monkeypatch.setattr(paho, "time_func", clock.monotonic_s)
    monkeypatch.setattr(mqtt, "TICK_S", 0.001)
    async with await asyncio.start_server(box.serve, "127.0.0.1", 0) as server:
        broker = Broker(port=server.sockets[0].getsockname()[1])
        will = Will("rekam/1/state/poso-01/alive", b"{}")
        one = Connection(broker, "poso-01", will, MQTTProtocolVersion.MQTTv311, clock, lambda *_: None, Tls(broker, clock))
        await one.open("rekam/1/down/poso-01/#")
        await until(lambda: one.accepted, "CONNACK")
        try:
            yield one, box, clock
        finally:
            one.close()


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_dead_path_is_noticed_within_20_s(monkeypatch: pytest.MonkeyPatch, busy: bool) -> None:
    async def scenario() -> None:
        async with connected(monkeypatch) as (one, box, clock):
            await clock.pass_time(7, one)
            box.dark = True
            if busy:
                one.publish("rekam/1/up/poso-01/ask", b"?")
            assert await clock.pass_time(60, one) <= 20 + STEP_S
            assert str(one.why_closed) == "the broker says nothing any more"

    asyncio.run(scenario())


def test_a_quiet_path_that_lives_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with connected(monkeypatch) as (one, _, clock):
            await clock.pass_time(120, one)
            assert not one.closed

    asyncio.run(scenario())
