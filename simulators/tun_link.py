"""Two network namespaces with a shaped line between them: both TCP stacks are real. Needs root, /dev/net/tun and iproute2.

    python -m simulators.tun_link NAME '{"rate_bps": 256000, "trip_s": 0.6, "up_s": 20, "down_s": 5}' STATISTICS_FILE SEED

makes the namespaces NAME-s (10.90.0.1, the station's side) and NAME-d (10.90.0.2), prints `ready` and forwards until SIGTERM; the schedule of
cuts starts at SIGUSR1, so that every sender meets the same one. Writes its counts to the file each second and at the end deletes the
namespaces. Left-overs of the same name are deleted at the start.
"""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
from dataclasses import asdict
from math import inf
from pathlib import Path
from types import FrameType

from simulators.shaped_line import Line, Shape
from simulators.world import World, WorldClock

STATION_IP, DISTRICT_IP = "10.90.0.1", "10.90.0.2"
MTU = 1400
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
BURST = 64
IDLE_S = 0.05
PRIORITY = -15
"""a line is never late, however busy the machine"""


def possible() -> str:
    """Why it cannot be done here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root"
    if not Path("/dev/net/tun").exists():
        return "needs /dev/net/tun"
    return "" if any(Path(folder, "ip").exists() for folder in ("/usr/sbin", "/sbin", "/usr/bin")) else "needs iproute2"


def inside(namespace: str) -> list[str]:
    """What to put before a command that shall run there."""
    return ["ip", "netns", "exec", namespace]


def sides(name: str) -> tuple[str, str]:
    """The two namespaces."""
    return f"{name}-s", f"{name}-d"


class Emulator:
    """Devices, namespaces and the forwarding loop."""

    def __init__(self, name: str, shape: Shape, statistics: Path, seed: int) -> None:
        self._names = sides(name)
        self._statistics = statistics
        self._clock = WorldClock()
        self._remove()
        self._descriptors = [self._device(index, namespace, address) for index, (namespace, address) in enumerate(self._addresses())]
        self._line = Line(shape, World(seed, people=0).rng("link"), self._deliver)
        self._line.schedule_s = inf
        self._start_s = self._clock.now_s()
        self._running = True

    def run(self) -> None:
        """Until SIGTERM."""
        os.nice(PRIORITY)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGUSR1, self._start_schedule)
        poll = select.epoll()
        for descriptor in self._descriptors:
            poll.register(descriptor, select.EPOLLIN)
        written_s = self._now_s()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while self._running:
            now_s = self._now_s()
            self._line.tick(now_s)
            for descriptor, _ in poll.poll(max(0.0, min(IDLE_S, self._line.next_s() - now_s))):
                self._read(descriptor, self._now_s())
            if self._now_s() - written_s > 1:
                written_s = self._now_s()
                self._write_statistics()
        self._write_statistics()
        self._remove()

    def _now_s(self) -> float:
        return self._clock.now_s() - self._start_s

    def _start_schedule(self, _number: int, _frame: FrameType | None) -> None:
        self._line.schedule_s = self._now_s()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._running = False

    def _read(self, descriptor: int, now_s: float) -> None:
        way = self._descriptors.index(descriptor)
        for _ in range(BURST):
            try:
                packet = os.read(descriptor, 65_536)
            except BlockingIOError:
                return
            self._line.packet(way, packet, now_s)

    def _deliver(self, way: int, packet: bytes) -> None:
        os.write(self._descriptors[1 - way], packet)

    def _write_statistics(self) -> None:
        counts = {"cuts": self._line.cuts, "up": asdict(self._line.ways[0].counts), "down": asdict(self._line.ways[1].counts)}
        temporary = self._statistics.with_suffix(".tmp")
        temporary.write_text(json.dumps(counts), encoding="utf-8")
        temporary.replace(self._statistics)

    def _addresses(self) -> list[tuple[str, str]]:
        return list(zip(self._names, (STATION_IP, DISTRICT_IP), strict=True))

    def _device(self, index: int, namespace: str, address: str) -> int:
        device = f"rk{index}x{os.getpid()}"[:15]
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
        _ip("netns", "add", namespace)
        _ip("link", "set", device, "netns", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", device)
        _ip("-n", namespace, "link", "set", device, "mtu", str(MTU), "txqueuelen", "1000", "up")
        return descriptor

    def _remove(self) -> None:
        for namespace in self._names:
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


if __name__ == "__main__":
    Emulator(sys.argv[1], Shape(**json.loads(sys.argv[2])), Path(sys.argv[3]), int(sys.argv[4])).run()
