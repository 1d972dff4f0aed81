"""GenComm register map against the bytes and figures of the manual (55xGenComm1_29, sections 4 and 10)."""

import pytest

from protocols import gencomm

READ_1024_OF_UNIT_10 = bytes.fromhex("0A 03 04 00 00 08 44 47")
TELEMETRY_START_OF_UNIT_10 = bytes.fromhex("0A 10 10 08 00 02 04 8B 94 74 6B 16 0A")
RUNNING = dict(enumerate([410, 82, 65535, 63, 138, 127, 1500, 500, 0, 2301], start=1024))
"""the registers of a running engine"""


def test_telemetry_start_is_the_manuals_frame() -> None:
    words = gencomm.control_words("telemetry_start")
    payload = TELEMETRY_START_OF_UNIT_10[7:11]
    assert words == [int.from_bytes(payload[:2]), int.from_bytes(payload[2:])]
    assert int.from_bytes(TELEMETRY_START_OF_UNIT_10[2:4]) == gencomm.CONTROL_ADDRESS


def test_the_instrument_block_starts_where_the_manuals_frame_reads() -> None:
    assert int.from_bytes(READ_1024_OF_UNIT_10[2:4]) == gencomm.BLOCKS[1][0]


def test_every_key_has_the_complement_of_the_manual() -> None:
    printed = {35700: 29835, 35701: 29834, 35702: 29833, 35703: 29832, 35705: 29830, 35732: 29803, 35733: 29802}
    for key, complement in printed.items():
        name = gencomm.control_key([key, complement])
        assert name is not None
        assert gencomm.control_words(name) == [key, complement]


@pytest.mark.parametrize("words", [[35732, 29802], [35732], [1, 65534], []])
def test_a_wrong_complement_or_key_is_no_command(words: list[int]) -> None:
    assert gencomm.control_key(words) is None


def test_a_running_engine_reads_in_plain_units() -> None:
    values = gencomm.decode_all(RUNNING)
    assert (values["oil_kpa"], values["coolant_c"], values["fuel_percent"]) == (410, 82, 63)
    assert (values["charge_alternator_v"], values["battery_v"], values["rpm"], values["frequency_hz"]) == (13.8, 12.7, 1500, 50.0)
    assert values["l1_v"] == 230.1
    assert values["l2_v"] is None, "not read is unknown"


@pytest.mark.parametrize("sentinel", range(0xFFF8, 0x10000))
def test_a_sentinel_is_unknown_never_65532_kpa(sentinel: int) -> None:
    assert gencomm.decode_all({1024: sentinel})["oil_kpa"] is None


@pytest.mark.parametrize(("word", "celsius"), [(65531, -5), (0, 0), (0x7FF7, 32759), (0x7FFC, None), (0x7FFF, None)])
def test_signed_values_and_their_sentinels(word: int, celsius: float | None) -> None:
    assert gencomm.decode_all({1025: word})["coolant_c"] == celsius


def test_a_32_bit_sentinel_is_unknown() -> None:
    assert gencomm.decode_all({1032: 0xFFFF, 1033: 0xFFFF})["l1_v"] is None


@pytest.mark.parametrize(("name", "value"), [("coolant_c", -5.0), ("l1_v", 6553.7), ("run_time_s", 70_000.0), ("frequency_hz", 49.8)])
def test_encode_is_the_way_back(name: str, value: float) -> None:
    register = gencomm.REGISTERS[name]
    assert gencomm.decode(register, gencomm.encode(register, value)) == value


def test_alarms_sit_four_to_a_register_first_on_top() -> None:
    assert gencomm.active_alarms([0x1311, 0x113F, 0x1111]) == ("low_oil_pressure", "fail_to_start")
    registers = gencomm.alarm_registers(["low_fuel"])
    assert gencomm.active_alarms(registers) == ("low_fuel",)
    assert len(registers) == 8
