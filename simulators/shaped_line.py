"""A bad line as numbers: rate, round trip, loss, a modem's queue, a schedule of cuts, and what an old TCP flow meets after a cut.

Pure: the caller brings time, chance and packets (`simulators/tun_link.py` from two TUN devices). Rates in bit/s count whole IP packets,
as an operator's does.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

QUEUE_BYTES = 64_000
"""of the modem, tail drop"""
TCP = 6
SYN, RST, ACK, SYN_ACK_MASK = 0x02, 0x04, 0x10, 0x12


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of link."""

    rate_bps: float
    trip_s: float
    loss: float = 0.0
    up_s: float = float("inf")
    down_s: float = 0.0
    after: str = "rst"
    """what a flow from before a cut meets afterwards: dark (it goes on), rst, nat (silence for ever)"""
    jitter_s: float = 0.005

    def is_up(self, at_s: float) -> bool:
        """`at_s` counts from the start of the schedule; before it the line is up."""
        return self.down_s == 0 or at_s < 0 or at_s % (self.up_s + self.down_s) < self.up_s

    def usable_bytes(self, seconds: float) -> float:
        """What one direction can carry while the link is up."""
        share = 1.0 if self.down_s == 0 else self.up_s / (self.up_s + self.down_s)
        return self.rate_bps / 8 * share * seconds


@dataclass
class Counts:
    """Of one direction."""

    packets: int = 0
    bytes_sent: int = 0
    """what a cut throws away in the modem's queue was never on the line"""
    lost: int = 0
    tail_drops: int = 0
    resets: int = 0


@dataclass
class _Direction:
    free_s: float = 0.0
    """when the line is free again"""
    under_way: list[tuple[float, int, bytes]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


class Line:
    """Both directions, 0 (up) and 1 (down). `deliver(direction, packet)` hands a packet to its far end."""

    def __init__(self, shape: Shape, rng: random.Random, deliver: Callable[[int, bytes], None]) -> None:
        self.shape, self._rng, self._deliver = shape, rng, deliver
        self.ways = (_Direction(), _Direction())
        self.cuts = 0
        self.schedule_s = 0.0
        """when the schedule of cuts starts; infinity: not yet"""
        self._was_up = True
        self._number = 0
        self._flows: set[tuple[int, int]] = set()
        self._dead: set[tuple[int, int]] = set()

    def tick(self, now_s: float) -> None:
        """Hand over what is due; note cuts."""
        up = self.shape.is_up(now_s - self.schedule_s)
        if self._was_up and not up:
            self._cut(now_s)
        self._was_up = up
        for way, direction in enumerate(self.ways):
            while direction.under_way and direction.under_way[0][0] <= now_s:
                self._deliver(way, heappop(direction.under_way)[2])

    def next_s(self) -> float:
        """When the next packet is due."""
        return min((direction.under_way[0][0] for direction in self.ways if direction.under_way), default=float("inf"))

    def packet(self, way: int, packet: bytes, now_s: float) -> None:
        """One IP packet enters."""
        if not self.shape.is_up(now_s - self.schedule_s) or not self._flow_lives(way, packet):
            return
        shape, direction = self.shape, self.ways[way]
        direction.counts.packets += 1
        if max(0.0, direction.free_s - now_s) * shape.rate_bps / 8 > QUEUE_BYTES:
            direction.counts.tail_drops += 1
            return
        direction.free_s = max(direction.free_s, now_s) + len(packet) * 8 / shape.rate_bps
        direction.counts.bytes_sent += len(packet)
        if self._rng.random() < shape.loss:
            direction.counts.lost += 1
            return
        self._number += 1
        due_s = direction.free_s + shape.trip_s / 2 + self._rng.uniform(0, shape.jitter_s)
        heappush(direction.under_way, (due_s, self._number, packet))

    def _cut(self, now_s: float) -> None:
        self.cuts += 1
        for direction in self.ways:
            direction.counts.bytes_sent -= round(max(0.0, direction.free_s - now_s) * self.shape.rate_bps / 8)
            direction.under_way.clear()
            direction.free_s = now_s
        if self.shape.after != "dark":
            self._dead |= self._flows
            self._flows = set()

    def _flow_lives(self, way: int, packet: bytes) -> bool:
        """False: the packet goes no further, because its flow died with a cut."""
        found = tcp_ports(packet)
        if found is None:
            return True
        flow = found if way == 0 else found[::-1]
        flags = packet[header_bytes(packet) + 13]
        if flow in self._dead and flags & SYN_ACK_MASK != SYN:
            if self.shape.after == "rst" and not flags & RST:
                self.ways[way].counts.resets += 1
                self._deliver(1 - way, reset_for(packet))
            return False
        self._dead.discard(flow)
        self._flows.add(flow)
        return True


def header_bytes(packet: bytes) -> int:
    return (packet[0] & 15) * 4


def tcp_ports(packet: bytes) -> tuple[int, int] | None:
    """(source, destination) of an IPv4 TCP packet."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != TCP:
        return None
    source, destination = struct.unpack_from(">HH", packet, header_bytes(packet))
    return source, destination


def reset_for(packet: bytes) -> bytes:
    """The RST that a middlebox without memory of the flow sends back to the packet's sender (RFC 9293, 3.5.2)."""
    at = header_bytes(packet)
    source, destination, sequence, acknowledged = struct.unpack_from(">HHII", packet, at)
    flags = packet[at + 13]
    length = struct.unpack_from(">H", packet, 2)[0] - at - (packet[at + 12] >> 4) * 4 + bool(flags & 3)
    addresses = packet[16:20] + packet[12:16]
    tcp = struct.pack(
        ">HHIIBBHHH", destination, source, acknowledged if flags & ACK else 0, (sequence + length) & 0xFFFFFFFF, 5 << 4, RST | ACK, 0, 0, 0,
    )
    tcp = tcp[:16] + struct.pack(">H", checksum(addresses + struct.pack(">BBH", 0, TCP, len(tcp)) + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, TCP, 0) + addresses
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + tcp


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
