"""Station and district of the crash test: the code that ships, on simulated disks, driven by a timeline instead of threads and sockets.

What stands in for `edge.uplink.uplink` and `district.ingest` is only their loop: every decision and every byte is the product's.
A node dies whole at a cut: nothing of it runs until it boots again on what its disk kept.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric import ec

from district.database import DistrictError
from edge.errors import StoreError
from simulators.air import Air
from simulators.disk import Disk, DiskVfs, Fault, PowerCut
from simulators.timeline import Timeline

STATION, DISTRICT = "poso-01", "poso"
FOLDER = Path("/disk/data")
TEN_YEARS_S = 315_576_000.0
BOOT_S = 20.0
STATION_KEY = ec.derive_private_key(0x5EA1, ec.SECP256R1())
DISTRICT_KEY = ec.derive_private_key(0xD157, ec.SECP256R1())
BROKEN = (PowerCut, StoreError, DistrictError, apsw.IOError, apsw.FullError, apsw.CantOpenError, apsw.CorruptError, apsw.NotADBError, OSError)
"""what a simulated disk can do to the code above it; anything else that comes out while the power is on is a finding"""


class VirtualClock:
    """Monotonic from the boot, wall time wherever a cut threw it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._booted_s = 0.0
        self.wrong_by_s = 0.0

    def boot(self, wrong_by_s: float) -> None:
        self._booted_s, self.wrong_by_s = self._timeline.now_s, wrong_by_s

    def monotonic_s(self) -> float:
        return self._timeline.now_s - self._booted_s

    def wall_s(self) -> float:
        return max(0.0, 1_800_000_000 + self._timeline.now_s + self.wrong_by_s)

    def trust(self) -> str:
        return "none"

    async def sleep_s(self, seconds: float) -> None:
        raise NotImplementedError


@dataclass
class Truth:
    """What really happened, kept outside the machines: the measure of everything that is found later."""

    begun: dict[bytes, list[bytes]] = field(default_factory=dict)
    """record -> sealed parts, from the moment the manifest may exist"""
    plain: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    """(record, part) -> what was sealed, for records with real cryptography"""
    promised: dict[bytes, int] = field(default_factory=dict)
    """record -> sequence, once the screen said saved"""
    entries: set[int] = field(default_factory=set)
    """sequences whose commit returned"""
    received: set[int] = field(default_factory=set)
    """sequences for which the station believes that the district has them"""


@dataclass
class Bench:
    """What both nodes share."""

    rng: random.Random
    timeline: Timeline
    air: Air
    note: Callable[..., None]
    truth: Truth = field(default_factory=Truth)
    calm: bool = False
    """faults have ended"""
    cuts: int = 0
    refused: int = 0
    """operations that an injected error stopped"""
    findings: list[tuple[str, str]] = field(default_factory=list)
    """(kind, text) of what was seen to be wrong while it ran"""

    @property
    def broken(self) -> bool:
        return bool(self.findings)


class Node:
    """A machine with a disk that can lose its power at any operation."""

    start_ticks = 100

    def __init__(self, bench: Bench, name: str, vfs: DiskVfs) -> None:
        self.bench, self.name = bench, name
        self.disk = vfs.disk = Disk(random.Random(bench.rng.random()))
        self.vfs_name = f"crash-{name}"
        self.clock = VirtualClock(bench.timeline)
        self.life = 0
        """counts starts of the program"""
        self.boots = 0
        self.up = False

    def boot(self) -> None:
        """Power is back."""
        self.life += 1
        self.boots += 1
        self.up = True
        if self.disk.off or self.boots == 1:
            self.disk.restart()
        self.clock.boot(self.bench.rng.choice((0.0, 0.0, -TEN_YEARS_S, TEN_YEARS_S)) if not self.bench.calm else 0.0)
        if not self.bench.calm:
            self._misfortune()
        self.guard(self.start)

    def start(self) -> None:
        raise NotImplementedError

    def stopped(self) -> None:
        """Everything in memory is gone."""

    def guard(self, action: Callable[[], None]) -> None:
        """Do something that the disk may cut short."""
        if not self.up:
            return
        try:
            action()
        except Exception as error:  # noqa: BLE001  # sorted here
            if self.disk.off:
                self.die("cut")
            elif isinstance(error, BROKEN) and not self.bench.calm:
                self.failed(error)
            else:
                self.bench.findings.append(("stuck", f"the {self.name} program fell over: {error!r}"))
                self.up = False

    def failed(self, error: Exception) -> None:
        """The disk refused, the machine is still on."""
        self.bench.refused += 1
        self.bench.note(self.name, "refused", type(error).__name__)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """In this life only."""
        life = self.life
        self.bench.timeline.after(delay_s, lambda: self.guard(action) if self.life == life else None)

    def while_powered(self, delay_s: float, action: Callable[[], None]) -> None:
        """Unless the power goes before."""
        boots = self.boots
        self.bench.timeline.after(delay_s, lambda: action() if self.up and self.boots == boots else None)

    def unplug(self) -> None:
        """The power goes between two operations."""
        self.disk.off = True
        self.die("unplugged")

    def die(self, how: str) -> None:
        self.up = False
        self.bench.cuts += 1
        self.bench.note(self.name, how, self.disk.ticks, round(self.bench.timeline.now_s, 3))
        self.stopped()
        self.bench.timeline.after(BOOT_S + self.bench.rng.expovariate(1 / 60), self.boot)

    def restart_program(self) -> None:
        """The program ends and is started again; the machine stays on."""
        self.stopped()
        self.life += 1
        self.later(2.0, self.start)

    def _misfortune(self) -> None:
        """What this life will meet."""
        rng = self.bench.rng
        if rng.random() < 0.75:
            self.disk.cut_at = rng.randrange(1, 60) if rng.random() < 0.3 else rng.randrange(20, self.start_ticks + 300)
        if rng.random() < 0.15:
            self.disk.fault = Fault(rng.randrange(1, self.start_ticks + 200), rng.choice(("IOERR", "FULL", "SYNC")), rng.random() < 0.4)
            self.while_powered(rng.expovariate(1 / 120), self._repair)
        self.while_powered(rng.expovariate(1 / 400), self.unplug)

    def _repair(self) -> None:
        self.disk.fault = None
