"""One MQTT connection of the station, against peers that behave badly."""

import asyncio
import gc

from paho.mqtt.enums import MQTTProtocolVersion

from edge.clock import SystemClock
from edge.uplink.mqtt import Connection, Will
from station_config.schema import Broker

WILL = Will("rekam/1/state/poso-01/alive", b"{}")


def connection(port: int) -> Connection:
    return Connection(Broker(port=port), "poso-01", WILL, MQTTProtocolVersion.MQTTv311, SystemClock(), lambda *_: None)


def test_a_connection_with_unsent_bytes_is_let_go_without_a_word() -> None:
    """The broker reads nothing; warnings, also those of a destructor, are errors."""

    async def scenario() -> None:
        async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            writer.close()

        released = asyncio.Event()
        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        one = connection(server.sockets[0].getsockname()[1])
        await one.open(0, "rekam/1/down/poso-01/#")
        for _ in range(200):
            one.publish("rekam/1/up/poso-01/chunk", bytes(60_000))
        await asyncio.sleep(0)
        one.close()
        del one
        gc.collect()
        released.set()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())
