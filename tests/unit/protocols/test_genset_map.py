"""Mapping files of genset controllers, against the exchanges printed in ComAp's InteliLite 9 Global Guide, "MODBUS examples"."""

from pathlib import Path

import pytest

import station_config
from protocols import genset_map
from protocols.genset_map import Value, blocks, decode, encode, parse

COMAP = (Path(station_config.__file__).parent / "gensets" / "comap-intelilite.toml").read_bytes()
BATTERY_ANSWER = bytes.fromhex("01030200F0B800")
"""function 3, two bytes of data: register 01053 BatteryVoltage, Dec 1, which the guide reads as 24.0 V"""
POWER_ANSWER = bytes.fromhex("01030200C8B9D2")
"""register 01228 Nominal Power, Dec 0: 200 kW"""


def words(answer: bytes) -> list[int]:
    return [int.from_bytes(answer[at : at + 2], "big") for at in range(3, 3 + answer[2], 2)]


def test_the_guides_battery_voltage_is_24_volts() -> None:
    value = parse(COMAP).values["battery_v"]
    assert value.address == 0x041D, "as asked for in the guide's request 01 03 04 1D 00 01 15 3C"
    assert decode("battery_v", value, dict(enumerate(words(BATTERY_ANSWER), start=value.address))) == 24.0
    assert decode("rpm", Value(address=1228, unit="rpm"), {1228: words(POWER_ANSWER)[0]}) == 200


def test_figures_go_there_and_back_in_our_units() -> None:
    found = parse(COMAP)
    for name, figure in (("oil_kpa", 410.0), ("coolant_c", -12.0), ("frequency_hz", 49.8), ("run_hours", 70_000.0), ("fuel_percent", None)):
        value = found.values[name]
        image = dict(enumerate(encode(name, value, figure), start=value.address))
        assert decode(name, value, image) == figure
    assert encode("oil_kpa", found.values["oil_kpa"], 410.0) == [41], "4.1 bar"
    assert encode("coolant_c", found.values["coolant_c"], -12.0) == [0xFFF4]


def test_reads_touch_mapped_registers_only() -> None:
    assert blocks(parse(COMAP)) == [(1008, 3), (1053, 4), (1180, 2), (1240, 1), (1300, 1)]


def test_a_start_is_three_registers_in_one_write() -> None:
    assert genset_map.command_words(parse(COMAP).commands["start"]) == [0x01FE, 0x0000, 1]


@pytest.mark.parametrize(("change", "told"), [
    ((b"scale = 0.1, signed = true, unknown = [0x8000] }\noil", b"scal = 0.1 }\noil"), "scal"),
    ((b'battery_v = { address = 1053, unit = "V"', b'battery_v = { address = 1053, unit = "mV"'), "values.battery_v.unit: 'mV'"),
    ((b"rpm = { address = 1008", b"rmp = { address = 1008"), "values.rmp: unknown"),
    ((b"l1_v = { address = 1010", b"l1_v = { address = 70000"), "values"),
    ((b"l1_v = { address", b"# l1_v = { address"), "values.l1_v: missing"),
    ((b"stop = {", b"halt = {"), "commands.halt: unknown"),
    ((b'2 = "auto"', b'aut = "auto"'), "modes.aut: not a number"),
    ((b"[values]", b"[values"), "Expected ']'"),
])
def test_a_mistake_is_named_with_its_key(change: tuple[bytes, bytes], told: str) -> None:
    assert change[0] in COMAP
    with pytest.raises(ValueError, match=told.replace("[", r"\[")):
        parse(COMAP.replace(*change))
