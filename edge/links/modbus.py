"""A Modbus client for drivers: pymodbus carries the frames, every exchange ends within its deadline, errors are the station's own.

pymodbus would open and close a serial port on the event loop, which a wedged adapter holds up for ever: the port is `SerialPort`'s, which does
both in a thread. Not here: what a register means, when to connect again (the driver's presence does that).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import serial
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU
from pymodbus.transport import ModbusProtocol
from pymodbus.transport.serialtransport import SerialTransport

from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceRefused, DeviceTimeout
from edge.links.serial_port import SerialPort
from edge.links.tail import WireTail

DEADLINE_S = 1.0
"""a controller answers within 100 ms; radio modems need a few hundred more"""
TRIES = 2
DEVICE = "genset"
"""nothing else of ours speaks Modbus: codes and ports are the genset's"""

Client = AsyncModbusTcpClient | AsyncModbusSerialClient
Trace = Callable[[bool, bytes], bytes]
"""sees each frame: sent by us or not, its bytes; hands them back"""
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # each failure is our error, once; a controller that is away is asked every 2 s


class Line(Protocol):
    """What the frames travel on."""

    where: str

    def client(self, trace: Trace) -> Client:
        """One that is not yet connected; it never reconnects by itself."""

    async def release(self) -> None:
        """Let go of what closing the client leaves open."""


class _TcpLine:
    def __init__(self, host: str, port: int) -> None:
        self.where = f"{host}:{port}"
        self._host, self._port = host, port

    def client(self, trace: Trace) -> Client:
        return AsyncModbusTcpClient(self._host, port=self._port, timeout=DEADLINE_S, retries=TRIES - 1, reconnect_delay=0, trace_packet=trace)

    async def release(self) -> None:
        return


class _RtuLine:
    def __init__(self, path: str, baud: int) -> None:
        self.where = path
        self._port = SerialPort(DEVICE, path, baud)

    def client(self, trace: Trace) -> Client:
        made = AsyncModbusSerialClient(
            self.where, baudrate=self._port.baud, timeout=DEADLINE_S, retries=TRIES - 1, reconnect_delay=0, trace_packet=trace
        )
        made.ctx.call_create = lambda: self._connect(made.ctx)
        return made

    async def _connect(self, protocol: ModbusProtocol) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        await self._port.open(DEADLINE_S)
        transport = _Borrowed(protocol, self._port.opened())
        transport.setup()
        return transport, protocol

    async def release(self) -> None:
        await self._port.close()


class _Borrowed(SerialTransport):
    """pymodbus's own transport on a port that is opened and closed by somebody else."""

    def __init__(self, protocol: asyncio.BaseProtocol, port: serial.Serial) -> None:
        asyncio.Transport.__init__(self)  # the one between opens a port of its own
        self.async_loop = asyncio.get_running_loop()
        self.intern_protocol, self.sync_serial = protocol, port
        self.intern_write_buffer = []
        self.poll_task = None

    def close(self, exc: Exception | None = None) -> None:
        """Stop listening; the port stays open."""
        port, self.sync_serial = self.sync_serial, None  # type: ignore[assignment]  # as pymodbus does
        if port is None or not port.is_open:
            return
        self.async_loop.remove_reader(port.fileno())
        self.async_loop.remove_writer(port.fileno())
        if exc is not None:
            self.intern_protocol.connection_lost(exc)


def tcp_client(host: str, port: int) -> Line:
    """Modbus TCP."""
    return _TcpLine(host, port)


def rtu_client(path: str, baud: int) -> Line:
    """Modbus RTU, 8N1."""
    return _RtuLine(path, baud)


class ModbusLink:
    """One unit at the end of one line."""

    def __init__(self, device: str, line: Line, unit: int) -> None:
        self._device, self._line, self._unit = device, line, unit
        self._client: Client | None = None
        self._tail = WireTail()

    def wire(self) -> str:
        """The last bytes, both ways."""
        return self._tail.text()

    def _trace(self, sending: bool, data: bytes) -> bytes:
        self._tail.add(">" if sending else "<", data)
        return data

    async def open(self) -> None:
        """Connect anew. Raises DeviceAbsent, DeviceTimeout."""
        await self.close()
        self._client = self._line.client(self._trace)
        if not await self._client.connect():
            await self.close()
            what = f"the controller cannot be reached at {self._line.where} within {DEADLINE_S:g} s"
            raise DeviceAbsent("genset_absent", self._device, what, "Check its cable and supply.", address=self._line.where, waited_s=DEADLINE_S)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
            await self._line.release()

    async def read(self, address: int, count: int) -> list[int]:
        """Raises DeviceRefused where the controller has no such register, DeviceTimeout, DeviceProtocolError."""
        words = await self.read_if_there(address, count)
        if not words:
            what, next_step = f"the controller refuses register {address}", "Check its model and its map of registers."
            raise DeviceRefused("genset_refused", self._device, what, next_step, register=address, count=count)
        return words

    async def read_if_there(self, address: int, count: int) -> list[int]:
        """Empty where the controller refuses those registers."""
        answer = await self._exchange(lambda client: client.read_holding_registers(address, count=count, device_id=self._unit), address)
        if answer.isError():
            return []
        if (got := len(answer.registers)) != count:
            what = f"{got} registers came instead of {count} from {address}"
            raise DeviceProtocolError("genset_garbage", self._device, what, "Check cable and baud rate.", register=address, count=count, got=got)
        return list(answer.registers)

    async def write(self, address: int, words: Sequence[int], what: str) -> None:
        """One function-16 write. Raises DeviceRefused naming `what`."""
        answer = await self._exchange(lambda client: client.write_registers(address, list(words), device_id=self._unit), address)
        if answer.isError():
            raise self.refused(what, f"exception {answer.exception_code}", address)

    def refused(self, what: str, why: str, address: int) -> DeviceRefused:
        """The controller will not."""
        next_step = "Look at the controller's mode (AUTO) and at its alarms."
        return DeviceRefused("genset_refused", self._device, f"the controller refuses {what} ({why})", next_step, register=address, why=why)

    async def _exchange(self, request: Callable[[Client], Awaitable[ModbusPDU]], address: int) -> ModbusPDU:
        """pymodbus raises in the call itself when the connection is gone, else while it is awaited."""
        if self._client is None:
            next_step = "It is opened again by itself."
            raise DeviceAbsent("genset_absent", self._device, "no connection to the controller", next_step, address=self._line.where)
        try:
            return await request(self._client)
        except ModbusException as error:
            await self.close()
            waited_s = TRIES * DEADLINE_S
            what = f"unit {self._unit} at {self._line.where} did not answer for register {address} within {waited_s:g} s"
            next_step, known = "Check its cable, unit number and baud rate.", {"unit": self._unit, "register": address, "waited_s": waited_s}
            raise DeviceTimeout("genset_silent", self._device, what, next_step, **known) from error
