"""One MQTT connection of the station, against peers that behave badly."""

import asyncio
import gc
import socket
from itertools import chain, repeat

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edge.clock import SystemClock
from edge.uplink import dial
from edge.uplink.mqtt import Connection, Will
from edge.uplink.tls import Tls
from station_config.schema import Broker
from tests.waiting import pause

WILL = Will("rekam/1/state/poso-01/alive", b"{}")


def connection(port: int) -> Connection:
    broker, clock = Broker(port=port), SystemClock()
    return Connection(broker, "poso-01", WILL, MQTTProtocolVersion.MQTTv311, clock, lambda *_: None, Tls(broker, clock))


def test_a_connection_with_unsent_bytes_is_let_go_without_a_word() -> None:
    """The broker reads nothing; warnings, also those of a destructor, are errors."""

    async def scenario() -> None:
        async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            writer.close()

        released = asyncio.Event()
        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        one = connection(server.sockets[0].getsockname()[1])
        await one.open("rekam/1/down/poso-01/#")
        for _ in range(200):
            one.publish("rekam/1/up/poso-01/chunk", bytes(60_000))
        await pause(0)
        one.close()
        del one
        gc.collect()
        released.set()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_the_first_syn_after_a_path_is_back_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts that die of old age end nothing: a later one may be on its way back at that very moment."""
    ages = chain([1, 1, 1, 5], repeat(1))
    line = socket.socket()

    async def attempt(_address: object, _patience_s: float) -> socket.socket:
        age = next(ages)
        for _ in range(age):
            await pause(dial.EVERY_S * 2)
        if age == 1:
            raise TimeoutError
        return line

    monkeypatch.setattr(dial, "EVERY_S", 0.002)
    monkeypatch.setattr(dial, "ROUND_S", 0.1)
    monkeypatch.setattr(dial, "_attempt", attempt)
    with line:
        assert asyncio.run(dial.dial("127.0.0.1", 1)) is line


def test_a_refusal_ends_the_dialling_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(dial.dial(*closed.getsockname()))
