"""A Modbus line on a serial port that hangs: the event loop goes on, and a port that opens late is let go."""

import asyncio
import os
import pty
import threading

import pytest
import serial

from edge.errors import DeviceAbsent, DeviceTimeout
from edge.links import modbus
from edge.links.modbus import ModbusLink, rtu_client, tcp_client
from edge.links.serial_port import TracedSerial
from edge.links.worker import LeftBehind
from tests.waiting import until


class Hangs(TracedSerial):
    """A wedged USB adapter: open() and close() wait until it is let go."""

    let_go = threading.Event()
    stuck = 0

    def open(self) -> None:
        if not Hangs.let_go.is_set():
            Hangs.stuck += 1
        Hangs.let_go.wait(30)
        super().open()


@pytest.fixture
def line() -> tuple[int, str]:
    device_end, host_end = pty.openpty()
    yield device_end, os.ttyname(host_end)
    os.close(device_end)
    os.close(host_end)


class Ticks:
    """Counts turns of the event loop: one that is held up does not count."""

    def __init__(self) -> None:
        self.count = 0
        self._on = True
        asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        self.count += 1
        if self._on:
            asyncio.get_running_loop().call_later(0.005, self._tick)

    def stop(self) -> None:
        self._on = False


def test_a_port_that_hangs_in_open_holds_up_nobody_and_is_let_go_when_it_opens_late(line: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.links.serial_port.TracedSerial", Hangs)
    monkeypatch.setattr(modbus, "DEADLINE_S", 0.3)
    Hangs.let_go, Hangs.stuck = threading.Event(), 0

    async def run() -> None:
        link = ModbusLink("genset", rtu_client(line[1], 19_200), 1)
        ticks, hung = Ticks(), LeftBehind()
        with pytest.raises((DeviceAbsent, DeviceTimeout)) as caught:
            await asyncio.get_running_loop().create_task(link.open(), context=hung.claim())
        assert caught.value.values["waited_s"] == 0.3
        assert (Hangs.stuck, hung.count) == (1, 1)
        assert ticks.count > 10, "the loop went on"
        ticks.stop()
        Hangs.let_go.set()
        await until(lambda: hung.count == 0, "the late port to be let go")
        await link.open()
        await link.close()
        assert _free(line[1])

    asyncio.run(run())


def _free(path: str) -> bool:
    """Nobody holds the port."""
    try:
        serial.Serial(path, exclusive=True).close()
    except serial.SerialException:
        return False
    return True


def test_a_port_that_hangs_in_close_holds_up_nobody(line: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr("edge.links.serial_port.CLOSE_S", 0.2)

    async def run() -> None:
        link = ModbusLink("genset", rtu_client(line[1], 19_200), 1)
        await link.open()
        monkeypatch.setattr(TracedSerial, "close", lambda self: let_go.wait(30))
        ticks = Ticks()
        await link.close()
        assert ticks.count > 10
        ticks.stop()
        let_go.set()

    asyncio.run(run())
    monkeypatch.undo()


def test_silence_tells_where_and_how_long(line: tuple[int, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(modbus, "DEADLINE_S", 0.05)

    async def run() -> None:
        link = ModbusLink("genset", rtu_client(line[1], 19_200), 7)
        await link.open()
        with pytest.raises(DeviceTimeout) as caught:
            await link.read(1024, 8)
        assert caught.value.values | {"device": "genset", "unit": 7, "register": 1024, "waited_s": 0.1} == caught.value.values
        assert link.wire().startswith("> 07030400"), "and what was asked"

    asyncio.run(run())
    assert not caplog.records, "a genset that is away for a week would fill the log"


def test_a_port_of_another_program_is_named() -> None:
    async def run() -> None:
        with pytest.raises(DeviceAbsent) as caught:
            await ModbusLink("genset", rtu_client("/dev/null/nothing", 19_200), 1).open()
        assert (caught.value.code, caught.value.values["port"]) == ("port_absent", "/dev/null/nothing")
        with pytest.raises(DeviceAbsent) as caught:
            await ModbusLink("genset", tcp_client("127.0.0.1", 1), 1).open()
        assert (caught.value.code, caught.value.values["address"]) == ("genset_absent", "127.0.0.1:1")

    asyncio.run(run())
