"""`./rekam world FOLDER`: the whole simulated world on real wires, for a station that you run yourself."""

import argparse
import asyncio
import signal
from pathlib import Path

from simulators.bench import serve
from simulators.world import World
from tools.paths import samples_folder

EXAMPLE = "./rekam world /tmp/world --people 5 --seed 11"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="serial ports appear in FOLDER/dev, addresses in FOLDER/bench.json")
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_serve(arguments))
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    world = World(arguments.seed, arguments.people, samples_folder())
    print(f"the world is at {arguments.folder}; end with Ctrl-C", flush=True)
    await serve(world, arguments.folder, stop)
