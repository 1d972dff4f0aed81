"""DSE genset controllers: GenComm over Modbus TCP or RTU; protocols.gencomm says what the registers are.

The station asks for the engine, never cranks it: `start` is "telemetry start in auto", which the controller may refuse and always
supervises. Not responsible for when to start (edge/power) nor for the two-wire contact (the board).
"""

from collections.abc import Mapping

from edge.devices.interfaces import GensetReading, Identity
from edge.links.modbus import Line, ModbusLink
from protocols import gencomm

IDENTITY_ADDRESS = 768
"""page 3: manufacturer code, model number, serial number (32 bit)"""


class GencommGenset:
    """A `Genset`."""

    def __init__(self, line: Line, unit: int = gencomm.UNIT_DEFAULT, name: str = "genset") -> None:
        self.name = name
        self._link = ModbusLink(name, line, unit)

    async def open(self) -> Identity:
        """Raises DeviceError."""
        await self._link.open()
        words = await self._link.read(IDENTITY_ADDRESS, 4)
        return Identity(maker=f"GenComm {words[0]}", model=str(words[1]), serial=str(words[2] << 16 | words[3]))

    async def health(self) -> None:
        await self._link.read(*gencomm.BLOCKS[0])

    async def close(self) -> None:
        await self._link.close()

    def wire(self) -> str:
        return self._link.wire()

    async def reading(self) -> GensetReading:
        image: dict[int, int] = {}
        for address, count in gencomm.BLOCKS:
            image.update(enumerate(await self._link.read_if_there(address, count), start=address))
        alarms = await self._link.read_if_there(gencomm.ALARM_ADDRESS, gencomm.ALARM_REGISTERS)
        return reading_of(gencomm.decode_all(image), gencomm.active_alarms(alarms[1:]))

    async def start(self) -> None:
        await self._control("telemetry_start")

    async def stop(self) -> None:
        await self._control("telemetry_cancel")

    async def transfer(self, to_genset: bool) -> None:
        await self._control("to_generator" if to_genset else "to_mains")

    async def reset(self) -> None:
        await self._control("reset_alarms")

    async def _control(self, key: str) -> None:
        await self._link.write(gencomm.CONTROL_ADDRESS, gencomm.control_words(key), key)


def reading_of(values: Mapping[str, float | None], alarms: tuple[str, ...]) -> GensetReading:
    """Decoded registers as a reading."""
    mode, run_time_s = values["mode"], values["run_time_s"]
    return GensetReading(
        mode=None if mode is None else gencomm.MODES.get(int(mode), f"mode {int(mode)}"),
        rpm=values["rpm"],
        frequency_hz=values["frequency_hz"],
        l1_v=values["l1_v"],
        fuel_percent=values["fuel_percent"],
        oil_kpa=values["oil_kpa"],
        coolant_c=values["coolant_c"],
        battery_v=values["battery_v"],
        run_hours=None if run_time_s is None else run_time_s / 3600,
        alarms=alarms,
    )
