"""The Pico's own pins and converters, through the stand-in for `machine`: polarity, order, units."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from protocols import board_link as wire
from simulators.standins.machine import ADC, UART, WDT, Pin, mem32
from tests.firmware.loader import load


@pytest.fixture
def code() -> Iterator[SimpleNamespace]:
    yield load()
    Pin.levels.clear()
    ADC.readings.clear()
    UART.inbox.clear()
    UART.outbox.clear()
    WDT.fed = 0
    mem32.clear()


@pytest.fixture
def hal(code: SimpleNamespace) -> Any:
    return code.hal_rp2.Hal()


def test_every_pin_is_used_once(code: SimpleNamespace) -> None:
    pins = [number for number, _ in code.hal_rp2.INPUT_PINS] + list(code.hal_rp2.OUTPUT_PINS) + [code.hal_rp2.USB_JUMPER, 0, 1]
    assert len(pins) == len(set(pins))
    assert max(pins) <= 22, "beyond are the Pico's own and the converters"
    assert len(code.hal_rp2.INPUT_PINS) == len(wire.INPUTS)
    assert len(code.hal_rp2.OUTPUT_PINS) == len(wire.OUTPUTS)


def test_outputs_are_safe_before_anything_runs(code: SimpleNamespace) -> None:
    code.hal_rp2.safe_pins()
    safe = dict(zip(wire.OUTPUTS, (Pin.levels[number] for number in code.hal_rp2.OUTPUT_PINS), strict=True))
    assert {name for name, level in safe.items() if level} == {"pi_power", "hub_power"}


@pytest.mark.parametrize(("name", "cut_wire"), [("mains_ok", 0), ("ups_ok", 0), ("genset_running", 0), ("genset_alarm", 1), ("tamper", 1)])
def test_a_cut_wire_reads_as_the_worse_case(hal: Any, name: str, cut_wire: int) -> None:
    assert hal.read(wire.INPUTS.index(name)) == cut_wire


def test_contacts_close_to_ground(code: SimpleNamespace, hal: Any) -> None:
    Pin.levels[code.hal_rp2.INPUT_PINS[0][0]] = 0
    assert hal.read(0) == 1


@pytest.mark.parametrize(("volts", "celsius"), [(0.706, 27.0), (0.706 - 0.001721 * 40, 67.0), (0.706 + 0.001721 * 30, -3.0)])
def test_the_thermometer_after_the_datasheet(code: SimpleNamespace, hal: Any, volts: float, celsius: float) -> None:
    ADC.readings[code.hal_rp2.THERMOMETER] = round(volts / 3.3 * 65_535)
    assert hal.temperature_c10() == pytest.approx(celsius * 10, abs=7)


def test_the_supply_is_measured_behind_its_divider(code: SimpleNamespace, hal: Any) -> None:
    ADC.readings[code.hal_rp2.SUPPLY] = round(5.0 / 3 / 3.3 * 65_535)
    assert hal.supply_mv() == pytest.approx(5_000, abs=6)


def test_the_board_answers_on_the_uart_and_feeds_the_chip(code: SimpleNamespace, hal: Any) -> None:
    board = code.board.Board(hal)
    UART.inbox += wire.frame(1, 1)
    board.step()
    _, kind, body = wire.parse(bytes(UART.outbox[1:-1]))
    assert kind == wire.reply_to("identify").kind
    assert wire.reply_to("identify").read(body)["serial"] == int.from_bytes(bytes(range(1, 9)), "little")
    board._feed(300)
    assert WDT.fed == 1


def test_a_program_that_did_not_end_by_itself_has_failed(code: SimpleNamespace) -> None:
    first = code.hal_rp2.Hal()
    assert not first.failed, "the power has just come"
    again = code.hal_rp2.Hal()
    assert again.failed, "its watchdog reset the chip"
    again.ends()
    wanted = code.hal_rp2.Hal()
    assert not wanted.failed
    with pytest.raises(SystemExit):
        wanted.reset()
    assert not code.hal_rp2.Hal().failed, "a reset by command"


def test_the_light_comes_in_pulses_and_never_for_good(code: SimpleNamespace, hal: Any) -> None:
    light = code.hal_rp2.OUTPUT_PINS[0]
    with pytest.raises(ValueError, match="pulses"):
        hal.write(0, 1)
    assert Pin.levels[light] == 0
    hal.pulse(19)
    hal._light._machine.run(100)
    assert Pin.levels[light] == 1
    hal.write(0, 0)
    assert Pin.levels[light] == 0


def test_the_usb_jumper_moves_the_link(code: SimpleNamespace) -> None:
    made: list[object] = []
    code.hal_rp2.UsbLink = lambda: made.append("usb")
    Pin.levels[code.hal_rp2.USB_JUMPER] = 0
    code.hal_rp2.Hal()
    assert made == ["usb"]
