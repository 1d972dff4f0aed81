"""The stages of UPS and genset: the mains fail while somebody is at the desk, and the power manager tells the screen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge.clock import SystemClock
from edge.devices.genset import GencommGenset
from edge.devices.presence import Presence
from edge.devices.ups import UpsdClient
from edge.enrolment.hooks import Gate, Hooks
from edge.links.modbus import tcp_client
from edge.power.manager import Lines, PowerManager
from edge.power.picture import HostView, UpsView
from edge.power.watch import FittedUps
from simulators import genset, ups
from simulators.world import World, WorldClock
from station_config.schema import GensetRules, Power
from tests.faults.at_the_desk import Room, Spoil, Stage, presence, running_devices
from tests.waiting import until

HURRIED = {"ups": ups.MODEL_FAULTS, "genset": genset.MODEL_FAULTS}
"""faults for which the site's time runs faster than the desk's: batteries empty and engines fail within the enrolment"""
SPEED = 60.0
JUMPS = 2.5
"""the runtime that a UPS tells falls on battery, and never by so much or upwards"""


class Hurried(WorldClock):
    """The site's time."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    def now_s(self) -> float:
        return super().now_s() * self._speed

    async def sleep_s(self, seconds: float) -> None:
        await super().sleep_s(seconds / self._speed)


class HurriedStation(SystemClock):
    """The same for the station's power manager."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def monotonic_s(self) -> float:
        return super().monotonic_s() * self._speed

    async def sleep_s(self, seconds: float) -> None:
        await super().sleep_s(seconds / self._speed)


def power_stage(device: str) -> Stage:
    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        speed = SPEED if fault in HURRIED[device] else 1.0
        world = World(1, clock=Hurried(speed))
        sims = {"ups": ups.build(world, "127.0.0.1:0"), "genset": genset.build(world, "127.0.0.1:0")}
        room = Room(speed=20.0)
        async with running_devices(*sims.values()):
            manager = _manager(room, sims, HurriedStation(speed))
            views: list[UpsView] = []

            def shown() -> dict[str, Any]:
                views.extend(view for view in manager.picture().upses if view.on_battery)
                return manager.picture().for_page()

            room.hooks = Hooks(gate=lambda: Gate(next_person=manager.picture().permissions.next_person), power=shown)
            room.traces = lambda: odd_figures(views)
            watching = asyncio.create_task(manager.run())
            try:
                yield room, _outage(room, world, sims[device], fault, manager)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    return stage


def _manager(room: Room, sims: dict[str, Any], clock: SystemClock) -> PowerManager:
    ports = {name: int(sim.address.rpartition(":")[2]) for name, sim in sims.items()}
    by_upsd: Presence[Any] = presence(room, "ups-rekam", lambda: UpsdClient("rekam", port=ports["ups"], device="ups-rekam"))
    by_modbus: Presence[Any] = presence(room, "genset", lambda: GencommGenset(tcp_client("127.0.0.1", ports["genset"])))
    room.shown = (by_upsd, by_modbus)
    rules = GensetRules(start_below_percent=100, debounce_s=0, stable_s=2, minimum_run_s=0, rest_s=5, test_every_days=0)
    power = Power(genset=rules, poll_s=0.5 if type(clock) is SystemClock else 1)
    return PowerManager([(FittedUps("rekam"), by_upsd)], by_modbus, None, clock, power, lambda code, values: None, lambda why: None, lines=Lines(host=HostView))


def _outage(room: Room, world: World, sim: Any, fault: str, manager: PowerManager) -> Spoil:
    room.played = sim.played

    async def spoil() -> None:
        await until(lambda: manager.picture().source.value == "mains", "a first word about power")
        if room.spoilt:
            sim.set_fault(fault, True)
        world.power.outage()
        await until(lambda: manager.picture().source.value != "mains" or manager.picture().notices, "power to tell of it", 15)
        await until(lambda: not room.awaits or room.awaits & _known(room, manager), f"one of {set(room.awaits)}")

    return spoil


def _known(room: Room, manager: PowerManager) -> set[str | None]:
    """Codes of the register and what power has to say."""
    picture = manager.picture()
    return {*(change.code for change in room.changes), picture.sentence.id, *(notice.id for notice in picture.notices)}


def odd_figures(views: list[UpsView]) -> set[str]:
    """What the UPS told on battery that no battery does."""
    charges = [view.charge_percent.value for view in views if view.charge_percent.value is not None]
    runtimes = [view.runtime_s.value for view in views if view.runtime_s.value]
    full = {"full to the end"} if charges and min(charges) == 100 else set()
    return full | ({"a runtime that jumps"} if runtimes and max(runtimes) > JUMPS * min(runtimes) else set())
