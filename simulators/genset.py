"""A simulated genset controller: Modbus TCP at host:port, or Modbus RTU on a pty at a path. DSE's GenComm, or a mapping file's registers.

pymodbus frames the exchanges behind the wire, where faults act; the registers come from the engine in world.power at the moment they are
read. Not here: the engine.
"""

import asyncio
import os
import tty
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData
from pymodbus.simulator import SimDevice as ModbusDevice

from protocols.genset_map import GensetMap
from simulators.faults import PLUG_FAULTS, WIRE_FAULTS, Active, WireFaults
from simulators.genset_registers import GencommRegisters, MappedRegisters
from simulators.plug import Plug
from simulators.power import GensetModel, PowerWorld
from simulators.pty_port import PtyPort
from simulators.tcp_port import Send, TcpPort
from simulators.world import SimDevice, World, check_faults

MODEL_FAULTS: Mapping[str, str] = {
    "fail-to-start": "no crank catches; the controller raises its alarm",
    "no-voltage": "the engine runs but the alternator gives nothing",
    "low-voltage": "the alternator gives 185 V",
    "fuel-sensor-broken": "the fuel register holds the transducer-fault value",
    "no-fuel": "the tank is empty",
    "not-in-auto": "the controller stands in manual",
    "wrong-size": "each answer holds one register too few",
    "refuse": "every command is refused",
}
RESET = {"reset-middle": "the controller restarts in the middle of each answer"}
FAULTS: Mapping[str, str] = {**WIRE_FAULTS, **RESET, **MODEL_FAULTS}
IN_EACH_ANSWER = frozenset(MODEL_FAULTS) - {"refuse", "wrong-size"}

BAUD = 19200
ANSWER_BYTES = 512


class Registers(Protocol):
    """What one kind of controller shows and obeys."""

    unit: int
    first: int
    count: int

    def image(self, genset: GensetModel) -> Mapping[int, int]:
        """Address -> register now."""

    def write(self, power: PowerWorld, address: int, words: list[int]) -> ExcCodes | None:
        """Obey, or say why not."""


def build(world: World, link: Path | str, faults: Collection[str] = (), *, mapped: GensetMap | None = None) -> SimDevice:
    """host:port -> Modbus TCP; path -> RTU; mapped: the registers of a mapping file instead of GenComm's."""
    check_faults(FAULTS, faults)
    registers: Registers = GencommRegisters() if mapped is None else MappedRegisters(mapped)
    if isinstance(link, Path) or "/" in link:
        return GensetRtu(world, Path(link), faults, registers)
    return GensetTcp(world, link, faults, registers)


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


class Controller:
    """What both wires share: the world's power, the registers as pymodbus serves them, and faults."""

    port: PtyPort | TcpPort

    def __init__(self, world: World, link: Path | str, faults: Collection[str], registers: Registers) -> None:
        self._world, self._registers = world, registers
        self._active = Active(faults)
        self.played = self._active.played
        self._wire = WireFaults(world.rng(f"wire/{Path(str(link)).name}"), self._active, self.played)
        self._plug = Plug(lambda: self.port.close(), lambda: self.port.open(), world.clock, self.played)
        self._server: Any = None

    async def start(self) -> None:
        self._world.power.follow(self._world.clock)
        for name in self._active:
            apply_fault(self._world.power.genset, name, True)
        await self._serve()
        await self._plug.begin(self._active)

    async def stop(self) -> None:
        await self._plug.end()
        await self.port.close()
        await self._server.shutdown()
        await self._world.power.unfollow()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(FAULTS, [name])
        self._active.turn(name, on)
        apply_fault(self._world.power.genset, name, on)
        if name in PLUG_FAULTS:
            self._plug.act(name, on)
        else:
            self._wire.set(name, on)

    async def _serve(self) -> None:
        """Start the Modbus server behind the wire."""
        raise NotImplementedError

    def _device(self) -> ModbusDevice:
        registers = self._registers
        data = SimData(registers.first, count=registers.count, values=0, datatype=DataType.UINT16)
        return ModbusDevice(id=registers.unit, simdata=[data], action=self._action)

    async def _action(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        power = self._world.power
        if values is not None:
            return ExcCodes.NEGATIVE_ACKNOWLEDGE if self._active.acts("refuse") else self._registers.write(power, address, [int(value) for value in values])
        self.played.update(self._active & IN_EACH_ANSWER)
        for where, value in self._registers.image(power.genset).items():
            if address <= where < address + count:
                registers[where - start] = value
        return None

    def _shorten(self, sending: bool, answer: ModbusPDU) -> ModbusPDU:
        if sending and self._active.acts("wrong-size"):
            answer.registers = answer.registers[:-1]
        return answer


class GensetTcp(Controller):
    """Modbus TCP face."""

    port: TcpPort

    def __init__(self, world: World, link: str, faults: Collection[str], registers: Registers) -> None:
        super().__init__(world, link, faults, registers)
        self.port = TcpPort(link, self._relay, faults=self._wire, clock=world.clock)
        self._inner = ("127.0.0.1", 0)

    @property
    def address(self) -> str:
        return self.port.address

    async def _serve(self) -> None:
        self._server = ModbusTcpServer(self._device(), address=self._inner, trace_pdu=self._shorten)
        await self._server.serve_forever(background=True)
        self._inner = self._server.transport.sockets[0].getsockname()[:2]

    async def _relay(self, reader: asyncio.StreamReader, send: Send) -> None:
        """Between one client and the server behind the wire."""
        answers, questions = await asyncio.open_connection(*self._inner)
        asking = asyncio.create_task(_pump(reader, questions))
        try:
            while answer := await answers.read(ANSWER_BYTES):
                await send(answer)
        finally:
            asking.cancel()
            questions.close()
            await asyncio.gather(asking, questions.wait_closed(), return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(ANSWER_BYTES):
        writer.write(data)
        await writer.drain()
    writer.close()


class GensetRtu(Controller):
    """Modbus RTU face: pymodbus serves an inner pty, bytes pass between it and the wire that the client opens."""

    port: PtyPort

    def __init__(self, world: World, link: Path, faults: Collection[str], registers: Registers) -> None:
        super().__init__(world, link, faults, registers)
        self.port = PtyPort(link, self._from_client, baud=BAUD, faults=self._wire, clock=world.clock)
        self._master = self._slave = -1

    async def _serve(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._from_server)
        self._server = ModbusSerialServer(self._device(), framer=FramerType.RTU, port=os.ttyname(self._slave), baudrate=BAUD, trace_pdu=self._shorten)
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        await super().stop()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _from_client(self, data: bytes) -> None:
        os.write(self._master, data)

    def _from_server(self) -> None:
        self.port.send(os.read(self._master, ANSWER_BYTES))
