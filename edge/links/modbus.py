"""A Modbus client for drivers: pymodbus carries the frames, every exchange ends within a second, errors are the station's own.

Not here: what a register means, when to connect again (the driver's presence does that).
"""

from collections.abc import Awaitable, Callable, Sequence

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceRefused, DeviceTimeout
from edge.links.tail import WireTail

DEADLINE_S = 1.0
"""a controller answers within 100 ms; radio modems need a few hundred more"""

Client = AsyncModbusTcpClient | AsyncModbusSerialClient
Trace = Callable[[bool, bytes], bytes]
"""sees each frame: sent by us or not, its bytes; hands them back"""
Connect = Callable[[Trace], Client]


def tcp_client(host: str, port: int) -> Connect:
    """Modbus TCP; reconnecting stays with the caller."""
    return lambda trace: AsyncModbusTcpClient(host, port=port, timeout=DEADLINE_S, retries=1, reconnect_delay=0, trace_packet=trace)


def rtu_client(port: str, baud: int) -> Connect:
    """Modbus RTU, 8N1."""
    return lambda trace: AsyncModbusSerialClient(port, baudrate=baud, timeout=DEADLINE_S, retries=1, reconnect_delay=0, trace_packet=trace)


class ModbusLink:
    """One unit behind one client. The codes are the genset's: nothing else of ours speaks Modbus."""

    def __init__(self, device: str, connect: Connect, unit: int) -> None:
        """connect: makes a client that is not yet connected (`tcp_client`, `rtu_client`)."""
        self._device, self._connect, self._unit = device, connect, unit
        self._client: Client | None = None
        self._tail = WireTail()

    def _trace(self, sending: bool, data: bytes) -> bytes:
        self._tail.add(">" if sending else "<", data)
        return data

    async def open(self) -> None:
        """Connect anew. Raises DeviceAbsent."""
        await self.close()
        self._client = self._connect(self._trace)
        if not await self._client.connect():
            await self.close()
            raise DeviceAbsent("genset_absent", self._device, "the controller's port cannot be reached", "Check its cable and supply.")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def read(self, address: int, count: int) -> list[int]:
        """Raises DeviceRefused where the controller has no such register, DeviceTimeout, DeviceProtocolError."""
        words = await self.read_if_there(address, count)
        if not words:
            what = f"the controller refuses register {address}"
            raise DeviceRefused("genset_refused", self._device, what, "Check its model and its map of registers.", wire=self._tail.text())
        return words

    async def read_if_there(self, address: int, count: int) -> list[int]:
        """Empty where the controller refuses those registers."""
        answer = await self._exchange(lambda client: client.read_holding_registers(address, count=count, device_id=self._unit))
        if answer.isError():
            return []
        if len(answer.registers) != count:
            what = f"{len(answer.registers)} registers came instead of {count}"
            raise DeviceProtocolError("genset_garbage", self._device, what, "Check cable and baud rate.", wire=self._tail.text())
        return list(answer.registers)

    async def write(self, address: int, words: Sequence[int], what: str) -> None:
        """One function-16 write. Raises DeviceRefused naming `what`."""
        answer = await self._exchange(lambda client: client.write_registers(address, list(words), device_id=self._unit))
        if answer.isError():
            raise self.refused(what, f"exception {answer.exception_code}")

    def refused(self, what: str, why: str) -> DeviceRefused:
        """The controller will not."""
        next_step = "Look at the controller's mode (AUTO) and at its alarms."
        return DeviceRefused("genset_refused", self._device, f"the controller refuses {what} ({why})", next_step, wire=self._tail.text())

    async def _exchange(self, request: Callable[[Client], Awaitable[ModbusPDU]]) -> ModbusPDU:
        """pymodbus raises in the call itself when the connection is gone, else while it is awaited."""
        if self._client is None:
            raise DeviceAbsent("genset_absent", self._device, "no connection to the controller", "It is opened again by itself.")
        try:
            return await request(self._client)
        except ModbusException as error:
            await self.close()
            next_step = "Check its cable, unit number and baud rate."
            raise DeviceTimeout("genset_silent", self._device, "the controller did not answer", next_step, wire=self._tail.text()) from error
