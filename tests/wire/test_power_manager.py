"""The power manager on real wires: simulated upsd and Modbus for a whole outage, and NUT's own upsd and driver down to the stop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.devices.genset import GencommGenset
from edge.devices.interfaces import Genset, Ups
from edge.devices.presence import Presence
from edge.devices.ups import UpsdClient
from edge.links.modbus import tcp_client
from edge.power.manager import Lines, PowerManager
from edge.power.picture import HostView, Source, State
from edge.power.watch import FittedUps
from simulators import genset, ups
from simulators.world import World
from station_config.schema import GensetRules, Power
from tests.waiting import until
from tests.wire.nut import MEGATEC, need_nut, nut

QUICK = GensetRules(start_below_percent=100, debounce_s=0, stable_s=0.3, warm_up_timeout_s=20, minimum_run_s=0, mains_return_s=0.2, cool_down_s=0.2, rest_s=0.2)


class Running:
    """A manager with its devices, as tasks."""

    def __init__(self, power: Power, upsd_port: int, modbus_port: int | None) -> None:
        self.stops: list[str] = []
        self.news: list[tuple[str, dict[str, Any]]] = []
        self.memory = b""
        clock = SystemClock()
        self.presences: list[Presence[Any]] = []
        by_upsd: Presence[Ups] = Presence("ups", lambda: UpsdClient("rekam", port=upsd_port), clock, lambda _: None)
        self.presences.append(by_upsd)
        by_modbus: Presence[Genset] | None = None
        if modbus_port is not None:
            by_modbus = Presence("genset", lambda: GencommGenset(tcp_client("127.0.0.1", modbus_port)), clock, lambda _: None)
            self.presences.append(by_modbus)
        lines = Lines(save=self._save, host=HostView)
        fitted = [(FittedUps("rekam"), by_upsd)]
        self.manager = PowerManager(fitted, by_modbus, None, clock, power, self._note, self.stops.append, lines=lines)

    def _note(self, code: str, values: dict[str, Any]) -> None:
        self.news.append((code, values))

    def _save(self, memory: bytes) -> None:
        self.memory = memory

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator["Running"]:
        tasks = [asyncio.create_task(presence.run()) for presence in self.presences]
        tasks.append(asyncio.create_task(self.manager.run()))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def age_s(self) -> float:
        """Of the UPS's last word."""
        stale_s = self.manager.picture().upses[0].stale_s
        assert stale_s is not None
        return stale_s

    async def until(self, found: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
        await until(found, what, timeout_s)


def test_a_whole_outage_over_upsd_and_modbus() -> None:
    async def drive() -> None:
        world = World(1)
        upsd, modbus = ups.build(world, "127.0.0.1:0"), genset.build(world, "127.0.0.1:0")
        await upsd.start()
        await modbus.start()
        ports = [int(device.address.rpartition(":")[2]) for device in (upsd, modbus)]  # type: ignore[attr-defined]
        async with Running(Power(poll_s=0.2, mains_stable_s=0.2, genset=QUICK), *ports).started() as here:
            manager = here.manager
            await here.until(lambda: manager.picture().source is Source.MAINS, "mains")
            world.power.genset_fails(1)
            world.power.outage()
            await here.until(lambda: manager.picture().state is State.ON_BATTERY, "battery")
            for _ in range(2):  # the first crank fails, the second catches
                await here.until(lambda: world.power.genset.demands, "a start request")
                world.power.process(12)
                await here.until(lambda: not world.power.genset.demands or world.power.genset.running, "the engine's answer")
            await here.until(lambda: manager.picture().state is State.ON_GENSET, "the genset to carry the load")
            world.power.restore()
            manager.genset_by_hand("stop")
            await here.until(lambda: manager.picture().state is State.NORMAL, "mains again")
            await here.until(lambda: manager.watch.plan.state == "idle", "the engine at rest")
            assert not world.power.genset.running
            assert [values["state"] for code, values in here.news if code == "power_state"] == ["on_battery", "on_genset", "normal"]
            assert not here.stops
            assert here.memory
        await modbus.stop()
        await upsd.stop()

    asyncio.run(drive())


def test_nuts_low_battery_stops_the_station_within_seconds(tmp_path: Path) -> None:
    need_nut("nutdrv_qx")

    async def drive() -> None:
        world = World(1)
        device = ups.build(world, tmp_path / "ups0")
        await device.start()
        async with nut(tmp_path, 13_495, "nutdrv_qx", MEGATEC), Running(Power(poll_s=1), 13_495, None).started() as here:
            await here.until(lambda: here.manager.picture().source is Source.MAINS, "NUT", 40)
            world.power.outage()
            await here.until(lambda: here.manager.picture().state is State.ON_BATTERY, "battery by NUT")
            world.power.charge(5)
            began_s = time.monotonic()
            await here.until(lambda: here.stops, "the orderly stop")
            assert time.monotonic() - began_s < 8, "driver's poll 1 s, upsd, our poll 0.5 s"
            assert here.stops == ["stop_battery"]
        await device.stop()

    asyncio.run(drive())


@pytest.mark.parametrize("fault", ["mute", "truncate", "corrupt"])
def test_a_upsd_that_misbehaves_is_reopened_and_never_believed(fault: str) -> None:
    async def drive() -> None:
        world = World(1)
        upsd = ups.build(world, "127.0.0.1:0")
        await upsd.start()
        port = int(upsd.address.rpartition(":")[2])  # type: ignore[attr-defined]
        async with Running(Power(poll_s=0.2), port, None).started() as here:
            await here.until(lambda: here.manager.picture().source is Source.MAINS, "mains")
            upsd.set_fault(fault, True)
            await here.until(lambda: here.age_s() > 1.0, "the age of the last word to grow")
            assert here.manager.picture().source is Source.MAINS
            upsd.set_fault(fault, False)
            await here.until(lambda: here.age_s() < 0.5, "fresh words")
        await upsd.stop()

    asyncio.run(drive())
