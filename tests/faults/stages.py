"""One stage a device: its simulator on the wire, the station's own driver and presence, and a room in which somebody is recorded."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from edge.clock import SystemClock
from edge.devices.board import SerialBoard
from edge.devices.camera import PicameraCamera
from edge.devices.fingerprint import ZfmSensor
from edge.devices.genset import GencommGenset
from edge.devices.gpio import RpiGpio
from edge.devices.iris import PicameraIris
from edge.devices.presence import Limits, Presence
from edge.devices.printer import EscPosPrinter
from edge.devices.tablet import make_tablet
from edge.devices.ups import UpsdClient
from edge.enrolment.session import Gate, Hooks
from edge.enrolment.slip_printing import escpos_slip
from edge.fitting import BoardLight
from edge.following import Follower
from edge.links.modbus import tcp_client
from edge.power.manager import Lines, PowerManager
from edge.power.picture import HostView
from edge.power.watch import FittedUps
from simulators import board, camera, fingerprint, genset, gpio, iris_camera, printer, tablet, ups
from simulators.images import Images
from simulators.world import World, WorldClock
from station_config.schema import Board, Camera, Fingerprint, GensetRules, Iris, Power, Tablet
from station_config.schema import Printer as PrinterConfig
from tests.camera_bench import Light
from tests.faults.at_the_desk import KEPT_FINGERS, Outcome, Room, enrol, presence
from tests.faults.serial_bench import GradientImages
from tests.waiting import until

PICTURE_FAULTS = {
    "fingerprint": {"dirty-lens": "finger", "dry-finger": "finger", "wet-finger": "finger"},
    "camera": dict.fromkeys(("black-frames", "dirty-lens", "over-exposed"), "face"),
    "iris": dict.fromkeys(("black-frames", "dirty-lens", "over-exposed"), "iris"),
    "board": {"light-dead": "iris"},
}
"""faults that only a look at the picture tells: device -> fault -> kind"""
FROM_START = frozenset({"refuse", "slow-only", "anonymous", "other-schema"})
"""faults that a device shows when it is opened"""
SIZE = 96
TABLET_SPEED = 5.0
"""the pen's rest of 2 s is 0.4 s of the wire"""
Spoil = Callable[[], Awaitable[None]]
Stage = Callable[[Path, str], AbstractAsyncContextManager[tuple[Room, Spoil]]]


async def staged(device: str, fault: str, folder: Path) -> Outcome:
    """The whole case."""
    async with asyncio.timeout(90), STAGES[device](folder, fault) as (room, spoil):
        room.from_start = fault in FROM_START and device not in ("ups", "genset")
        return await enrol(folder, room, device.partition("-")[0], spoil)


def judged(device: str, fault: str) -> str:
    return PICTURE_FAULTS.get(device, {}).get(fault, "")


@cache
def pictures() -> Images:
    """Made once, before any wire waits for them: inventing a finger takes a second."""
    images = Images(5, None)
    (person,) = World(5, people=1).people
    for position in KEPT_FINGERS:
        for condition in ("normal", *fingerprint.TOUCHES.values()):
            images.finger(person, position, condition)
    for eye in (1, 2):
        images.iris(person, eye)
    images.face(person)
    return images


def new_world(real_pictures: bool = True) -> World:
    world = World(5, people=1)
    world.images = pictures() if real_pictures else GradientImages()  # type: ignore[assignment]
    return world


@asynccontextmanager
async def _running(*devices: Any) -> AsyncIterator[None]:
    for device in devices:
        await device.start()
    try:
        yield
    finally:
        for device in devices:
            await device.stop()


def _set(device: Any, fault: str, gone: Callable[[], bool] = lambda: True) -> Spoil:
    async def spoil() -> None:
        device.set_fault(fault, True)
        await until(gone, f"{fault} to be there")

    return spoil


def _out(device: Any, fault: str) -> Callable[[], bool]:
    return lambda: fault not in ("unplug", "replug") or not device.port.plugged


@asynccontextmanager
async def fingerprint_stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
    world = new_world(bool(judged("fingerprint", fault)))
    size = (288, 256) if judged("fingerprint", fault) else (SIZE, SIZE)
    sim = fingerprint.build(world, folder / "finger0", baud=921_600, rows=size[0], columns=size[1])
    sim.packet_code = 3
    config = Fingerprint(port=str(folder / "finger0"), fastest_baud=921_600, height_px=size[0], width_px=size[1], finger_timeout_s=0.4)

    def body(seen: dict[str, Any]) -> None:
        asked = seen["target"] and seen["target"]["kind"] in ("finger", "check")
        world.desk.finger_on_sensor = seen["target"]["position"] if asked and seen["hint"] != "lift" else None

    room = Room(judged=judged("fingerprint", fault), body=body)
    room.real["fingerprint"] = presence(room, "fingerprint", lambda: ZfmSensor("fingerprint", config, SystemClock()))
    async with _running(sim):
        yield room, _set(sim, fault, _out(sim, fault))


def _tablet_stage(kind: str) -> Stage:
    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        world = new_world(real_pictures=False)
        sim = tablet.build(world, folder / "tablet0", kind=kind)
        config = Tablet(port=str(folder / "tablet0"), kind=kind)

        def body(seen: dict[str, Any]) -> None:
            world.desk.signing = world.desk.signing or (seen["step"] == "signature" and seen["activity"] == "capturing")

        room = Room(speed=TABLET_SPEED, body=body)
        room.real["tablet"] = presence(room, "tablet", lambda: make_tablet("tablet", config, SystemClock()))
        async with _running(sim):
            yield room, _set(sim, fault)

    return stage


@asynccontextmanager
async def printer_stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
    sim = printer.build(new_world(real_pictures=False), folder / "printer0")
    room = Room(make_slip=escpos_slip(80))
    config = PrinterConfig(port=str(folder / "printer0"))
    room.real["printer"] = presence(room, "printer", lambda: EscPosPrinter("printer", config, SystemClock()))
    async with _running(sim):
        yield room, _set(sim, fault, _out(sim, fault))


Cameras = list[tuple[int, camera.CameraServer, World]]
"""number, simulator and world of each case: the picamera2 stand-in knows its cameras by number"""


@asynccontextmanager
async def cameras(device: str, cases: int) -> AsyncIterator[None]:
    """One camera for each case; the stages take them in turn."""
    build, make = {"camera": (camera.build, camera_stage), "iris": (iris_camera.build, iris_stage), "board": (iris_camera.build, board_stage)}[device]
    worlds = [new_world() for _ in range(cases)]
    sims = [build(world, "127.0.0.1:0") for world in worlds]
    async with _running(*sims):
        os.environ["REKAM_CAMERAS"] = ",".join(sim.address for sim in sims)
        STAGES[device] = make(list(zip(range(cases), sims, worlds, strict=True)))
        yield


def camera_stage(left: Cameras) -> Stage:

    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        index, sim, world = left.pop()
        room = Room(judged=judged("camera", fault), body=lambda seen: setattr(world.desk, "looking_at", "camera"))
        room.real["camera"] = presence(room, "camera", lambda: PicameraCamera("camera", Camera(index=index), SystemClock()))
        yield room, _set(sim, fault)

    return stage


def iris_stage(left: Cameras) -> Stage:
    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        index, sim, world = left.pop()
        light = Light(world)
        room = Room(judged=judged("iris", fault), body=lambda seen: setattr(world.desk, "looking_at", "iris"))
        room.real["iris"] = presence(room, "iris", lambda: PicameraIris("iris", Iris(index=index), light, SystemClock()))
        try:
            yield room, _set(sim, fault)
        finally:
            await light.dark()

    return stage


def board_stage(left: Cameras) -> Stage:
    """The iris camera is whole; its light hangs on the board."""

    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        index, _, world = left.pop()
        sim = board.BoardProcess(world, folder / "board0", interpreter=[])
        room = Room(judged=judged("board", fault), body=lambda seen: setattr(world.desk, "looking_at", "iris"))
        link = Board(port=str(folder / "board0"))
        quick = Limits(first_retry_s=0.1, longest_retry_s=0.3, health_every_s=0.5)
        on_board = presence(room, "board", lambda: SerialBoard("board", link, SystemClock()), quick)
        room.real["iris"] = presence(room, "iris", lambda: PicameraIris("iris", Iris(index=index), BoardLight(on_board), SystemClock()))
        room.shown = (on_board,)
        async with _running(sim):
            yield room, _set(sim, fault)

    return stage


class Hurried(WorldClock):
    """The site's time runs faster than the desk's: batteries empty and engines fail within the enrolment."""

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


def power_stage(device: str, model_faults: Any) -> Stage:
    """UPS and genset: the mains fail while somebody is at the desk, and the power manager tells the screen."""

    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        speed = 60.0 if fault in model_faults else 1.0
        world = World(1, clock=Hurried(speed))
        sims = {"ups": ups.build(world, "127.0.0.1:0"), "genset": genset.build(world, "127.0.0.1:0")}
        room = Room(speed=20.0)
        async with _running(*sims.values()):
            manager = _manager(room, sims, HurriedStation(speed))
            room.hooks = Hooks(gate=lambda: Gate(next_person=manager.picture().permissions.next_person), power=lambda: manager.picture().for_page())
            watching = asyncio.create_task(manager.run())
            try:
                yield room, _outage(world, sims[device], fault, manager)
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


def _outage(world: World, sim: Any, fault: str, manager: PowerManager) -> Spoil:
    async def spoil() -> None:
        await until(lambda: manager.picture().source.value == "mains", "a first word about power")
        sim.set_fault(fault, True)
        world.power.outage()
        await until(lambda: manager.picture().source.value != "mains" or manager.picture().notices, "power to tell of it", 15)

    return spoil


class OwnLoop:
    """A simulator in a thread: the library behind the driver blocks while it asks."""

    def __init__(self, sim: Any) -> None:
        self._sim = sim
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator")

    async def start(self) -> None:
        self._thread.start()
        await self._there(self._sim.start())

    async def stop(self) -> None:
        await self._there(self._sim.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set_fault(self, fault: str, on: bool) -> None:
        self._loop.call_soon_threadsafe(self._sim.set_fault, fault, on)

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


@asynccontextmanager
async def gpio_stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
    """Lamps and the power button, with whoever follows the screen for them."""
    pins = gpio.build(World(1), "127.0.0.1:0")
    sim = OwnLoop(pins)
    room = Room()
    async with _running(sim):
        os.environ["REKAM_GPIO_WORLD"] = pins.address
        quick = Limits(first_retry_s=0.02, longest_retry_s=0.2, health_every_s=0.1)
        on_pins = presence(room, "gpio", lambda: RpiGpio(LINES, {"power_button": gpio.BUTTON_PIN}), quick)
        room.shown = (on_pins,)
        power: Any = Mock(spec=PowerManager)
        room.follow = lambda session: Follower(power, on_pins, LINES, lambda name: None, SystemClock()).run(session.changes())
        yield room, _set(sim, fault)


LINES = {"lamp_green": 17, "lamp_yellow": 18, "lamp_red": 27, "buzzer": 22, "backdrop": 23}


STAGES: dict[str, Stage] = {
    "fingerprint": fingerprint_stage,
    "tablet": _tablet_stage("isdv4"),
    "tablet-evdev": _tablet_stage("evdev"),
    "printer": printer_stage,
    "ups": power_stage("ups", ups.MODEL_FAULTS),
    "genset": power_stage("genset", genset.MODEL_FAULTS),
    "gpio": gpio_stage,
}


async def play(device: str, faults: list[str], folder: Path, side_by_side: int) -> dict[str, Outcome | BaseException]:
    """All faults of one device, so many at a time."""
    gate = asyncio.Semaphore(1 if device == "gpio" else side_by_side)

    async def case(fault: str) -> Outcome:
        async with gate:
            return await staged(device, fault, folder / fault)

    for fault in faults:
        (folder / fault).mkdir()
    pictures()
    async with cameras(device, len(faults)) if device in ("camera", "iris", "board") else nullcontext():
        ended = await asyncio.gather(*(case(fault) for fault in faults), return_exceptions=True)
    return dict(zip(faults, ended, strict=True))
