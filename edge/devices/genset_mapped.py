"""Genset controllers by mapping file (ComAp and others): Modbus TCP or RTU; protocols.genset_map says what a file holds.

As with GenComm the station asks and the controller decides, cranks and supervises.
"""

from pathlib import Path

from edge.devices.interfaces import GensetReading, Identity
from edge.errors import DeviceProtocolError, StationError
from edge.links.modbus import Line, ModbusLink
from protocols import genset_map
from protocols.genset_map import GensetMap


def read_map(path: str) -> GensetMap:
    """Raises StationError naming file and key."""
    try:
        return genset_map.parse(Path(path or "(none is named)").read_bytes())
    except (OSError, ValueError) as error:
        what = f"`map` of [devices.genset], the mapping file {path}, cannot be used: {error}"
        raise StationError("genset_map", what, "Mend it after station_config/gensets/comap-intelilite.toml.") from error


class MappedGenset:
    """A `Genset`."""

    def __init__(self, line: Line, unit: int, mapped: GensetMap, name: str = "genset") -> None:
        self.name = name
        self._map = mapped
        self._blocks = genset_map.blocks(mapped)
        self._link = ModbusLink(name, line, unit)

    async def open(self) -> Identity:
        """Raises DeviceError; DeviceRefused when a mapped register is not there: the file belongs to another configuration."""
        await self._link.open()
        await self._image()
        return Identity(maker="", model=self._map.controller)

    async def health(self) -> None:
        await self._link.read(*self._blocks[0])

    async def close(self) -> None:
        await self._link.close()

    def wire(self) -> str:
        return self._link.wire()

    async def reading(self) -> GensetReading:
        image = await self._image()
        values = {name: genset_map.decode(name, value, image) for name, value in self._map.values.items()}
        return GensetReading(
            mode=genset_map.mode(self._map, image),
            rpm=values["rpm"],
            frequency_hz=values["frequency_hz"],
            l1_v=values["l1_v"],
            fuel_percent=values.get("fuel_percent"),
            oil_kpa=values.get("oil_kpa"),
            coolant_c=values.get("coolant_c"),
            battery_v=values.get("battery_v"),
            run_hours=values.get("run_hours"),
            alarms=genset_map.active_alarms(self._map, image),
        )

    async def start(self) -> None:
        await self._command("start")

    async def stop(self) -> None:
        await self._command("stop")

    async def transfer(self, to_genset: bool) -> None:
        await self._command("to_generator" if to_genset else "to_mains")

    async def reset(self) -> None:
        await self._command("reset_alarms")

    async def _image(self) -> dict[int, int]:
        image: dict[int, int] = {}
        for address, count in self._blocks:
            image.update(enumerate(await self._link.read(address, count), start=address))
        return image

    async def _command(self, name: str) -> None:
        """Write, then read what came of it. A command that is not mapped is the controller's own business."""
        command = self._map.commands.get(name)
        if command is None:
            return
        await self._link.write(self._map.command_address, genset_map.command_words(command), name)
        answer = genset_map.joined(await self._link.read(self._map.command_address, 2))
        if answer == genset_map.REFUSED:
            raise self._link.refused(name, "answer 2", self._map.command_address)
        if answer != command.answer:
            what = f"{name} was answered with {answer:#010x} instead of {command.answer:#010x}"
            next_step = "Compare `commands` in the mapping file with the controller's guide."
            raise DeviceProtocolError("genset_garbage", self.name, what, next_step, register=self._map.command_address, answer=f"{answer:08x}")
