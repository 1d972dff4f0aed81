"""The serial port against a pseudo-terminal: answers, silence, unplugging, blocking libraries."""

import asyncio
import fcntl
import os
import pty
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from edge.errors import DeviceAbsent, DeviceTimeout
from edge.links.serial_port import SerialPort
from edge.links.tail import WireTail
from tests.waiting import until


class Line:
    """A pty pair: the test plays the device on `device_end`."""

    def __init__(self) -> None:
        self.device_end, self._host_end = pty.openpty()
        tty.setraw(self._host_end)
        self.path = os.ttyname(self._host_end)

    def waiting(self) -> int:
        """Bytes on their way to the host; the kernel hands them over a moment after the write."""
        return int.from_bytes(fcntl.ioctl(self._host_end, termios.FIONREAD, bytes(4)), sys.byteorder)

    def unplug(self) -> None:
        for end in (self.device_end, self._host_end):
            if end >= 0:
                os.close(end)
        self.device_end = self._host_end = -1


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.unplug()


def run(path: str, body) -> None:
    async def main() -> None:
        port = SerialPort("sensor", path, 57600)
        await port.open()
        try:
            await body(port)
        finally:
            await port.close()

    asyncio.run(main())


def test_exchange_collects_a_split_answer_and_drops_stale_input(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        os.write(line.device_end, b"stale")
        await until(lambda: line.waiting() == 5, "the kernel to hand the stale bytes over")
        asyncio.get_running_loop().add_reader(line.device_end, answer)
        assert await port.exchange(b"ask", lambda got: bytes(got) if got.endswith(b"!") else None, 5) == b"yes!"
        asyncio.get_running_loop().remove_reader(line.device_end)

    def answer() -> None:
        assert os.read(line.device_end, 100) == b"ask"
        os.write(line.device_end, b"ye")
        asyncio.get_running_loop().call_later(0.02, os.write, line.device_end, b"s!")

    run(line.path, body)


def test_silence_ends_at_the_deadline_with_the_last_bytes(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        with pytest.raises(DeviceTimeout) as caught:
            await port.exchange(b"\x01\x02", lambda got: None, 0.05)
        assert caught.value.code == "device_silent"
        assert caught.value.values["waited_s"] == 0.05
        assert port.tail.text() == "> 0102"
        assert caught.value.device == "sensor"

    run(line.path, body)


def test_a_line_that_takes_no_more_ends_at_the_deadline(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        with pytest.raises(DeviceTimeout):
            await port.write(bytes(200_000), 0.1)

    run(line.path, body)


def test_unplugging_wakes_the_reader_with_absent(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        asyncio.get_running_loop().call_later(0.02, line.unplug)
        with pytest.raises(DeviceAbsent) as caught:
            await port.read(5)
        assert caught.value.code == "port_absent"
        with pytest.raises(DeviceAbsent):
            await port.write(b"x")
        with pytest.raises(DeviceAbsent):
            port.drop_input()

    run(line.path, body)


def test_closing_wakes_the_reader(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        reading = asyncio.create_task(port.read(5))
        asyncio.get_running_loop().call_later(0.02, lambda: asyncio.ensure_future(port.close()))
        with pytest.raises(DeviceAbsent):
            await reading

    run(line.path, body)


def test_missing_port_says_so_and_opens_later(tmp_path: Path, line: Line) -> None:
    async def main() -> None:
        link = tmp_path / "sensor"
        port = SerialPort("sensor", str(link), 57600)
        with pytest.raises(DeviceAbsent) as caught:
            await port.open()
        assert str(link) in str(caught.value)
        link.symlink_to(line.path)
        await port.open()
        await port.open()
        os.write(line.device_end, b"here")
        assert await port.read_exactly(4, 5) == b"here"
        await port.close()

    asyncio.run(main())


def test_a_port_in_use_is_told_from_an_absent_one(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        second = SerialPort("other", line.path, 57600)
        with pytest.raises(DeviceAbsent) as caught:
            await second.open()
        assert caught.value.code == "port_busy"

    run(line.path, body)


def test_a_blocking_library_reads_and_writes_in_a_thread(line: Line) -> None:
    def library(uart: serial.Serial) -> bytes:
        uart.write(b"cmd")
        return bytes(uart.read(3))

    async def body(port: SerialPort) -> None:
        os.write(line.device_end, b"ack")
        assert await port.in_thread(library, 5) == b"ack"
        assert os.read(line.device_end, 10) == b"cmd"
        assert port.tail.text() == "> 636d64 < 61636b"

    run(line.path, body)


def test_a_hung_library_is_abandoned_and_the_port_reopens(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        with pytest.raises(DeviceTimeout):
            await port.in_thread(lambda uart: uart.read(1), 0.05, read_timeout_s=60)
        assert not port.is_open
        await port.open()
        os.write(line.device_end, b"k")
        assert await port.read(5) == b"k"

    run(line.path, body)


def test_a_library_on_an_unplugged_port_gets_absent(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        line.unplug()
        with pytest.raises(DeviceAbsent):
            await port.in_thread(lambda uart: uart.read(1), 5)

    run(line.path, body)


def test_baud_can_be_changed_while_open(line: Line) -> None:
    async def body(port: SerialPort) -> None:
        await port.set_baud(115200)
        assert termios.tcgetattr(line.device_end)[4] == termios.B115200

    run(line.path, body)


def test_an_adapter_that_hangs_when_its_speed_is_set_holds_up_nobody(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A USB adapter is told its speed by a message that the kernel waits for, up to 5 s."""
    let_go = threading.Event()

    async def body(port: SerialPort) -> None:
        tcsetattr = termios.tcsetattr
        monkeypatch.setattr(termios, "tcsetattr", lambda *words: (let_go.wait(30), tcsetattr(*words)))
        with pytest.raises(DeviceTimeout) as caught:
            await port.set_baud(115_200, 0.05)
        assert (caught.value.code, caught.value.values["waited_s"], port.is_open) == ("device_silent", 0.05, False)
        let_go.set()
        monkeypatch.undo()
        await port.open()
        assert port.is_open

    try:
        run(line.path, body)
    finally:
        let_go.set()


def test_tail_is_bounded_and_joins_neighbours() -> None:
    tail = WireTail(limit=4)
    tail.add(">", b"\x01")
    tail.add(">", b"\x02\x03")
    assert tail.text() == "> 010203"
    tail.add("<", b"\x04\x05")
    assert tail.text() == "> 0203 < 0405"
    tail.add("<", bytes(100))
    assert tail.text() == "< 00000000"


def test_private_bytes_are_counted_and_never_kept() -> None:
    tail = WireTail(limit=8)
    tail.add(">", b"\x0a")
    tail.private = "<"
    tail.add("<", b"\x77" * 3)
    tail.add("<", b"\x77" * 4)
    tail.private = ""
    tail.add("<", b"\x07")
    assert tail.text() == "> 0a < (7 bytes) 07"


def test_what_is_known_to_hold_nothing_of_a_person_is_shown_among_what_is_counted() -> None:
    tail = WireTail()
    tail.private = "<"
    tail.add(">", b"\x01")
    tail.add("<", b"\x77\x07")
    tail.show("<", b"\x07")
    tail.add("<", b"\x77")
    assert tail.text() == "> 01 < (1 bytes) 07 (1 bytes)"
    tail.add("<", b"\x08")
    tail.show("<", b"\x08")
    assert tail.text() == "> 01 < (1 bytes) 07 (1 bytes) 08"
