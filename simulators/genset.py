"""A simulated genset controller that speaks GenComm: Modbus TCP at host:port, or Modbus RTU on a pty at a path.

pymodbus frames the exchanges; the registers come from the engine in world.power at the moment they are read. Not here: the engine.
"""

import asyncio
import os
import tty
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData
from pymodbus.simulator import SimDevice as ModbusDevice

from protocols import gencomm
from simulators.faults import WIRE_FAULTS, WireFaults
from simulators.power import GensetModel, PowerWorld
from simulators.pty_port import PtyPort
from simulators.world import SimDevice, World, check_faults

MODEL_FAULTS: Mapping[str, str] = {
    "fail-to-start": "no crank catches; the controller raises its alarm",
    "no-voltage": "the engine runs but the alternator gives nothing",
    "low-voltage": "the alternator gives 185 V",
    "fuel-sensor-broken": "the fuel register holds the transducer-fault value",
    "no-fuel": "the tank is empty",
    "not-in-auto": "the controller stands in manual",
}
FAULTS: Mapping[str, str] = {**MODEL_FAULTS, **WIRE_FAULTS}
"""of the wire faults the TCP face knows mute and unplug only"""

BAUD = 19200
FIRST, COUNT = 0x300, 0x1300
"""the addresses that exist: pages 3 to 21"""
TRANSDUCER_FAULT = 0xFFFC


def build(world: World, link: Path | str, faults: Collection[str] = ()) -> SimDevice:
    """host:port -> Modbus TCP; path -> RTU."""
    check_faults(FAULTS, faults)
    if isinstance(link, Path) or "/" in link:
        return GensetRtu(world, Path(link), faults)
    return GensetTcp(world, link, faults)


def apply_fault(genset: GensetModel, name: str, on: bool) -> None:
    """Put a fault of the model into the engine."""
    if name == "fail-to-start":
        genset.failures_left = 1_000_000 if on else 0
    elif name == "no-voltage":
        genset.no_voltage = on
    elif name == "low-voltage":
        genset.low_v = on
    elif name == "fuel-sensor-broken":
        genset.fuel_sensor_broken = on
    elif name == "no-fuel":
        genset.fuel_l = 0.0 if on else genset.tank_l
    elif name == "not-in-auto":
        genset.mode = "manual" if on else "auto"


def register_image(genset: GensetModel) -> dict[int, int]:
    """Address -> register, as the controller shows it now."""
    values = {
        "mode": {text: number for number, text in gencomm.MODES.items()}[genset.mode],
        "oil_kpa": genset.oil_kpa,
        "coolant_c": genset.coolant_c,
        "fuel_percent": genset.fuel_percent,
        "charge_alternator_v": 13.8 * genset.speed,
        "battery_v": 12.7,
        "rpm": genset.rpm,
        "frequency_hz": genset.hz,
        "l1_v": genset.volts,
        "run_time_s": genset.run_time_s,
        "starts": genset.starts,
    }
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
    genset, key = power.genset, gencomm.control_key(words)
    if key == "telemetry_start":
        genset.request(True)
    elif key == "telemetry_cancel":
        genset.request(False)
    elif key in ("to_generator", "to_mains"):
        genset.loaded = key == "to_generator" and genset.running
    elif key == "reset_alarms":
        genset.reset_alarms()
    elif key in ("auto_mode", "manual_mode"):
        genset.mode = key.removesuffix("_mode")
    else:
        return ExcCodes.NEGATIVE_ACKNOWLEDGE
    return None


def modbus_device(power: PowerWorld, unit: int = gencomm.UNIT_DEFAULT) -> ModbusDevice:
    """The controller as pymodbus serves it."""

    async def action(function: int, start: int, address: int, count: int, registers: list[int], values: list[int] | list[bool] | None) -> ExcCodes | None:
        if values is not None:
            return control(power, [int(value) for value in values]) if address == gencomm.CONTROL_ADDRESS else ExcCodes.ILLEGAL_ADDRESS
        for where, value in register_image(power.genset).items():
            if address <= where < address + count:
                registers[where - start] = value
        return None

    return ModbusDevice(id=unit, simdata=[SimData(FIRST, count=COUNT, values=0, datatype=DataType.UINT16)], action=action)


class Face:
    """What both wires share: the world's power, and faults."""

    def __init__(self, world: World, faults: Collection[str]) -> None:
        self._world = world
        self._active = set(faults)
        self._server: Any = None
        self._change: asyncio.Task[None] | None = None

    def _join_world(self) -> None:
        self._world.power.follow(self._world.clock)
        for name in self._active:
            apply_fault(self._world.power.genset, name, True)

    async def _leave_world(self) -> None:
        if self._change is not None:
            await self._change
        await self._world.power.unfollow()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(FAULTS, [name])
        (self._active.add if on else self._active.discard)(name)
        apply_fault(self._world.power.genset, name, on)
        if name == "unplug":
            self._change = asyncio.get_running_loop().create_task(self._plug(not on))
        else:
            self._on_wire(name, on)

    def _on_wire(self, name: str, on: bool) -> None:
        """A fault of the wire."""

    async def _plug(self, into: bool) -> None:
        raise NotImplementedError


class GensetTcp(Face):
    """Modbus TCP face."""

    def __init__(self, world: World, link: str, faults: Collection[str]) -> None:
        super().__init__(world, faults)
        host, _, port = link.rpartition(":")
        self.address = link
        self._at = (host or "127.0.0.1", int(port))

    async def start(self) -> None:
        self._join_world()
        if "unplug" not in self._active:
            await self._listen()

    async def _listen(self) -> None:
        self._server = ModbusTcpServer(modbus_device(self._world.power), address=self._at, trace_packet=self._trace)
        await self._server.serve_forever(background=True)
        self._at = self._server.transport.sockets[0].getsockname()[:2]
        self.address = f"{self._at[0]}:{self._at[1]}"

    async def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()

    async def stop(self) -> None:
        await self._leave_world()
        await self._hang_up()

    async def _plug(self, into: bool) -> None:
        await (self._listen() if into else self._hang_up())

    def _trace(self, sending: bool, data: bytes) -> bytes:
        return b"" if sending and "mute" in self._active else data


class GensetRtu(Face):
    """Modbus RTU face: pymodbus serves an inner pty, bytes pass between it and the wire that the client opens."""

    def __init__(self, world: World, link: Path, faults: Collection[str]) -> None:
        super().__init__(world, faults)
        self._wire = WireFaults(world.rng(f"wire/{link.name}"), self._active & set(WIRE_FAULTS))
        self._port = PtyPort(link, self._from_client, baud=BAUD, faults=self._wire, clock=world.clock)
        self._master = self._slave = -1

    async def start(self) -> None:
        self._join_world()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._from_server)
        self._server = ModbusSerialServer(modbus_device(self._world.power), framer=FramerType.RTU, port=os.ttyname(self._slave), baudrate=BAUD)
        await self._server.serve_forever(background=True)
        if "unplug" not in self._active:
            await self._port.open()

    async def stop(self) -> None:
        await self._leave_world()
        await self._port.close()
        await self._server.shutdown()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _on_wire(self, name: str, on: bool) -> None:
        if name in WIRE_FAULTS:
            self._wire.set(name, on)

    async def _plug(self, into: bool) -> None:
        await (self._port.replug() if into else self._port.unplug())

    def _from_client(self, data: bytes) -> None:
        os.write(self._master, data)

    def _from_server(self) -> None:
        self._port.send(os.read(self._master, 512))
