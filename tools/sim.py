"""`./rekam sim DEVICE`: one simulated device alone, on the wire that the real one speaks, until SIGTERM."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from simulators.registry import MODULES, build, faults_of
from simulators.world import SimDevice, World
from tools.paths import samples_folder

SIGN_EVERY_S = 5.0
SOCKETS = {"camera": "REKAM_CAMERAS", "iris": "REKAM_CAMERAS", "gpio": "REKAM_GPIO_WORLD"}
"""what a Pi reaches by a library of its own is served on a socket; its stand-in reads the address from this variable"""
EXAMPLE = "./rekam sim fingerprint --link /tmp/finger --seed 7 --fault stall"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", choices=sorted(MODULES))
    parser.add_argument("--link", help="path of the serial port to offer, or HOST:PORT for devices that speak TCP")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="serve TCP on this loopback port instead of a serial port")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="switch a fault on (repeat for more)")
    parser.add_argument("--list-faults", action="store_true", help="name the faults of this device and end")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; 2 when the call is wrong."""
    if arguments.list_faults:
        print("\n".join(f"{name:<24} {text}" for name, text in faults_of(arguments.device).items()))
        return 0
    link = _link(arguments)
    if link is None:
        print("rekam: say where: --link PATH, or --tcp PORT for ups and genset.", file=sys.stderr)
        return 2
    world = World(arguments.seed, samples=samples_folder())
    served_at = "127.0.0.1:0" if arguments.device in SOCKETS and isinstance(link, Path) else link
    try:
        device = build(arguments.device, world, served_at, arguments.fault)
    except ValueError as problem:
        print(f"rekam: {problem}. ./rekam sim {arguments.device} --list-faults explains them.", file=sys.stderr)
        return 2
    asyncio.run(_serve(device, world, arguments.device, link))
    return 0


def _link(arguments: argparse.Namespace) -> Path | str | None:
    if arguments.tcp is not None:
        return f"127.0.0.1:{arguments.tcp}"
    if arguments.link is None:
        return None
    head, _, tail = str(arguments.link).rpartition(":")
    return str(arguments.link) if head and tail.isdigit() else Path(arguments.link)


async def _sit(world: World) -> None:
    """Somebody who does what any of the devices may ask for: right index finger on the glass, eyes ahead, signing again and again."""
    world.desk.finger_on_sensor, world.desk.looking_at = 2, "camera"
    while True:
        world.desk.signing = True
        await world.clock.sleep_s(SIGN_EVERY_S)


def _where(device: SimDevice, name: str, link: Path | str) -> str:
    """For people; a socket's address is left in the file at `link`."""
    if name not in SOCKETS:
        return f"{name} at {link}"
    address = str(getattr(device, "address", link))
    if isinstance(link, Path):
        link.write_text(address + "\n", encoding="ascii")
    return f"{name} at {address} (in {SOCKETS[name]} for the stand-in)"


async def _serve(device: SimDevice, world: World, name: str, link: Path | str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await device.start()
    print(f"simulated {_where(device, name, link)}; end with Ctrl-C", flush=True)
    sitting = asyncio.create_task(_sit(world))
    await stop.wait()
    sitting.cancel()
    await device.stop()
