"""GenComm: the Modbus register map of Deep Sea Electronics genset controllers (GenComm standard, version 1.29 MF).

Register address = page * 256 + offset. Function 3 reads, function 16 writes. Values of 32 bits stand high word first. Default
unit 10, RTU 19200 8N1. Only the registers that the station needs are here. Not here: sockets, ports, CRC (pymodbus does those),
and what the numbers mean for the power plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNIT_DEFAULT = 10


@dataclass(frozen=True, slots=True)
class Register:
    """One measured value."""

    address: int
    words: int = 1
    scale: float = 1.0
    signed: bool = False


REGISTERS: Mapping[str, Register] = {
    "mode": Register(772),  # page 3 offset 4
    "oil_kpa": Register(1024),  # page 4: 0..10000 kPa
    "coolant_c": Register(1025, signed=True),  # -50..200 C
    "fuel_percent": Register(1027),  # 0..130 %
    "charge_alternator_v": Register(1028, scale=0.1),
    "battery_v": Register(1029, scale=0.1),
    "rpm": Register(1030),
    "frequency_hz": Register(1031, scale=0.1),
    "l1_v": Register(1032, words=2, scale=0.1),  # L1-N
    "l2_v": Register(1034, words=2, scale=0.1),
    "l3_v": Register(1036, words=2, scale=0.1),
    "run_time_s": Register(1798, words=2),  # page 7 offset 6; hours meter in seconds
    "starts": Register(1808, words=2),  # page 7 offset 16
}

BLOCKS: Sequence[tuple[int, int]] = ((772, 1), (1024, 14), (1798, 2), (1808, 2))
"""(first address, count) of the reads that cover REGISTERS; smaller controllers lack page 7 and refuse that block alone"""

MODES: Mapping[int, str] = {
    0: "stop",
    1: "auto",
    2: "manual",
    3: "test_on_load",
    4: "auto_manual_restore",
    5: "user_configuration",
    6: "test_off_load",
    7: "off",
}

SENTINELS = 8
"""values at the top of a register's positive range that are no readings; 16-bit unsigned: FFFF not implemented, FFFE over range, FFFD under range,
FFFC transducer fault, FFFB bad data, FFFA digital input high, FFF9 low, FFF8 reserved. Signed and 32-bit values use the same eight at the top of their own."""

CONTROL_ADDRESS = 4104
"""page 16 offset 8: key and its one's complement, in ONE function-16 write of two registers"""
KEYS: Mapping[str, int] = {
    "stop_mode": 35700,
    "auto_mode": 35701,
    "manual_mode": 35702,
    "test_on_load": 35703,
    "start": 35705,  # in manual or test mode
    "mute": 35706,
    "reset_alarms": 35707,
    "to_generator": 35708,
    "to_mains": 35709,
    "telemetry_start": 35732,  # in auto mode
    "telemetry_cancel": 35733,
}

ALARM_ADDRESS = 2048
"""page 8: number of named alarms, then four alarms a register, first alarm in the top four bits"""
ALARM_REGISTERS = 9
ALARMS: Sequence[str] = (
    "emergency_stop", "low_oil_pressure", "high_coolant_temperature", "high_oil_temperature",
    "under_speed", "over_speed", "fail_to_start", "fail_to_stop",
    "loss_of_speed_sensing", "low_voltage", "high_voltage", "low_frequency",
    "high_frequency", "high_current", "earth_fault", "reverse_power",
    "air_flap", "oil_sender_fault", "coolant_sender_fault", "oil_temperature_sender_fault",
    "fuel_sender_fault", "magnetic_pickup_fault", "loss_of_ac_speed_signal", "charge_failure",
    "low_battery_voltage", "high_battery_voltage", "low_fuel", "high_fuel",
    "generator_failed_to_close", "mains_failed_to_close", "generator_failed_to_open", "mains_failed_to_open",
)  # fmt: skip
ALARM_ACTIVE = frozenset({2, 3, 4})
"""2 warning, 3 shutdown, 4 electrical trip; 1 not active, 0 disabled, 8..10 indications, 15 not implemented"""


def control_words(key: str) -> list[int]:
    """The two registers that ask for one control function."""
    return [KEYS[key], KEYS[key] ^ 0xFFFF]


def control_key(words: Sequence[int]) -> str | None:
    """Which function two written registers ask for; None when the complement or the key is wrong."""
    if len(words) != 2 or words[1] != words[0] ^ 0xFFFF:
        return None
    return next((name for name, key in KEYS.items() if key == words[0]), None)


def decode(register: Register, words: Sequence[int]) -> float | None:
    """Value in its unit, or None where the controller says that it does not know."""
    bits = 16 * register.words
    raw = sum(word << (16 * index) for index, word in enumerate(reversed(words)))
    largest = (1 << (bits - 1 if register.signed else bits)) - 1
    if largest - SENTINELS < raw <= largest:
        return None
    if register.signed and raw > largest:
        raw -= 1 << bits
    return round(raw * register.scale, 3)


def encode(register: Register, value: float) -> list[int]:
    """Registers that hold a value, as a controller serves it."""
    raw = round(value / register.scale) & ((1 << (16 * register.words)) - 1)
    return [raw >> (16 * index) & 0xFFFF for index in reversed(range(register.words))]


def decode_all(image: Mapping[int, int]) -> dict[str, float | None]:
    """Every value of REGISTERS from address -> register; None for what was not read."""
    values: dict[str, float | None] = {}
    for name, register in REGISTERS.items():
        words = [image.get(register.address + offset) for offset in range(register.words)]
        known = [word for word in words if word is not None]
        values[name] = decode(register, known) if len(known) == register.words else None
    return values


def active_alarms(registers: Sequence[int]) -> tuple[str, ...]:
    """Names of the active alarms from the registers after the count at ALARM_ADDRESS."""
    states = [register >> shift & 0xF for register in registers for shift in (12, 8, 4, 0)]
    return tuple(name for name, state in zip(ALARMS, states, strict=False) if state in ALARM_ACTIVE)


def alarm_registers(active: Sequence[str]) -> list[int]:
    """The registers after the count, with `active` as shutdown alarms and the rest not active."""
    states = [3 if name in active else 1 for name in ALARMS]
    return [a << 12 | b << 8 | c << 4 | d for a, b, c, d in zip(*[iter(states)] * 4, strict=True)]
