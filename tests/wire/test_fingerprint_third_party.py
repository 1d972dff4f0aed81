"""The simulated sensor serves two clients that others wrote: adafruit_fingerprint and pyfingerprint, both unmodified."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import serial
from adafruit_fingerprint import Adafruit_Fingerprint
from PIL import Image
from pyfingerprint.pyfingerprint import PyFingerprint

from simulators import fingerprint
from simulators.fingerprint import FingerprintSensor
from simulators.world import World, digest
from tests.waiting import until

BAUD = 921_600


def with_sensor(tmp_path: Path, client: Callable[[World, FingerprintSensor], None], *, baud: int = BAUD, **size: int) -> World:
    """Run a blocking client in a thread beside the simulated sensor."""
    world = World(3)
    sensor = fingerprint.build(world, tmp_path / "finger0", baud=baud, **size)

    async def both() -> None:
        await sensor.start()
        try:
            await until(lambda: not sensor.port.pending, "the power-up byte to have left")
            await asyncio.to_thread(client, world, sensor)
        finally:
            await sensor.stop()

    asyncio.run(both())
    return world


def test_adafruit_enrols_searches_and_counts(tmp_path: Path) -> None:
    def client(world: World, sensor: FingerprintSensor) -> None:
        with serial.Serial(str(tmp_path / "finger0"), BAUD, timeout=3) as port:
            finger = Adafruit_Fingerprint(port)
            assert finger.get_image() == 2
            world.desk.finger_on_sensor = 2
            for slot in (1, 2):
                assert finger.get_image() == 0
                assert finger.image_2_tz(slot) == 0
            assert finger.create_model() == 0
            assert finger.store_model(7) == 0
            assert finger.count_templates() == 0
            assert finger.template_count == 1
            assert finger.finger_search() == 0
            assert finger.finger_id == 7
            assert finger.read_templates() == 0
            assert finger.templates == [7]
            finger.soft_reset()

    with_sensor(tmp_path, client)


def test_adafruit_lights_the_ring_of_an_r503_and_an_r307_has_none(tmp_path: Path) -> None:
    def client(world: World, sensor: FingerprintSensor) -> None:
        with serial.Serial(str(tmp_path / "finger0"), BAUD, timeout=3) as port:
            finger = Adafruit_Fingerprint(port)
            assert (finger.set_led(color=2, mode=3) == 0) == (sensor.columns == 192)
            assert sensor.aura == ([(3, 2)] if sensor.columns == 192 else [])

    for size in ({}, {"rows": 192, "columns": 192}):
        with_sensor(tmp_path, client, **size)


def test_adafruit_reads_the_image_that_the_world_served(tmp_path: Path) -> None:
    got: list[list[int]] = []

    def client(world: World, sensor: FingerprintSensor) -> None:
        world.desk.finger_on_sensor = 3
        with serial.Serial(str(tmp_path / "finger0"), BAUD, timeout=3) as port:
            finger = Adafruit_Fingerprint(port)
            assert finger.get_image() == 0
            got.append(finger.get_fpdata("image"))

    world = with_sensor(tmp_path, client)
    packed = np.array(got[0], np.uint8)
    pixels = np.stack([packed >> 4, packed & 15], axis=1).reshape(288, 256) * np.uint8(17)
    assert world.served.of(0) == [{"kind": "finger", "position": 3, "digests": [digest(pixels)]}]


def test_pyfingerprint_checks_every_checksum_and_downloads_the_image(tmp_path: Path) -> None:
    def client(world: World, sensor: FingerprintSensor) -> None:
        world.desk.finger_on_sensor = 7
        finger = PyFingerprint(str(tmp_path / "finger0"), 57_600)
        try:
            assert finger.verifyPassword()
            assert finger.getStorageCapacity() == 1000
            assert finger.getMaxPacketSize() == 128
            assert finger.readImage()
            finger.downloadImage(str(tmp_path / "finger.png"))
        finally:
            finger.__del__()

    world = with_sensor(tmp_path, client, baud=57_600)
    with Image.open(tmp_path / "finger.png") as picture:
        assert world.served.of(0)[0]["digests"] == [digest(np.asarray(picture))]


def test_a_client_at_the_wrong_speed_hears_nothing_it_understands(tmp_path: Path) -> None:
    def client(world: World, sensor: FingerprintSensor) -> None:
        with serial.Serial(str(tmp_path / "finger0"), 9600, timeout=0.3) as port:
            port.write(bytes.fromhex("EF01FFFFFFFF0100071300000000001B"))
            assert not port.read(12).startswith(b"\xef\x01")

    with_sensor(tmp_path, client)
