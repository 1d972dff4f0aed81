"""Where a bench's programs run and how they reach each other: two namespaces with a shaped line between, or loopback with a cutting proxy."""

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from simulators.shaped_line import Shape
from simulators.tun_link import DISTRICT_IP, inside, possible, sides
from tools.children import free_port

PORT = 1883


@dataclass(frozen=True)
class Place:
    """One side: what to put before a command there, and the address of the broker as that side sees it."""

    prefix: list[str]
    host: str
    port: int


@dataclass(frozen=True)
class Way:
    """A line of a kind, and its two sides."""

    command: list[str]
    """starts the line; its first output is `ready`"""
    station: Place
    district: Place
    real: bool
    """both TCP stacks are on the line itself"""
    counts: Path = field(default=Path())


def make_way(scenario: str, number: int, shape: Shape, folder: Path, seed: int) -> Way:
    """Namespaces where this user may make them, otherwise a proxy on loopback. `number` tells the lines of a scenario apart."""
    counts, kind = folder / "line.json", json.dumps(asdict(shape))
    if not possible():
        name = f"rk{os.getpid()}{scenario}{number}"
        station, district = (Place(inside(side), DISTRICT_IP, PORT) for side in sides(name))
        return Way([sys.executable, "-m", "simulators.tun_link", name, kind, str(counts), str(seed)], station, district, True, counts)
    near, far = free_port(), free_port()
    command = [sys.executable, "-m", "simulators.link", str(near), str(far), kind, str(counts)]
    return Way(command, Place([], "127.0.0.1", near), Place([], "127.0.0.1", far), False, counts)
