"""A desk in memory: devices that hand over at once, a judge that says what it is told, the real store in a folder of the test."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec

from edge.devices.interfaces import Frame, PenSample, PrinterStatus, SignatureSeries
from edge.enrolment.hooks import Hooks
from edge.enrolment.keeping import Keeping
from edge.enrolment.opinion import Opinion
from edge.enrolment.procedure import Target
from edge.enrolment.session import Session, StationIdentity
from edge.enrolment.slip import Slip, SlipMaker
from edge.enrolment.taking import Devices
from edge.errors import DeviceAbsent, DeviceError
from edge.store.ledger import Ledger
from edge.store.worker import StoreWorker
from protocols.roster import OpenRoster, Operator, RosterRow
from protocols.sealing import RecordSealer, SealingError, SoftwareSigner, generate_audience
from station_config.load import load_texts
from tests.waiting import pause

STATION = "poso-1"
BOOT = bytes(range(16))
PIN = "123456"
SITI = RosterRow(
    row_id=b"r" * 16,
    letter="SP-1001",
    nik="7201055705900001",
    name="Siti Rahmawati",
    sex="P",
    birth_place="Poso",
    birth_date="1990-05-17",
    address="Dusun 3 RT 05",
)
OPERATOR = Operator(login="ani", name="Ani Lestari", pseudonym=b"op-1")


class FastClock:
    """A thousand times as fast as the wall: waits of the procedure take milliseconds, in their order."""

    def __init__(self, speed: float = 1000.0) -> None:
        self._speed = speed

    def monotonic_s(self) -> float:
        return time.monotonic() * self._speed

    def wall_s(self) -> float:
        return 1_790_000_000.0

    def trust(self) -> str:
        return "rtc"

    async def sleep_s(self, seconds: float) -> None:
        await pause(seconds / self._speed)


class FakePresence:
    """A device that is there, or not."""

    def __init__(self, name: str, driver: Any) -> None:
        self.name, self.driver = name, driver
        self.state, self.code = "ready", None
        self.identity = None
        self._lock = asyncio.Lock()

    async def use(self, action: Callable[[Any], Coroutine[Any, Any, Any]], deadline_s: float) -> Any:
        async with self._lock:
            if self.state != "ready":
                raise DeviceAbsent("port_absent", self.name, "not there", "Plug it in.")
            return await action(self.driver)

    async def when_ready(self, timeout_s: float) -> bool:
        return self.state == "ready"

    def nudge(self) -> None:
        return None

    def unplug(self) -> None:
        self.state, self.code = "absent", "port_absent"


@dataclass
class FakeBodies:
    """What the devices see."""

    clock: FastClock
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """captures wait for it when `manual`"""
    manual: bool = False
    fails: dict[str, list[DeviceError]] = field(default_factory=dict)
    """by kind: errors to raise, one for each capture"""
    taken: list[tuple[str, int]] = field(default_factory=list)
    printed: list[bytes] = field(default_factory=list)
    finger_on: int = 0
    """so many polls still see the finger before"""
    counter: int = 0
    empty_signature: bool = False
    paper_low: bool = False
    eye_looks: int = 0
    """lit pictures to aim by"""

    async def hand_over(self, kind: str, shape: tuple[int, ...], position: int = 0) -> Frame:
        if self.manual:
            await self.gate.wait()
            self.gate.clear()
        if self.fails.get(kind):
            raise self.fails[kind].pop(0)
        self.taken.append((kind, position))
        self.counter += 1
        pixels = np.full(shape, self.counter % 200, np.uint8)
        return Frame(pixels, 508.0 if kind == "finger" else None, {"exposure_us": 10_000.0})


class Camera:
    def __init__(self, bodies: FakeBodies) -> None:
        self.bodies = bodies

    async def still(self) -> Frame:
        return await self.bodies.hand_over("face", (40, 30, 3))

    async def preview(self) -> Frame:
        return Frame(np.full((640, 480, 3), 120, np.uint8))


class Sensor:
    def __init__(self, bodies: FakeBodies) -> None:
        self.bodies = bodies

    async def finger_present(self) -> bool:
        self.bodies.finger_on -= 1
        return self.bodies.finger_on >= 0

    async def capture(self, progress: Callable[[float], None]) -> Frame:
        frame = await self.bodies.hand_over("finger", (36, 32))
        for share in (0.0, 0.5, 1.0):
            progress(share)
            await self.bodies.clock.sleep_s(0.1)
        return frame


class IrisCamera:
    def __init__(self, bodies: FakeBodies) -> None:
        self.bodies = bodies

    async def capture(self, eye: int) -> Frame:
        return await self.bodies.hand_over("iris", (24, 32), eye)

    async def preview(self) -> Frame:
        self.bodies.eye_looks += 1
        return Frame(np.full((480, 640), 90 + self.bodies.eye_looks, np.uint8), metadata={"light_ms": 100.0})


class Tablet:
    name = "tablet"

    def __init__(self, bodies: FakeBodies) -> None:
        self.bodies = bodies
        self._ended = asyncio.Event()

    async def begin(self) -> None:
        self._ended = asyncio.Event()

    async def strokes(self) -> AsyncIterator[PenSample]:
        if self.bodies.fails.get("signature"):
            raise self.bodies.fails["signature"].pop(0)
        for number in range(0 if self.bodies.empty_signature else 20):
            await self.bodies.clock.sleep_s(0.8)
            yield PenSample(number * 5000, 1000 + number * 300, 1500 + (number % 5) * 200, 500, number < 19)
        await self._ended.wait()

    async def finish(self) -> SignatureSeries:
        self._ended.set()
        self.bodies.taken.append(("signature", 0))
        samples = () if self.bodies.empty_signature else tuple(PenSample(n * 5000, 1000 + n * 300, 1500, 500, True) for n in range(19))
        return SignatureSeries(samples, 10_000, 3_750, 1023, 100.0)


class Printer:
    def __init__(self, bodies: FakeBodies) -> None:
        self.bodies = bodies

    async def print(self, document: bytes) -> PrinterStatus:
        if self.bodies.fails.get("printer"):
            raise self.bodies.fails["printer"].pop(0)
        self.bodies.printed.append(document)
        return PrinterStatus(online=True, paper_low=self.bodies.paper_low, paper_out=False, cover_open=False)


class FakeJudge:
    """Passes everything except what `verdicts` lists, one entry for each judgement of that target."""

    def __init__(self) -> None:
        self.verdicts: dict[Target, list[Opinion]] = {}
        self.kept: list[Target] = []
        self.aimed: list[Target] = []
        self.live = Opinion(passed=True)
        """what live pictures look like"""
        self.forgotten = 0

    def judge(self, target: Target, subject: Any, birth_year: int | None) -> Opinion:
        waiting = self.verdicts.get(target)
        return waiting.pop(0) if waiting else Opinion(passed=True, score=1.0, quality={"sharpness_thousandths": 1000})

    def aim(self, target: Target, frame: Any) -> Opinion:
        self.aimed.append(target)
        return self.live

    def keep(self, target: Target, subject: Any) -> None:
        self.kept.append(target)

    def forget(self) -> None:
        self.forgotten += 1


@cache
def keys() -> tuple[ec.EllipticCurvePrivateKey, dict[str, bytes], dict[str, bytes]]:
    """Station key, public and private audience keys: made once for all tests."""
    pairs = {audience: generate_audience() for audience in ("intake", "vault")}
    station = ec.generate_private_key(ec.SECP256R1())
    return station, {name: public for name, (_, public) in pairs.items()}, {name: private for name, (private, _) in pairs.items()}


def open_roster(operator: str, pin: str) -> OpenRoster:
    if (operator, pin) != (OPERATOR.login, PIN):
        raise SealingError("login", "wrong")
    return OpenRoster(OPERATOR, (SITI,))


def slip_text(slip: Slip) -> bytes:
    return "\n".join([slip.title, *(f"{label}: {value}" for label, value in slip.lines), *slip.notes]).encode()


@dataclass
class DeskBench:
    """One session with all it needs; `fitted` names the devices."""

    session: Session
    bodies: FakeBodies
    judge: FakeJudge
    presences: dict[str, FakePresence]
    worker: StoreWorker
    task: "asyncio.Task[None] | None" = None

    def changed(self, seen: dict[str, Any]) -> bool:
        """Something new to look at; raises what ended the session."""
        if self.task is not None and self.task.done():
            self.task.result()
        return self.session.version != seen["version"]


class Randomness:
    """Distinct bytes, the same in every run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, length: int) -> bytes:
        self.count += 1
        return (self.count.to_bytes(4, "big") * (length // 4 + 1))[:length]


FITTED = ("camera", "tablet", "fingerprint", "iris", "printer")
RANDOM = Randomness()


async def open_bench(
    folder: Path, fitted: tuple[str, ...] = FITTED, hooks: Hooks | None = None, clock: Any = None, judge: FakeJudge | None = None,
    real: dict[str, Any] | None = None, others: tuple[Any, ...] = (), make_slip: SlipMaker | None = None, automatic: bool = False,
) -> DeskBench:
    """A power life over the store in `folder`. real: presences of other drivers than the ones here; others: presences that are only shown."""
    clock = clock or FastClock()
    bodies = FakeBodies(clock)
    drivers = {"camera": Camera, "tablet": Tablet, "fingerprint": Sensor, "iris": IrisCamera, "printer": Printer}
    presences: dict[str, Any] = {name: FakePresence(name, drivers[name](bodies)) for name in fitted} | (real or {})
    worker = await StoreWorker.open(folder, 0)
    station, audiences, _ = keys()
    ledger = Ledger(worker.store, SoftwareSigner(station), STATION, clock, BOOT)
    keeping = Keeping(worker, ledger, lambda record_id: RecordSealer(record_id, STATION, audiences, RANDOM), RANDOM)
    judge = judge or FakeJudge()
    devices: Any = Devices(**presences, others=others)
    slip = make_slip or slip_text
    session = Session(StationIdentity(STATION, "Kecamatan Poso"), devices, judge, keeping, open_roster, slip, load_texts(), clock, hooks, automatic)
    return DeskBench(session, bodies, judge, presences, worker)
