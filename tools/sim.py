"""`./rekam sim DEVICE`: one simulated device alone, on the wire that the real one speaks, until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from protocols.genset_map import parse
from simulators.registry import MODULES, build, faults_of
from simulators.world import SimDevice, World
from tools.paths import samples_folder

SIGN_EVERY_S = 5.0
SOCKETS = {"camera": "REKAM_CAMERAS", "iris": "REKAM_CAMERAS", "gpio": "REKAM_GPIO_WORLD"}
"""what a Pi reaches by a library of its own is served on a socket; its stand-in reads the address from this variable"""
EXAMPLE = "./rekam sim fingerprint --link /tmp/finger --seed 7 --fault stall"
LAST_PORT = 65_535
BY_TCP = frozenset({"ups", "genset", *SOCKETS})


class Try(NamedTuple):
    """What else there is to choose, and how to see it work with a program that is not ours."""

    options: Mapping[str, Mapping[str, Any]]
    """name -> value on the command line -> arguments of the device's `build`"""
    clients: str
    by_tcp: str = ""


TRIES: Mapping[str, Try] = {
    "fingerprint": Try({"model": {"r307": {}, "r503": {"rows": 192, "columns": 192}}}, "adafruit_fingerprint or pyfingerprint at {link}, 57600 baud"),
    "tablet": Try(
        {"kind": {"isdv4": {}, "evdev": {"kind": "evdev"}}},
        "inputattach --w8001 {link}, or isdv4-serial-debugger behind the shim of tests/wire/test_tablet_third_party.py",
    ),
    "genset": Try({}, "mbpoll -m rtu -b 19200 -P none -0 -a 10 -r 1024 -c 8 -1 {link}", "mbpoll -m tcp -p {port} -0 -a 10 -r 1024 -c 8 -1 {host}"),
    "ups": Try({}, "/lib/nut/nutdrv_qx -s rekam -x port={link} -x protocol=megatec -u $(id -un) -d 1", "upsc rekam@{host}:{port}"),
    "printer": Try({}, "python-escpos: Serial(devfile='{link}', baudrate=115200)"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", choices=sorted(MODULES), nargs="?", help="which one; only --list-faults may do without")
    parser.add_argument("--link", help="path of the serial port to offer, or HOST:PORT for what speaks TCP (ups, genset, camera, iris, gpio)")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="the same as --link 127.0.0.1:PORT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="switch a fault on (repeat for more)")
    parser.add_argument("--list-faults", action="store_true", help="name the faults of this device, or of all, and end")
    parser.add_argument("--model", choices=["r307", "r503"], help="fingerprint: 256x288, or 192x192 with a light ring and a serial number")
    parser.add_argument("--kind", choices=["isdv4", "evdev"], help="tablet: serial, or Linux input events in a pipe")
    parser.add_argument("--map", type=Path, metavar="FILE", help="genset: registers of this mapping file instead of GenComm's")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; 2 when the call is wrong."""
    name = arguments.device
    if arguments.list_faults:
        print("\n\n".join(map(_faults, [name] if name else sorted(MODULES))))
        return 0
    if name is None:
        print(f"rekam: say which device: {', '.join(sorted(MODULES))}.", file=sys.stderr)
        return 2
    try:
        link = _link(arguments)
        options = _options(arguments)
        world = World(arguments.seed, samples=samples_folder())
        device = build(name, world, "127.0.0.1:0" if name in SOCKETS and isinstance(link, Path) else link, arguments.fault, **options)
        asyncio.run(_serve(device, world, name, link))
        if name in SOCKETS and isinstance(link, Path):
            link.unlink(missing_ok=True)
    except (ValueError, OSError) as problem:
        print(f"rekam: {_plain(problem)}. ./rekam sim {name} --help says what there is, --list-faults explains the faults.", file=sys.stderr)
        return 2
    return 0


def _faults(name: str) -> str:
    return "\n".join([f"{name}:", *(f"  {fault:<24} {text}" for fault, text in faults_of(name).items())])


def _link(arguments: argparse.Namespace) -> Path | str:
    """Raises ValueError."""
    where = f"127.0.0.1:{arguments.tcp}" if arguments.tcp is not None else arguments.link
    if where is None:
        raise ValueError(f"say where: --link PATH{', or --tcp PORT' if arguments.device in BY_TCP else ''}")
    head, _, tail = str(where).rpartition(":")
    if not (head and tail.isdigit()):
        return _free(Path(where))
    if arguments.device not in BY_TCP:
        raise ValueError(f"a {arguments.device} speaks on a serial port: --link PATH")
    if int(tail) > LAST_PORT:
        raise ValueError(f"{tail} is no port: 0 to {LAST_PORT}")
    return str(where)


def _free(path: Path) -> Path:
    """A path that nobody's file stands at; what a simulator that was killed left there may go. Raises ValueError."""
    if path.is_symlink() and path.exists():
        raise ValueError(f"{path} is in use, it leads to {path.readlink()}: name another path, or end the other simulator and delete the link")
    if path.exists() and not path.is_fifo():
        raise ValueError(f"{path} exists already: name a path that is free")
    return path


def _plain(problem: ValueError | OSError) -> str:
    """What went wrong where, without the system's numbers."""
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror
    return str(problem)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the device's `build` takes beyond link and faults. Raises ValueError, OSError."""
    found: dict[str, Any] = {}
    for option in ("model", "kind"):
        value, known = getattr(arguments, option), TRIES.get(arguments.device, Try({}, "")).options
        if value is not None and option not in known:
            raise ValueError(f"--{option} is not for a {arguments.device}")
        found |= known[option][value] if value is not None else {}
    if arguments.map is None:
        return found
    if arguments.device != "genset":
        raise ValueError(f"--map is not for a {arguments.device}")
    return {**found, "mapped": parse(arguments.map.read_bytes())}


async def _sit(world: World) -> None:
    """Somebody who does what any of the devices may ask for: right index finger on the glass, eyes ahead, signing again and again."""
    world.desk.finger_on_sensor, world.desk.looking_at = 2, "camera"
    while True:
        world.desk.signing = True
        await world.clock.sleep_s(SIGN_EVERY_S)


def _where(device: SimDevice, name: str, link: Path | str) -> str:
    """For people; a socket's address is left in the file at `link`."""
    address = str(getattr(device, "address", link))
    if name not in SOCKETS:
        host, _, port = address.rpartition(":")
        tried = TRIES.get(name, Try({}, ""))
        clients = (tried.clients if isinstance(link, Path) else tried.by_tcp).format(link=link, host=host, port=port)
        return f"{name} at {address if isinstance(link, str) else link}; end with Ctrl-C" + (f"\ntry it with {clients}" if clients else "")
    if isinstance(link, Path):
        link.write_text(address + "\n", encoding="ascii")
    return f"{name} at {address} ({SOCKETS[name]}={address} for the stand-in in simulators/standins); end with Ctrl-C"


async def _serve(device: SimDevice, world: World, name: str, link: Path | str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await device.start()
    print(f"simulated {_where(device, name, link)}", flush=True)
    sitting = asyncio.create_task(_sit(world))
    await stop.wait()
    sitting.cancel()
    await device.stop()
