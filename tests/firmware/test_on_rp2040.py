"""The firmware on an emulated RP2040 under real MicroPython: installed by `./rekam flash`, spoken to over its UART, watched at its pins.

`./rekam pico` provides chip and image. The chip's time runs 5 to 50 times slower than ours, so deadlines here are long; what is
asserted of pins is in the chip's own microseconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise

import pytest

import edge.devices.board
from edge.clock import SystemClock
from edge.devices.board import SerialBoard
from protocols import board_link as wire
from simulators.emulated_pico import EmulatedPico, missing
from station_config.schema import Board as Config
from tests.firmware.loader import load
from tests.waiting import until, wait_until
from tools import bench_board, flash

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()), pytest.mark.timeout(6000)]
PINS = load().hal_rp2
SLOW_S = 2_000
LIGHT = PINS.OUTPUT_PINS[wire.OUTPUTS.index("light")]
HEAP_LIMIT = 60_000
FIGURES: dict[str, int] = {}
"""of the self-check, before the board's program runs"""


def pulses_us(chip: EmulatedPico) -> list[int]:
    """How long the light was on, each time."""
    edges = [(at_us, level) for at_us, number, level in chip.history if number == LIGHT]
    return [off_us - on_us for (on_us, on), (off_us, off) in pairwise(edges) if on and not off]


def outputs(chip: EmulatedPico) -> dict[str, int]:
    return {name: chip.levels.get(number, 0) for name, number in zip(wire.OUTPUTS, PINS.OUTPUT_PINS, strict=True)}


@pytest.fixture(scope="module")
def chip() -> Iterator[EmulatedPico]:
    """With the firmware on it."""
    made = EmulatedPico()
    for number, level in PINS.INPUT_PINS:
        made.set(number, 1 - level)
    made.measure(PINS.THERMOMETER, 0.706)
    made.measure(PINS.SUPPLY, 5.0 / 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flash, "CALL_S", SLOW_S)
        patch.setattr(flash, "BACK_S", SLOW_S)
        patch.setattr(edge.devices.board, "ANSWER_S", 60.0)
        try:
            flash.stop(made.usb)
            assert flash.install(made.usb) == {}
            FIGURES.update(bench_board.on_chip(made.usb))
            flash.start(made.usb)
            yield made
        finally:
            made.close()


def run(chip: EmulatedPico, body: Callable[[SerialBoard], Awaitable[None]]) -> None:
    async def main() -> None:
        driver = SerialBoard("board", Config(port=chip.uart), SystemClock())
        try:
            await driver.open()
            await body(driver)
        finally:
            await driver.close()

    asyncio.run(main())


SAFE = dict.fromkeys(wire.OUTPUTS, 0) | {"pi_power": 1, "hub_power": 1}


def test_outputs_are_safe_once_the_chip_runs(chip: EmulatedPico) -> None:
    wait_until(lambda: outputs(chip) == SAFE, "the outputs at their start values", SLOW_S)


def test_identifies_measures_and_reads_its_contacts(chip: EmulatedPico) -> None:
    async def body(board: SerialBoard) -> None:
        status = await board.status()
        assert status.configured
        assert "task_failed" not in status.faults, "it was installed, which is no failure"
        assert status.temperature_c == pytest.approx(27, abs=1)
        assert status.supply_mv == pytest.approx(5_000, abs=20)
        assert (status.mains_ok, status.tamper) == (False, False)
        chip.set(PINS.INPUT_PINS[0][0], 0)
        async with asyncio.timeout(SLOW_S):
            while not (await board.status()).mains_ok:
                pass

    run(chip, body)


def test_a_lease_of_light_keeps_its_pulses_at_the_pin(chip: EmulatedPico) -> None:
    async def body(board: SerialBoard) -> None:
        before = len(pulses_us(chip))
        assert await board.light(250) == 250
        await until(lambda: len(pulses_us(chip)) == before + 2, "two pulses", SLOW_S)
        assert all(pulse_us == pytest.approx(19_000, abs=100) for pulse_us in pulses_us(chip)), pulses_us(chip)
        await until(lambda: outputs(chip)["light_supply"] == 0, "the lease to end", SLOW_S)

    run(chip, body)


HANG = b"""
import machine
hal = Hal()
hal.write(1, 1)
machine.disable_irq()
hal.pulse(19)
while True: pass
"""
"""for the raw REPL, behind the board's own program"""


def test_a_chip_that_hangs_under_a_pulse_goes_dark_by_itself_and_is_restarted(chip: EmulatedPico) -> None:
    """First the program is ended from outside: safe at once. Then its processor never comes back: the light's own hardware and the chip's
    watchdog are all that is left."""

    async def lamp(board: SerialBoard) -> None:
        await board.lamp("work", True, 600)
        await until(lambda: outputs(chip)["lamp_work"] == 1, "the lamp", SLOW_S)

    async def again(board: SerialBoard) -> None:
        status = await board.status()
        assert status.uptime_ms < 60_000
        assert "task_failed" in status.faults

    run(chip, lamp)
    with open(chip.usb, "wb", buffering=0) as console:
        console.write(b"\x03")
        wait_until(lambda: outputs(chip) == SAFE, "the outputs safe at once", SLOW_S)
        chip.history.clear()
        console.write(b"\x01" + HANG + b"\x04")
    wait_until(lambda: len(pulses_us(chip)) == 1, "one pulse", SLOW_S)
    assert pulses_us(chip) == [pytest.approx(19_000, abs=100)]
    assert outputs(chip)["light_supply"] == 1, "the processor still hangs"
    run(chip, again)
    assert outputs(chip)["light_supply"] == 0


@pytest.mark.usefixtures("chip")
def test_nothing_is_allocated_on_the_chip_and_the_heap_suffices() -> None:
    assert FIGURES["told"] > 0
    assert FIGURES["chip_told"] > 0, "with its own pins and wire"
    assert FIGURES["fed"] > 0
    assert FIGURES["growth"] < 512
    assert FIGURES["heap"] < HEAP_LIMIT
    assert FIGURES["free"] > 2 * FIGURES["heap"]
