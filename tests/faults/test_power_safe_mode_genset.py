"""The station has given up (safe mode) while the genset that it had asked for runs: it is brought home, and the page says so and how to do it by hand."""

import asyncio

import pytest

from edge.clock import SystemClock
from edge.devices.genset import GencommGenset
from edge.devices.interfaces import Genset
from edge.devices.presence import Presence
from edge.links.modbus import tcp_client
from edge.power import safe_genset
from edge.power.safe_mode import of_genset
from simulators import genset as simulator
from simulators.power import GensetModel
from simulators.world import World
from station_config import schema
from station_config.load import load_texts
from station_config.schema import GensetRules, StationConfig
from tests.waiting import until

RULES = GensetRules(minimum_run_s=900, cool_down_s=120)


class Hours(SystemClock):
    """Sleeping is skipped, hours are counted; the wire keeps its own time."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s: list[float] = []

    async def sleep_s(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        await super().sleep_s(0.01)


async def _safe_mode(engine: GensetModel, world: World, clock: Hours) -> None:
    """As the safe-mode unit does it, over a real Modbus client, with an engine that turns."""
    device = simulator.build(world, "127.0.0.1:0")
    await device.start()
    port = int(device.address.rpartition(":")[2])  # type: ignore[attr-defined]
    presence: Presence[Genset] = Presence("genset", lambda: GencommGenset(tcp_client("127.0.0.1", port)), clock, lambda _: None)
    try:
        async with asyncio.timeout(20):
            await safe_genset.bring_home(presence, RULES, clock)
    finally:
        await device.stop()


def _running(by: str) -> World:
    world = World(1)
    world.power.genset.request(True, by)
    world.power.process(20)
    assert world.power.genset.running
    return world


def test_what_the_station_asked_for_is_taken_back_after_the_minimum_run() -> None:
    world, clock = _running("telemetry"), Hours()
    asyncio.run(_safe_mode(world.power.genset, world, clock))
    assert not world.power.genset.running
    assert RULES.minimum_run_s in clock.slept_s, "a cold engine is not stopped after seconds"


def test_an_engine_that_somebody_runs_by_hand_goes_on_and_is_left_alone_after_some_tries() -> None:
    world, clock = _running("hand"), Hours()
    asyncio.run(_safe_mode(world.power.genset, world, clock))
    assert world.power.genset.running
    assert clock.slept_s.count(safe_genset.AGAIN_S) == safe_genset.TRIES


def test_an_engine_that_somebody_runs_in_manual_is_not_touched() -> None:
    world, clock = _running("telemetry"), Hours()
    world.power.genset.mode = "manual"
    asyncio.run(_safe_mode(world.power.genset, world, clock))
    assert world.power.genset.running, "some controllers obey a stop in manual as they obey the button"
    assert safe_genset.AGAIN_S not in clock.slept_s


def test_a_controller_that_is_silent_ends_nothing() -> None:
    async def drive(clock: Hours) -> None:
        presence: Presence[Genset] = Presence("genset", lambda: GencommGenset(tcp_client("127.0.0.1", 1)), clock, lambda _: None)
        task = asyncio.create_task(safe_genset.bring_home(presence, RULES, clock))
        await until(task.done, "the last try")
        task.result()

    clock = Hours()
    asyncio.run(drive(clock))
    assert clock.slept_s.count(safe_genset.AGAIN_S) == safe_genset.TRIES


def _config(**parts: object) -> StationConfig:
    keys = schema.Keys("k", "c", "d", "i", "v")
    return StationConfig(station=schema.Station(id="s-1", name="Poso"), keys=keys, **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("parts", [{"devices": schema.Devices(genset=schema.Genset())}, {"power": schema.Power(genset=GensetRules(by_contact=True))}])
def test_the_page_says_when_it_stops_and_how_to_stop_it_by_hand(parts: dict[str, object]) -> None:
    said = of_genset(_config(**parts), load_texts()["id"])
    assert said == [
        "Genset yang dihidupkan stasiun ini mati sendiri kira-kira 17 menit lagi. Bila tetap hidup dan tidak diperlukan, tekan STOP di kendali genset.",
    ]
    assert of_genset(_config(), load_texts()["id"]) == []
    assert of_genset(None, load_texts()["id"]) == []
