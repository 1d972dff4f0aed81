"""One stage a device: its simulator on the wire, the station's own driver and presence, and a room in which somebody is recorded."""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

from edge.clock import SystemClock
from edge.devices.board import SerialBoard
from edge.devices.camera import PicameraCamera
from edge.devices.fingerprint import ZfmSensor
from edge.devices.gpio import RpiGpio
from edge.devices.interfaces import BoardStatus
from edge.devices.iris import PicameraIris
from edge.devices.printer import EscPosPrinter
from edge.devices.retries import Limits
from edge.devices.tablet import make_tablet
from edge.enrolment.slip_printing import escpos_slip
from edge.errors import DeviceAbsent
from edge.fitting import BoardLight
from edge.following import Follower
from edge.power.manager import PowerManager
from simulators import board, camera, fingerprint, gpio, iris_camera, printer, tablet
from simulators.images import Images
from simulators.world import World
from station_config.schema import Board, Camera, Fingerprint, Iris, Tablet
from station_config.schema import Printer as PrinterConfig
from tests.camera_bench import Light
from tests.faults.at_the_desk import KEPT_FINGERS, Outcome, Room, Spoil, Stage, enrol, presence, running_devices
from tests.faults.power_stages import HURRIED, power_stage
from tests.faults.serial_bench import GradientImages
from tests.waiting import until

PICTURE_FAULTS = {
    "fingerprint": {"dirty-lens": "finger", "dry-finger": "finger", "wet-finger": "finger"},
    "camera": dict.fromkeys(("black-frames", "dirty-lens", "over-exposed"), "face"),
    "iris": dict.fromkeys(("black-frames", "dirty-lens", "over-exposed"), "iris"),
    "board": {"light-dead": "iris"},
}
"""faults that only a look at the picture tells: device -> fault -> kind"""
FROM_START: dict[str, frozenset[str]] = {
    "fingerprint": frozenset({"refuse", "slow-only"}),
    "tablet": frozenset({"refuse", "wrong-size"}),
    "printer": frozenset({"refuse", "anonymous"}),
    "board": frozenset({"refuse", "other-schema"}),
    "camera": frozenset({"refuse"}),
    "iris": frozenset({"refuse"}),
    "gpio": frozenset({"refuse"}),
}
"""faults that a device shows when it is opened"""
SIZE = 96
REACTION_S = 0.3
TABLET_SPEED = 5.0
"""the pen's rest of 2 s is 0.4 s of the wire"""


class Case(NamedTuple):
    device: str
    fault: str
    spoilt: bool = True
    """False: all that the stage does for this fault, but not the fault"""

    @property
    def folder(self) -> str:
        return self.fault if self.spoilt else f"without-{self.fault}"


async def staged(case: Case, folder: Path, awaits: frozenset[str]) -> Outcome:
    """The whole case."""
    device, fault, spoilt = case
    wires, store = folder / "wires", folder / "store"  # apart: a folder that is there and holds no store is set aside as damaged
    async with asyncio.timeout(90), STAGES[device](wires, fault) as (room, spoil):
        room.from_start = fault in FROM_START.get(device, ())
        room.spoilt, room.awaits = spoilt, awaits if spoilt else frozenset()
        return await enrol(store, room, spoil)


def judged(device: str, fault: str) -> str:
    return PICTURE_FAULTS.get(device, {}).get(fault, "")


def setting(device: str, fault: str) -> tuple[str, bool]:
    """What a stage does differently for a fault, the fault itself apart: cases with the same setting differ by their fault alone."""
    return judged(device, fault), fault == "slow-only" or fault in HURRIED.get(device, ())


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


def _set(room: Room, device: Any, fault: str, there: Callable[[], bool] = lambda: True) -> Spoil:
    """Turn it on and wait until it is there."""
    room.played = device.played

    async def spoil() -> None:
        if room.spoilt:
            device.set_fault(fault, True)
            await until(there, f"{fault} to be there")

    return spoil


def _out(device: Any, fault: str) -> Callable[[], bool]:
    return lambda: fault not in ("unplug", "replug") or not device.port.plugged


@asynccontextmanager
async def fingerprint_stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
    world = new_world(bool(judged("fingerprint", fault)))
    size = (288, 256) if judged("fingerprint", fault) else (SIZE, SIZE)
    sim = fingerprint.build(world, folder / "finger0", baud=921_600, rows=size[0], columns=size[1])
    sim.packet_code = 3
    sim.port.baud = 57_600 if fault == "slow-only" else sim.port.baud
    config = Fingerprint(port=str(folder / "finger0"), fastest_baud=921_600, height_px=size[0], width_px=size[1], finger_timeout_s=0.4)

    def body(seen: dict[str, Any]) -> None:
        asked = seen["target"] and seen["target"]["kind"] in ("finger", "check")
        world.desk.finger_on_sensor = seen["target"]["position"] if asked and seen["hint"] != "lift" else None

    room = Room(judged=judged("fingerprint", fault), body=body, traces=lambda: {f"at {sim.port.baud} baud"})
    room.real["fingerprint"] = presence(room, "fingerprint", lambda: ZfmSensor("fingerprint", config, SystemClock()))
    async with running_devices(sim):
        yield room, _set(room, sim, fault, _out(sim, fault))


def _hand(world: World) -> Callable[[dict[str, Any]], None]:
    """Signs once each time that the screen asks for it, and not before the pen is taken up."""
    reaction: asyncio.TimerHandle | None = None

    def body(seen: dict[str, Any]) -> None:
        nonlocal reaction
        asked = seen["step"] == "signature" and seen["activity"] == "capturing"
        if asked and reaction is None:
            reaction = asyncio.get_running_loop().call_later(REACTION_S, setattr, world.desk, "signing", True)
        elif not asked and reaction is not None:
            reaction.cancel()
            reaction, world.desk.signing = None, False

    return body


def _tablet_stage(kind: str) -> Stage:
    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        world = new_world(real_pictures=False)
        sim = tablet.build(world, folder / "tablet0", kind=kind)
        config = Tablet(port=str(folder / "tablet0"), kind=kind)

        room = Room(speed=TABLET_SPEED, body=_hand(world))
        room.real["tablet"] = presence(room, "tablet", lambda: make_tablet("tablet", config, SystemClock()))
        async with running_devices(sim):
            yield room, _set(room, sim, fault)

    return stage


@asynccontextmanager
async def printer_stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
    sim = printer.build(new_world(real_pictures=False), folder / "printer0")
    room = Room(make_slip=escpos_slip(80))
    config = PrinterConfig(port=str(folder / "printer0"))
    room.real["printer"] = printer_found = presence(room, "printer", lambda: EscPosPrinter("printer", config, SystemClock()))
    room.traces = lambda: {f"a {printer_found.identity.model}"} if printer_found.identity else ()
    async with running_devices(sim):
        yield room, _set(room, sim, fault, _out(sim, fault))


Cameras = list[tuple[int, camera.CameraServer, World]]
"""number, simulator and world of each case: the picamera2 stand-in knows its cameras by number"""


@asynccontextmanager
async def cameras(device: str, cases: int) -> AsyncIterator[None]:
    """One camera for each case; the stages take them in turn."""
    build, make = {"camera": (camera.build, camera_stage), "iris": (iris_camera.build, iris_stage), "board": (iris_camera.build, board_stage)}[device]
    worlds = [new_world() for _ in range(cases)]
    sims = [build(world, "127.0.0.1:0") for world in worlds]
    async with running_devices(*sims):
        os.environ["REKAM_CAMERAS"] = ",".join(sim.address for sim in sims)
        STAGES[device] = make(list(zip(range(cases), sims, worlds, strict=True)))
        yield


def camera_stage(left: Cameras) -> Stage:

    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        index, sim, world = left.pop()
        room = Room(judged=judged("camera", fault), body=lambda seen: setattr(world.desk, "looking_at", "camera"))
        room.real["camera"] = presence(room, "camera", lambda: PicameraCamera("camera", Camera(index=index), SystemClock()))
        yield room, _set(room, sim, fault)

    return stage


def iris_stage(left: Cameras) -> Stage:
    @asynccontextmanager
    async def stage(folder: Path, fault: str) -> AsyncIterator[tuple[Room, Spoil]]:
        index, sim, world = left.pop()
        light = Light(world)
        room = Room(judged=judged("iris", fault), body=lambda seen: setattr(world.desk, "looking_at", "iris"))
        room.real["iris"] = presence(room, "iris", lambda: PicameraIris("iris", Iris(index=index), light, SystemClock()))
        try:
            yield room, _set(room, sim, fault)
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
        told: list[BoardStatus] = []
        on_board = presence(room, "board", lambda: SerialBoard("board", link, SystemClock(), told.append))
        room.real["iris"] = presence(room, "iris", lambda: PicameraIris("iris", Iris(index=index), BoardLight(on_board), SystemClock()))
        room.shown = (on_board,)
        room.traces = lambda: {"the box is open"} if told and told[-1].tamper else ()
        noticed = {"tamper": lambda: told[-1].tamper, "hot": lambda: "over_temperature" in told[-1].faults}
        async with running_devices(sim):
            yield room, _set(room, sim, fault, noticed.get(fault, lambda: True))

    return stage


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

    @property
    def played(self) -> Counter[str]:
        counted: Counter[str] = self._sim.played
        return counted

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
    async with running_devices(sim):
        os.environ["REKAM_GPIO_WORLD"] = pins.address
        quick = Limits(first_retry_s=0.02, longest_retry_s=0.2, health_every_s=0.1)
        drivers: list[RpiGpio] = []

        def driver() -> RpiGpio:
            drivers.append(RpiGpio(LINES, {"power_button": gpio.BUTTON_PIN}))
            return drivers[-1]

        on_pins = presence(room, "gpio", driver, quick)
        room.shown = (on_pins,)

        def pressed() -> set[str]:
            with suppress(DeviceAbsent):
                return {"the button is pressed"} if drivers[-1].read("power_button") else set()
            return set()

        room.traces = pressed
        power: Any = Mock(spec=PowerManager)
        room.follow = lambda session: Follower(power, on_pins, LINES, lambda name: None, SystemClock()).run(session.changes())
        yield room, _set(room, sim, fault, lambda: fault in pins.active)


LINES = {"lamp_green": 17, "lamp_yellow": 18, "lamp_red": 27, "buzzer": 22, "backdrop": 23}


STAGES: dict[str, Stage] = {
    "fingerprint": fingerprint_stage,
    "tablet": _tablet_stage("isdv4"),
    "tablet-evdev": _tablet_stage("evdev"),
    "printer": printer_stage,
    "ups": power_stage("ups"),
    "genset": power_stage("genset"),
    "gpio": gpio_stage,
}


SIDE_BY_SIDE = {"gpio": 1, "board": 4, "camera": 3, "iris": 4, "fingerprint": 3, "tablet": 4}
"""cases at a time, else 8: pins are one for all, each board is a process that must answer within 0.25 s, pictures cost seconds of processor"""


async def play(cases: list[Case], folder: Path, awaits: Mapping[str, frozenset[str]]) -> dict[Case, Outcome | BaseException]:
    """Cases of one device, some side by side. awaits: fault -> what its room waits for."""
    device = cases[0].device
    gate = asyncio.Semaphore(SIDE_BY_SIDE.get(device, 8))

    async def one(case: Case) -> Outcome:
        async with gate:
            return await staged(case, folder / case.folder, awaits.get(case.fault, frozenset()))

    for case in cases:
        (folder / case.folder).mkdir()
    pictures()
    async with cameras(device, len(cases)) if device in ("camera", "iris", "board") else nullcontext():
        ended = await asyncio.gather(*map(one, cases), return_exceptions=True)
    return dict(zip(cases, ended, strict=True))
