"""Each fault of the fingerprint sensor: what the caller gets, within which time, and that the next finger is captured."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices.fingerprint import ZfmSensor
from edge.devices.interfaces import Frame
from edge.errors import DeviceError
from simulators import fingerprint
from simulators.faults import PLUG_FAULTS
from simulators.world import World, digest
from station_config.schema import Fingerprint
from tests.faults.serial_bench import Bench, GradientImages, Scene, bench
from tests.waiting import until

ROWS = COLUMNS = 96
DEADLINE_S = 12.0

ENDS: dict[str, set[str]] = {
    "drop": {"bad_answer", "device_silent"},
    "mute": {"device_silent"},
    "split": set(),
    "merge": set(),
    "corrupt": {"bad_answer", "device_silent"},
    "stray": set(),
    "stall": {"device_silent", "bad_answer"},
    "late": {"device_silent"},
    "truncate": {"device_silent", "bad_answer"},
    "unplug": {"port_absent"},
    "replug": {"port_absent"},
    "dirty-lens": set(),
    "dry-finger": set(),
    "wet-finger": set(),
    "blind": {"finger_missing"},
    "refuse": set(),
    "refuse-upload": {"image_refused"},
    "corrupt-image": {"image_damaged"},
    "drop-image": {"image_damaged"},
    "lose-packet": {"image_damaged"},
    "stall-image": {"image_stalled"},
    "wrong-size": {"image_damaged"},
    "reset-middle": {"image_refused"},
    "slow-only": set(),
}
"""fault -> codes that the capture may end with; none: it succeeds all the same"""


def played(tmp_path: Path, scene: Scene, *, fastest: int = 921_600) -> None:
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=fastest, width_px=COLUMNS, height_px=ROWS, finger_timeout_s=0.4)

    async def run() -> None:
        async with bench(
            lambda world: sensor(world, tmp_path / "finger0", fastest),
            lambda: ZfmSensor("fingerprint", config, SystemClock()),
        ) as stage:
            await scene(stage)

    asyncio.run(run())


def sensor(world: World, link: Path, baud: int) -> fingerprint.FingerprintSensor:
    """As an earlier opening left it: fast, in large packets."""
    found = fingerprint.build(world, link, baud=baud, rows=ROWS, columns=COLUMNS)
    found.packet_code = 3
    return found


async def capture(stage: Bench) -> Frame:
    frame: Frame = await stage.presence.use(lambda sensor: sensor.capture(lambda done: None), DEADLINE_S)
    return frame


def served(stage: Bench) -> str:
    return str(stage.world.served.of(0)[-1]["digests"][-1])


def test_every_fault_has_its_line() -> None:
    assert set(ENDS) == set(fingerprint.FAULTS)


@pytest.mark.parametrize("fault", ENDS)
def test_fault_ends_as_said_and_the_next_capture_works(fault: str, tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.world.desk.finger_on_sensor = 2
        stage.sim.set_fault(fault, True)
        if fault in PLUG_FAULTS:
            await until(lambda: not stage.sim.port.plugged, "the plug to be out")
        if ENDS[fault]:
            with pytest.raises(DeviceError) as caught:
                await capture(stage)
            assert caught.value.code in ENDS[fault]
        else:
            assert digest((await capture(stage)).pixels) == served(stage)
        await stage.healed(fault)
        frame = await capture(stage)
        assert digest(frame.pixels) == served(stage)
        assert frame.ppi == 508

    played(tmp_path, scene)


def test_a_damaged_image_is_fetched_again_from_the_sensors_buffer(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.world.desk.finger_on_sensor = 3
        stage.sim.set_fault("corrupt-image", True)

        def heal(done: float) -> None:
            if done > 0.8:
                stage.sim.set_fault("corrupt-image", False)

        frame: Frame = await stage.presence.use(lambda sensor: sensor.capture(heal), DEADLINE_S)
        assert digest(frame.pixels) == served(stage)
        assert stage.presence.state == "ready"

    played(tmp_path, scene)


def test_unplugged_in_the_middle_of_an_image(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.world.desk.finger_on_sensor = 3

        def pull(done: float) -> None:
            if 0.3 < done < 0.9:
                stage.sim.set_fault("unplug", True)

        with pytest.raises(DeviceError) as caught:
            await stage.presence.use(lambda sensor: sensor.capture(pull), DEADLINE_S)
        assert caught.value.code == "port_absent"
        assert caught.value.values["wire"]
        await stage.healed("unplug")
        assert digest((await capture(stage)).pixels) == served(stage)

    played(tmp_path, scene, fastest=57_600)


def test_cancelled_upload_does_not_disturb_the_next_command(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.world.desk.finger_on_sensor = 3
        begun = asyncio.Event()
        task = asyncio.create_task(stage.presence.use(lambda sensor: sensor.capture(lambda done: begun.set() if done > 0.1 else None), DEADLINE_S))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stage.world.desk.finger_on_sensor = 4
        assert digest((await capture(stage)).pixels) == served(stage)
        assert stage.presence.state == "ready"

    played(tmp_path, scene, fastest=57_600)


def test_wrong_password_keeps_the_sensor_faulted_with_its_reason(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.sim.set_fault("refuse", True)
        stage.sim.set_fault("unplug", True)
        await until(lambda: not stage.sim.port.plugged, "the plug to be out")
        with pytest.raises(DeviceError):
            await capture(stage)
        stage.sim.set_fault("unplug", False)
        await until(lambda: stage.presence.code == "sensor_locked", "the refusal")
        assert "13 (wrong password)" in str(stage.presence.error)
        await stage.healed("refuse")

    played(tmp_path, scene)


def test_sensor_that_refuses_high_speeds_stays_at_what_it_holds(tmp_path: Path) -> None:
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=921_600)

    async def run() -> None:
        async with bench(
            lambda world: fingerprint.build(world, tmp_path / "finger0", ["slow-only"]),
            lambda: ZfmSensor("fingerprint", config, SystemClock()),
        ) as stage:
            assert "baud 57600" in stage.presence.identity.firmware  # type: ignore[union-attr]

    asyncio.run(run())


def test_a_speed_whose_answers_do_not_arrive_is_taken_back(tmp_path: Path) -> None:
    """The sensor keeps its speed over a power cut: left there, nobody would hear it again."""
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=921_600)

    def on_a_long_cable(world: World) -> fingerprint.FingerprintSensor:
        found = fingerprint.build(world, tmp_path / "finger0")
        send = found.port.send
        found.port.send = lambda data, then=None: send(bytes(len(data)) if found.port.baud > 115_200 else data, then)  # type: ignore[method-assign]
        return found

    async def run() -> None:
        async with bench(on_a_long_cable, lambda: ZfmSensor("fingerprint", config, SystemClock())) as stage:
            assert "baud 115200" in stage.presence.identity.firmware  # type: ignore[union-attr]
            assert len([change for change in stage.changes if change.state == "opening"]) == 1

    asyncio.run(run())


def test_a_line_that_carries_answers_but_damages_images_is_used_at_the_configured_speed(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        send = stage.sim.port.send

        def damaging(data: bytes, then: Callable[[], None] | None = None) -> None:
            damaged = stage.sim.port.baud > 57_600 and len(data) > 100
            send(data[:50] + bytes([data[50] ^ 1]) + data[51:] if damaged else data, then)

        stage.sim.port.send = damaging
        stage.world.desk.finger_on_sensor = 3
        for _ in range(2):
            frame = await capture(stage)
            assert (digest(frame.pixels), frame.metadata["baud"]) == (served(stage), 57_600)
        assert all(change.error is None for change in stage.changes), "nobody had to be told"

    played(tmp_path, scene)


def test_a_sensor_of_another_model_is_called_that_and_not_a_damaged_cable(tmp_path: Path) -> None:
    """An R503 where an R307 was: its pictures are whole and of another size."""
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=921_600, finger_timeout_s=0.4)

    async def run() -> None:
        async with bench(
            lambda world: fingerprint.build(world, tmp_path / "finger0", baud=921_600, rows=192, columns=192),
            lambda: ZfmSensor("fingerprint", config, SystemClock()),
        ) as stage:
            stage.world.desk.finger_on_sensor = 2
            with pytest.raises(DeviceError) as caught:
                await capture(stage)
            assert caught.value.code == "sensor_other_model"
            assert "192 x 192" in caught.value.what
            assert "256 x 288" in caught.value.what

    asyncio.run(run())


def test_looks_for_a_finger_at_least_five_times_a_second(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for position in (None, 2, None, 2, None):
            stage.world.desk.finger_on_sensor = position
            assert await stage.presence.use(lambda sensor: sensor.finger_present(), 3) is (position is not None)
        assert loop.time() - began < 1.0

    played(tmp_path, scene, fastest=57_600)


def test_a_station_that_died_in_the_middle_of_an_image_finds_the_sensor_again(tmp_path: Path) -> None:
    """The sensor goes on sending to nobody, at the speed that the dead station had chosen."""
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=230_400)

    async def run() -> None:
        world = World(1)
        world.images = GradientImages()  # type: ignore[assignment]
        world.desk.finger_on_sensor = 5
        sim = fingerprint.build(world, tmp_path / "finger0")
        await sim.start()
        dead, alive = (ZfmSensor("fingerprint", config, SystemClock()) for _ in range(2))
        await dead.open()
        begun = asyncio.Event()
        task = asyncio.create_task(dead.capture(lambda done: begun.set() if done > 0.1 else None))
        await begun.wait()
        await dead.close()
        await asyncio.gather(task, return_exceptions=True)
        assert (await alive.open()).firmware.endswith("baud 230400")
        frame = await alive.capture(lambda done: None)
        assert digest(frame.pixels) == world.served.of(0)[-1]["digests"][-1]
        await alive.close()
        await sim.stop()

    asyncio.run(run())


def test_an_r503_is_small_and_square_has_a_ring_and_tells_its_serial_number(tmp_path: Path) -> None:
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=921_600, width_px=192, height_px=192, finger_timeout_s=5)

    async def run() -> None:
        async with bench(
            lambda world: fingerprint.build(world, tmp_path / "finger0", rows=192, columns=192),
            lambda: ZfmSensor("fingerprint", config, SystemClock()),
        ) as stage:
            taking = asyncio.create_task(capture(stage))
            await until(lambda: len(stage.sim.aura) == 2, "the ring to ask for the finger")
            stage.world.desk.finger_on_sensor = 1
            frame = await taking
            assert frame.pixels.shape == (192, 192)
            assert digest(frame.pixels) == served(stage)
            assert [mode for mode, _ in stage.sim.aura] == [4, 1, 3, 4], "off, breathing while it waits, steady while it reads, off"
            identity = stage.presence.identity
            assert identity is not None
            assert (identity.model, identity.serial) == ("R503", "221000004711")
            assert identity.firmware.startswith("REKAM-SIM 1.2.2, hardware 1.2, packets 256")

    asyncio.run(run())


def ringed(tmp_path: Path, scene: Scene, finger_timeout_s: float = 30) -> None:
    """An R503, which has a ring of light."""
    config = Fingerprint(port=str(tmp_path / "finger0"), fastest_baud=57_600, width_px=192, height_px=192, finger_timeout_s=finger_timeout_s)

    async def run() -> None:
        async with bench(
            lambda world: fingerprint.build(world, tmp_path / "finger0", rows=192, columns=192), lambda: ZfmSensor("fingerprint", config, SystemClock()),
        ) as stage:
            await scene(stage)

    asyncio.run(run())


OFF = 4


async def cancelled(stage: Bench, when: Callable[[], bool]) -> None:
    """A capture that somebody calls off."""
    taking = asyncio.create_task(capture(stage))
    await until(when, "the moment")
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)


def test_the_ring_of_a_cancelled_capture_goes_out(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        await cancelled(stage, lambda: len(stage.sim.aura) == 2)
        await until(lambda: stage.sim.aura[-1][0] == OFF, "the ring to go out")
        assert stage.presence.state == "ready"
        stage.world.desk.finger_on_sensor = 1
        await capture(stage)

    ringed(tmp_path, scene)


def test_the_ring_of_a_capture_that_is_cancelled_amid_its_picture_goes_out_at_the_next_look(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        begun = asyncio.Event()
        taking = asyncio.create_task(stage.presence.use(lambda sensor: sensor.capture(lambda done: begun.set()), DEADLINE_S))
        await until(lambda: len(stage.sim.aura) == 2, "the ring to ask for the finger")
        stage.world.desk.finger_on_sensor = 1
        await begun.wait()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        assert stage.sim.aura[-1][0] != OFF, "the picture is still on its way, and that takes 3 s at this speed"
        while stage.sim.aura[-1][0] != OFF:
            await stage.presence.use(lambda sensor: sensor.health(), 6)
        assert stage.presence.state == "ready"
        assert not [change for change in stage.changes if change.error]

    ringed(tmp_path, scene)


def test_a_ring_on_a_dead_port_holds_nobody_up(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        taking = asyncio.create_task(capture(stage))
        await until(lambda: len(stage.sim.aura) == 2, "the ring to ask for the finger")
        stage.sim.set_fault("mute", True)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        assert loop.time() - began_s < 4
        await stage.healed("mute")

    ringed(tmp_path, scene)


NEXT_STEPS = {
    0x07: ("finger_unclear", "Lift the finger"),
    0x13: ("sensor_locked", "another password"),
    0x18: ("command_refused", "memory is worn out"),
    0x1A: ("command_refused", "tried again by itself"),
    0x01: ("bad_answer", "Check cable"),
}


@pytest.mark.parametrize(("answer", "expected"), NEXT_STEPS.items())
def test_each_refusal_says_what_helps_against_it(answer: int, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step of a wrong password is not to lift the finger."""
    async def scene(stage: Bench) -> None:
        with pytest.raises(DeviceError) as caught:
            await stage.presence.use(refused, 3)
        assert caught.value.code == expected[0]
        assert expected[1] in caught.value.next_step
        assert (caught.value.values["instruction"], caught.value.values["answer"]) == ("Img2Tz", f"{answer:02x}")

    async def refused(sensor: ZfmSensor) -> None:
        assert sensor._library is not None
        monkeypatch.setattr(sensor._library, "image_2_tz", lambda slot: answer)
        await sensor.template()

    played(tmp_path, scene)


def test_fault_reports_never_hold_a_piece_of_a_finger(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.world.desk.finger_on_sensor = 2
        stage.sim.set_fault("corrupt-image", True)
        with pytest.raises(DeviceError) as caught:
            await capture(stage)
        wire = str(caught.value.values["wire"])
        assert "ef01ffffffff010003010005" in wire  # GenImg
        assert " bytes)" in wire
        assert "ef01ffffffff02" not in wire  # a data packet

    played(tmp_path, scene)


def test_template_comes_through_the_same_checked_reader(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.world.desk.finger_on_sensor = 2
        await capture(stage)
        template = await stage.presence.use(lambda sensor: sensor.template(), 5)
        assert len(template) == fingerprint.TEMPLATE_BYTES
        assert await stage.presence.use(lambda sensor: sensor.template(), 5) == template

    played(tmp_path, scene)
