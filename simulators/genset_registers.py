"""The engine of the world as registers: DSE's GenComm pages, or whatever a mapping file says (ComAp and others). Pure."""

from collections.abc import Mapping

from pymodbus.constants import ExcCodes

from protocols import gencomm, genset_map
from protocols.genset_map import GensetMap
from simulators.power import GensetModel, PowerWorld

TRANSDUCER_FAULT = 0xFFFC
CHARGED_V, BATTERY_V = 13.8, 12.7
MAPPED_UNIT = 1
"""ComAp's usual controller address"""


def figures(genset: GensetModel) -> dict[str, float]:
    """What the engine's gauges show, by the names that both maps use."""
    return {
        "oil_kpa": genset.oil_kpa, "coolant_c": genset.coolant_c, "fuel_percent": genset.fuel_percent, "battery_v": BATTERY_V,
        "rpm": genset.rpm, "frequency_hz": genset.hz, "l1_v": genset.volts,
    }


class GencommRegisters:
    """DSE."""

    unit = gencomm.UNIT_DEFAULT
    first, count = 0x300, 0x1300
    """pages 3 to 21"""

    def image(self, genset: GensetModel) -> Mapping[int, int]:
        return register_image(genset)

    def write(self, power: PowerWorld, address: int, words: list[int]) -> ExcCodes | None:
        return control(power, words) if address == gencomm.CONTROL_ADDRESS else ExcCodes.ILLEGAL_ADDRESS


def register_image(genset: GensetModel) -> dict[int, int]:
    """Address -> register of GenComm, as the controller shows it now."""
    mode = {text: number for number, text in gencomm.MODES.items()}[genset.mode]
    values = {**figures(genset), "mode": mode, "charge_alternator_v": CHARGED_V * genset.speed, "run_time_s": genset.run_time_s, "starts": genset.starts}
    image: dict[int, int] = {768: 1, 769: 5510, 770: 0, 771: 4711}
    for name, value in values.items():
        register = gencomm.REGISTERS[name]
        image.update(enumerate(gencomm.encode(register, value), start=register.address))
    for name in ("l2_v", "l3_v"):  # single-phase set: not implemented
        image |= {gencomm.REGISTERS[name].address: 0xFFFF, gencomm.REGISTERS[name].address + 1: 0xFFFF}
    if genset.fuel_sensor_broken:
        image[gencomm.REGISTERS["fuel_percent"].address] = TRANSDUCER_FAULT
    alarms = [len(gencomm.ALARMS), *gencomm.alarm_registers(sorted(genset.alarms))]
    return image | dict(enumerate(alarms, start=gencomm.ALARM_ADDRESS))


def control(power: PowerWorld, words: list[int]) -> ExcCodes | None:
    """Obey one control key. A wrong complement is an illegal value; an unknown key is refused (exception 7)."""
    if len(words) != 2 or words[1] != words[0] ^ 0xFFFF:
        return ExcCodes.ILLEGAL_VALUE
    key = gencomm.control_key(words)
    if key in ("auto_mode", "manual_mode"):
        power.genset.mode = key.removesuffix("_mode")
    elif key not in OBEYED:
        return ExcCodes.NEGATIVE_ACKNOWLEDGE
    else:
        obey(power.genset, OBEYED[key])
    return None


OBEYED: Mapping[str | None, str] = {
    "telemetry_start": "start", "telemetry_cancel": "stop", "to_generator": "to_generator", "to_mains": "to_mains", "reset_alarms": "reset_alarms",
}


def obey(genset: GensetModel, order: str) -> None:
    """order: one of genset_map.COMMANDS."""
    if order in ("start", "stop"):
        genset.request(order == "start")
    elif order == "reset_alarms":
        genset.reset_alarms()
    else:
        genset.loaded = order == "to_generator" and genset.running


class MappedRegisters:
    """A controller whose registers stand in a mapping file."""

    unit = MAPPED_UNIT

    def __init__(self, mapped: GensetMap) -> None:
        self._map = mapped
        used = [*genset_map.blocks(mapped), (mapped.command_address, 3)]
        self.first = min(address for address, _ in used)
        self.count = max(address + count for address, count in used) - self.first
        self._answer = 0

    def image(self, genset: GensetModel) -> Mapping[int, int]:
        mapped, image = self._map, dict(enumerate(genset_map.split(self._answer), start=self._map.command_address))
        raw_mode = {name: raw for raw, name in mapped.modes.items()}
        shown: dict[str, float | None] = {**figures(genset), "run_hours": genset.run_time_s / 3600, "mode": float(raw_mode.get(genset.mode, 0))}
        if genset.fuel_sensor_broken:
            shown["fuel_percent"] = None
        for name, value in mapped.values.items():
            image.update(enumerate(genset_map.encode(name, value, shown[name]), start=value.address))
        for name, alarm in mapped.alarms.items():
            image[alarm.address] = image.get(alarm.address, 0) | int(name in genset.alarms) << alarm.bit
        return image

    def write(self, power: PowerWorld, address: int, words: list[int]) -> ExcCodes | None:
        """Argument and number in one write; what came of it is read from the argument's place."""
        if address != self._map.command_address or len(words) != 3:
            return ExcCodes.ILLEGAL_ADDRESS
        orders = {tuple(genset_map.command_words(command)): (name, command.answer) for name, command in self._map.commands.items()}
        name, self._answer = orders.get(tuple(words), ("", genset_map.INVALID))
        if name:
            obey(power.genset, name)
        return None
