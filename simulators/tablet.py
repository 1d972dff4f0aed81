"""A signature tablet: plays the signature of who sits at the desk. Two faces: ISDv4 on a serial port, Linux input events on a pipe.

The world keeps the digest of (x, y, pressure, tip) from first to last touch. Wire: protocols/isdv4.py. Checked with
isdv4-serial-debugger and the kernel's layout of `struct input_event`.
"""

import asyncio
import contextlib
import os
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from protocols import isdv4
from simulators.faults import PLUG_FAULTS, WIRE_FAULTS, Active
from simulators.generate_signature import HEIGHT_UNITS, PRESSURE_MAX, WIDTH_UNITS
from simulators.plug import Plug
from simulators.wire_device import WireDevice, end_tasks
from simulators.world import World, check_faults, digest_series

PEN_FAULTS: dict[str, str] = {
    "hover-only": "the pen never touches",
    "no-pressure": "pressure is always 0",
    "freeze": "reports stop in the middle of each signature",
}
SERIAL_FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    **PEN_FAULTS,
    "refuse": "queries are not answered",
    "wrong-size": "the tablet tells of a pad a quarter as wide and high as its pen reports",
    "reset-middle": "the tablet resets itself in the middle of each signature and stops reporting",
}
EVDEV_FAULTS: dict[str, str] = {
    **{name: WIRE_FAULTS[name] for name in sorted(PLUG_FAULTS)},
    **PEN_FAULTS,
    "dropped": "Linux face (--kind evdev): the kernel's queue runs over once a signature",
}
FAULTS: dict[str, str] = SERIAL_FAULTS | EVDEV_FAULTS

MAXIMA = isdv4.Maxima(WIDTH_UNITS, HEIGHT_UNITS, PRESSURE_MAX, version=0x123)
QUARTER = isdv4.Maxima(WIDTH_UNITS // 4, HEIGHT_UNITS // 4, PRESSURE_MAX, version=0x123)
IDLE_S = 0.02
LIFT_MS = 5

Point = tuple[int, int, int, int, bool]
"""t_ms, x, y, pressure, tip"""


class Signer:
    """The hand: waits for the order to sign, then gives points in their time."""

    def __init__(self, world: World, active: Active) -> None:
        self._world = world
        self._active = active

    def points(self) -> list[Point]:
        """The present person's signature as this tablet's state shows it; empty without an order."""
        desk = self._world.desk
        if desk.person is None or not desk.signing:
            return []
        return list(self._spoiled(self._world.images.signature(desk.person)))

    def _spoiled(self, points: list[Point]) -> Iterator[Point]:
        acts = self._active.acts
        stop = len(points) // 2 if acts("freeze") or acts("reset-middle") else len(points)
        flat, hovering = acts("no-pressure"), acts("hover-only")
        for t_ms, x, y, pressure, tip in points[:stop]:
            yield t_ms, x, y, 0 if flat else pressure, tip and not hovering
        t_ms, x, y, _, tip = points[-1]
        if tip and stop == len(points):
            yield t_ms + LIFT_MS, x, y, 0, False  # as every tablet tells that the pen left the pad

    def signed(self, points: list[Point]) -> None:
        """The whole of it went over the wire."""
        touches = [index for index, point in enumerate(points) if point[4]]
        person = self._world.desk.person
        self._world.desk.signing = False
        self._world.served.sensor_s += points[-1][0] / 1000
        if touches and person is not None:
            kept = points[touches[0] : touches[-1] + 1]
            self._world.served.record(person, "signature", 0, digest_series((x, y, pressure, tip) for _, x, y, pressure, tip in kept))


class SerialTablet(WireDevice):
    """ISDv4 face."""

    def __init__(self, world: World, link: Path | str, faults: Collection[str], *, baud: int) -> None:
        super().__init__(world, link, faults, SERIAL_FAULTS, baud=baud, strict_baud=True)
        self.began_s = 0.0
        """world time at which the pen began its latest signature"""
        self._signer = Signer(world, self.active)
        self._streaming = False

    def plugged_in(self) -> None:
        self._streaming = False

    def receive(self, data: bytes) -> None:
        for letter in data:
            if letter == isdv4.START[0]:
                self._streaming = True
            elif letter in (isdv4.STOP[0], isdv4.RESET[0]):
                self._streaming = False
            elif letter == isdv4.QUERY[0] and not self.active.acts("refuse"):
                self.port.send(isdv4.encode_maxima(QUARTER if self.active.acts("wrong-size") else MAXIMA))

    async def live(self) -> None:
        while True:
            points = self._signer.points() if self._streaming else []
            if points and await self._play(points):
                self._signer.signed(points)
            await self.world.clock.sleep_s(IDLE_S)

    async def _play(self, points: list[Point]) -> bool:
        """True when all went over the wire; a client that stops the stream or an unplugged cable ends it."""
        start_s = self.began_s = self.world.clock.now_s()
        for t_ms, x, y, pressure, tip in points:
            await self.world.clock.sleep_s(max(0.0, start_s + t_ms / 1000 - self.world.clock.now_s()))
            if not self._streaming or not self.port.plugged:
                return False
            self.port.send(isdv4.encode_pen(isdv4.Pen(x, y, pressure, tip)))
        if "reset-middle" in self.active:
            self._streaming = False
        return True


class EvdevTablet:
    """Linux face: `struct input_event` into a pipe at `link`, in the kernel's layout."""

    def __init__(self, world: World, link: Path | str, faults: Collection[str]) -> None:
        check_faults(EVDEV_FAULTS, faults)
        self.world = world
        self.link = Path(link)
        self.active = Active(faults)
        self.played = self.active.played
        self._signer = Signer(world, self.active)
        self._plug = Plug(self._pull, self._push, world.clock, self.played)
        self._pipe = -1
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._plug.begin(self.active)
        self._tasks.add(asyncio.create_task(self._live(), name="tablet"))

    async def stop(self) -> None:
        await self._plug.end()
        await end_tasks(self._tasks)
        await self._pull()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(EVDEV_FAULTS, [name])
        self.active.turn(name, on)
        if name in PLUG_FAULTS:
            self._plug.act(name, on)

    async def _push(self) -> None:
        if self._pipe < 0:
            self.link.parent.mkdir(parents=True, exist_ok=True)
            self.link.unlink(missing_ok=True)
            os.mkfifo(self.link)
            self._pipe = os.open(self.link, os.O_RDWR | os.O_NONBLOCK)

    async def _pull(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            self.link.unlink(missing_ok=True)

    async def _live(self) -> None:
        while True:
            points = self._signer.points()
            if points and await self._play(points):
                self._signer.signed(points)
            await self.world.clock.sleep_s(IDLE_S)

    async def _play(self, points: list[Point]) -> bool:
        start_s = self.world.clock.now_s()
        touching = False
        for index, (t_ms, x, y, pressure, tip) in enumerate(points):
            await self.world.clock.sleep_s(max(0.0, start_s + t_ms / 1000 - self.world.clock.now_s()))
            if self._pipe < 0:
                return False
            if index == len(points) // 2 and self.active.acts("dropped"):
                self._emit(t_ms, [(0, 3, 0)])
            axes = [(3, 0, x), (3, 1, y), (3, 24, pressure)]
            self._emit(t_ms, [*axes, *([(1, 330, int(tip))] if tip != touching else []), (0, 0, 0)])
            touching = tip
        return True

    def _emit(self, t_ms: int, events: list[tuple[int, int, int]]) -> None:
        """(type, code, value): EV_ABS 3 x 0, y 1, pressure 24; EV_KEY 1 BTN_TOUCH 330; EV_SYN 0 report 0, dropped 3."""
        seconds, millis = divmod(t_ms, 1000)
        with contextlib.suppress(BlockingIOError):  # nobody reads: the kernel's queue would run over too
            os.write(self._pipe, b"".join(struct.pack("@qqHHi", seconds, millis * 1000, *event) for event in events))


def build(world: World, link: Path | str, faults: Collection[str] = (), *, kind: str = "isdv4", baud: int = 38_400) -> SerialTablet | EvdevTablet:
    """kind: isdv4 or evdev."""
    return SerialTablet(world, link, faults, baud=baud) if kind == "isdv4" else EvdevTablet(world, link, faults)
