"""Genset controller by Modbus, TCP or RTU: pymodbus carries the frames, protocols.gencomm says what the registers are.

The station asks for the engine, never cranks it: `start` is "telemetry start in auto", which the controller may refuse and always
supervises. Not responsible for when to start (edge/power) nor for the two-wire contact (the board).
"""

from collections.abc import Callable, Mapping

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from edge.devices.interfaces import GensetReading, Identity
from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceRefused, DeviceTimeout
from protocols import gencomm

DEADLINE_S = 1.0
"""a controller answers within 100 ms; radio modems need a few hundred more"""
IDENTITY_ADDRESS = 768
"""page 3: manufacturer code, model number, serial number (32 bit)"""

Client = AsyncModbusTcpClient | AsyncModbusSerialClient


def tcp_client(host: str, port: int) -> Client:
    """Modbus TCP; reconnecting stays with the caller."""
    return AsyncModbusTcpClient(host, port=port, timeout=DEADLINE_S, retries=1, reconnect_delay=0)


def rtu_client(port: str, baud: int) -> Client:
    """Modbus RTU, 8N1."""
    return AsyncModbusSerialClient(port, baudrate=baud, timeout=DEADLINE_S, retries=1, reconnect_delay=0)


class GencommGenset:
    """A `Genset`."""

    def __init__(self, connect: Callable[[], Client], unit: int = gencomm.UNIT_DEFAULT, name: str = "genset") -> None:
        """connect: makes a client that is not yet connected (`tcp_client`, `rtu_client`)."""
        self.name = name
        self._connect = connect
        self._unit = unit
        self._client: Client | None = None

    async def open(self) -> Identity:
        await self.close()
        self._client = self._connect()
        if not await self._client.connect():
            await self.close()
            raise DeviceAbsent("genset_absent", self.name, "the controller's port cannot be reached", "Check its cable and supply.")
        words = await self._read(IDENTITY_ADDRESS, 4)
        return Identity(maker=f"GenComm {words[0]}", model=str(words[1]), serial=str(words[2] << 16 | words[3]))

    async def health(self) -> None:
        await self._read(*gencomm.BLOCKS[0])

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def reading(self) -> GensetReading:
        image: dict[int, int] = {}
        for address, count in gencomm.BLOCKS:
            image.update(enumerate(await self._read_if_there(address, count), start=address))
        alarms = await self._read_if_there(gencomm.ALARM_ADDRESS, gencomm.ALARM_REGISTERS)
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
        client = self._need()
        answer = await self._exchange(client.write_registers(gencomm.CONTROL_ADDRESS, gencomm.control_words(key), device_id=self._unit))
        if answer.isError():
            what = f"the controller refuses {key} (exception {answer.exception_code})"
            raise DeviceRefused("genset_refused", self.name, what, "Set the controller to AUTO and look at its alarms.")

    async def _read_if_there(self, address: int, count: int) -> list[int]:
        """Empty where the controller does not have that page."""
        answer = await self._exchange(self._need().read_holding_registers(address, count=count, device_id=self._unit))
        return [] if answer.isError() else self._whole(answer, count)

    async def _read(self, address: int, count: int) -> list[int]:
        words = await self._read_if_there(address, count)
        if not words:
            raise DeviceRefused("genset_refused", self.name, f"the controller refuses register {address}", "Check that it speaks GenComm.")
        return words

    def _whole(self, answer: ModbusPDU, count: int) -> list[int]:
        if len(answer.registers) != count:
            raise DeviceProtocolError("genset_garbage", self.name, f"{len(answer.registers)} registers came instead of {count}", "Check cable and baud rate.")
        return list(answer.registers)

    def _need(self) -> Client:
        if self._client is None:
            raise DeviceAbsent("genset_absent", self.name, "no connection to the controller", "It is opened again by itself.")
        return self._client

    async def _exchange(self, request: object) -> ModbusPDU:
        try:
            answer: ModbusPDU = await request  # type: ignore[misc]  # pymodbus types its mixin as both kinds of client
        except ModbusException as error:
            await self.close()
            raise DeviceTimeout("genset_silent", self.name, "the controller did not answer", "Check its cable, unit number and baud rate.") from error
        return answer


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
