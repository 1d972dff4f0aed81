"""A change of power reaches the district at once, and a flickering supply does not fill the line."""

import asyncio
import json
from pathlib import Path

from edge.clock import SystemClock
from edge.uplink import uplink
from station_config.schema import Broker
from tests.brokers import mosquitto
from tests.transfer import District, district, running, site, station
from tests.waiting import until


def sources(other: District) -> list[str]:
    return [json.loads(payload)["src"] for _, word, payload in other.health.words if word == "health"]


def test_a_new_source_is_told_at_once_and_flicker_is_held_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        paths = site(tmp_path / "keys")
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            one.says = {"src": "mains"}
            async with running(other.ingest.run()), running(one.uplink.run()):
                await until(lambda: sources(other) == ["mains"], "the first document")
                one.says = {"src": "battery"}
                one.uplink.tell_health()
                await until(lambda: sources(other) == ["mains", "battery"], "the news", 5.0)
                for number in range(20):
                    one.says = {"src": f"flicker {number}"}
                    one.uplink.tell_health()
                    await SystemClock().sleep_s(0)
                await until(lambda: len(sources(other)) == 3, "the last state", 5.0)
                assert sources(other)[-1] == "flicker 19"

    least_s, uplink.HEALTH_LEAST_S = uplink.HEALTH_LEAST_S, 1.0
    try:
        with mosquitto(tmp_path) as broker:
            asyncio.run(scenario())
    finally:
        uplink.HEALTH_LEAST_S = least_s
