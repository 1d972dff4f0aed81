"""Unmodified rpi-lgpio drives the world's pins through the stand-in for the C module, in a process of its own."""

import asyncio
import os
import sys
from pathlib import Path

from simulators import gpio
from simulators.world import World

STANDINS = Path(gpio.__file__).parent / "standins"
PROGRAM = """
import asyncio
from edge.devices.gpio import RpiGpio

async def main():
    pins = RpiGpio({"lamp": 17}, {"button": 5, "door": 6})
    print((await pins.open()).model)
    pins.write("lamp", True)
    print(pins.read("button"), pins.read("door"))
    await pins.close()

asyncio.run(main())
"""


def test_rpi_lgpio_works_without_a_pi() -> None:
    async def drive() -> None:
        world = World(1)
        device = gpio.build(world, "127.0.0.1:0")
        await device.start()
        device.drive(6, 0)
        environment = {**os.environ, "PYTHONPATH": f"{STANDINS}:{Path.cwd()}", "REKAM_GPIO_WORLD": device.address}
        environment |= {"RPI_LGPIO_REVISION": "c03114", "RPI_LGPIO_CHIP": "0"}
        program = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, env=environment, stdout=-1, stderr=-1)
        said, complaints = await program.communicate()
        assert said.decode().split() == ["GPIO", "False", "True"], complaints.decode()
        assert [(pin, level) for _, pin, level in device.history] == [(17, 0), (17, 1), (17, 0)]
        await device.stop()

    asyncio.run(drive())
