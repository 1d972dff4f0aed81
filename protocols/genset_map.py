"""Genset controllers whose registers the maker's tool exports for each configuration (ComAp and others): the mapping file, TOML.

    [values.NAME]    address, unit, words (1, 2), scale, signed, unknown (raw figures that mean "not known")    NAME: UNITS below
    [modes]          "raw figure" = stop | auto | manual | ...
    [alarms.NAME]    address, bit (0 lowest)
    [commands.NAME]  number, argument, answer        NAME: start, stop, to_generator, to_mains, reset_alarms

Addresses are those in the Modbus frame (0-based). A command is three registers in one function-16 write at `command_address`: argument high
word, low word, number; what came of it is then read from the first two. A command that is left out is the controller's own business.
Not here: sockets, CRC (pymodbus), what the figures mean for the power plan.
"""

import tomllib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Address = Annotated[int, Meta(ge=0, le=0xFFFF)]
Word = Annotated[int, Meta(ge=0, le=0xFFFF)]
Long = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]

UNITS: Mapping[str, Mapping[str, float]] = {
    "mode": {"": 1.0},
    "rpm": {"rpm": 1.0},
    "frequency_hz": {"Hz": 1.0},
    "l1_v": {"V": 1.0},
    "battery_v": {"V": 1.0},
    "fuel_percent": {"%": 1.0},
    "oil_kpa": {"kPa": 1.0, "bar": 100.0, "psi": 6.894757},
    "coolant_c": {"C": 1.0},
    "run_hours": {"h": 1.0, "min": 1 / 60, "s": 1 / 3600},
}
"""value -> the units it may be mapped in, and what one of them is in ours"""
REQUIRED = ("rpm", "frequency_hz", "l1_v")
COMMANDS = ("start", "stop", "to_generator", "to_mains", "reset_alarms")
INVALID, REFUSED = 1, 2
"""answers to a command that was not obeyed (InteliLite Global Guide)"""
BLOCK_MAX = 100


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """Where one figure stands."""

    address: Address
    unit: str = ""
    words: Annotated[int, Meta(ge=1, le=2)] = 1
    """two: high word first"""
    scale: Annotated[float, Meta(gt=0)] = 1.0
    signed: bool = False
    unknown: tuple[Long, ...] = ()


class Alarm(Struct, frozen=True, forbid_unknown_fields=True):
    """One bit that says so."""

    address: Address
    bit: Annotated[int, Meta(ge=0, le=15)]


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """What to write, and what the controller answers when it obeys."""

    number: Word
    argument: Long
    answer: Long


class GensetMap(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    controller: str
    source: str
    """document, edition and export that the numbers were taken from"""
    values: dict[str, Value]
    commands: dict[str, Command]
    command_address: Address
    modes: dict[str, str] = {}
    alarms: dict[str, Alarm] = {}


def parse(data: bytes) -> GensetMap:
    """Raises ValueError: one sentence that names the key."""
    try:
        found = msgspec.convert(tomllib.loads(data.decode("utf-8")), GensetMap)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ValueError(str(error)) from error
    _check(found)
    return found


def _check(found: GensetMap) -> None:
    for name, value in found.values.items():
        if name not in UNITS:
            raise ValueError(f"values.{name}: unknown; known here: {', '.join(UNITS)}")
        if value.unit not in UNITS[name]:
            raise ValueError(f"values.{name}.unit: {value.unit!r} is none of {', '.join(map(repr, UNITS[name]))}")
    for name in found.commands:
        if name not in COMMANDS:
            raise ValueError(f"commands.{name}: unknown; known here: {', '.join(COMMANDS)}")
    missing = [f"values.{name}" for name in REQUIRED if name not in found.values]
    missing += [f"commands.{name}" for name in ("start", "stop") if name not in found.commands]
    if missing:
        raise ValueError(f"{', '.join(missing)}: missing")
    if bad := [raw for raw in found.modes if not raw.isdigit()]:
        raise ValueError(f"modes.{bad[0]}: not a number")


def blocks(found: GensetMap) -> list[tuple[int, int]]:
    """(first address, count) of the fewest reads that touch mapped registers only: a controller refuses a block with a hole in it."""
    spans = [range(value.address, value.address + value.words) for value in found.values.values()]
    used = sorted({address for span in spans for address in span} | {alarm.address for alarm in found.alarms.values()})
    starts = [used[0], *(after for before, after in pairwise(used) if after != before + 1)]
    ends = [*(before for before, after in pairwise(used) if after != before + 1), used[-1]]
    return [(at, min(BLOCK_MAX, end + 1 - at)) for start, end in zip(starts, ends, strict=True) for at in range(start, end + 1, BLOCK_MAX)]


def decode(name: str, value: Value, image: Mapping[int, int]) -> float | None:
    """In our unit; None for what was not read or is not known."""
    words = [image.get(value.address + offset) for offset in range(value.words)]
    known = [word for word in words if word is not None]
    if len(known) != value.words:
        return None
    raw = joined(known)
    if raw in value.unknown:
        return None
    if value.signed and raw >> (16 * value.words - 1):
        raw -= 1 << 16 * value.words
    return round(raw * value.scale * UNITS[name][value.unit], 3)


def encode(name: str, value: Value, figure: float | None) -> list[int]:
    """Registers as the controller serves them; None: not known, where the map has a figure for that."""
    if figure is None:
        return split((*value.unknown, 0)[0], value.words)
    raw = round(figure / value.scale / UNITS[name][value.unit])
    return split(raw & ((1 << 16 * value.words) - 1), value.words)


def mode(found: GensetMap, image: Mapping[int, int]) -> str | None:
    """Name of the controller's mode; None where it is not mapped."""
    raw = decode("mode", found.values["mode"], image) if "mode" in found.values else None
    return None if raw is None else found.modes.get(str(int(raw)), f"mode {int(raw)}")


def active_alarms(found: GensetMap, image: Mapping[int, int]) -> tuple[str, ...]:
    """Names of the alarms whose bit is set."""
    return tuple(name for name, alarm in found.alarms.items() if image.get(alarm.address, 0) >> alarm.bit & 1)


def command_words(command: Command) -> list[int]:
    """The three registers of one write."""
    return [*split(command.argument), command.number]


def split(raw: int, words: int = 2) -> list[int]:
    """High word first."""
    return [raw >> 16 * index & 0xFFFF for index in reversed(range(words))]


def joined(words: Sequence[int]) -> int:
    """Registers, high word first, as one figure."""
    return sum(word << 16 * index for index, word in enumerate(reversed(words)))
