"""A simulated fingerprint sensor in a process of its own, a finger always on it: `python -m tools.bench_capture_sensor LINK`, until SIGTERM.

Alone, so that the benchmark's CPU figures are the driver's.
"""

import asyncio
import signal
import sys
from pathlib import Path

from simulators import fingerprint
from simulators.world import World
from tools.paths import samples_folder


async def serve(link: Path) -> None:
    world = World(1, people=1, samples=samples_folder())
    world.desk.finger_on_sensor = 2
    world.images.finger(world.people[0], 2)
    sensor = fingerprint.build(world, link)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await sensor.start()
    await stop.wait()
    await sensor.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
