"""Simulators and drivers against what manuals and other programs say (tests/vectors/devices), each without the other."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from edge.clock import SystemClock
from edge.devices.interfaces import PrinterStatus
from edge.devices.printer import EscPosPrinter
from edge.devices.tablet import SerialTablet
from edge.errors import DeviceTimeout
from edge.links.modbus import ModbusLink, rtu_client
from protocols import gencomm, isdv4, zfm
from simulators import fingerprint, printer, ups
from simulators.pty_port import PtyPort
from simulators.world import World
from station_config.schema import Printer, Tablet
from tests.golden import Exchange, Recited, exchanges
from tests.waiting import until

ANSWER_S = 3.0


def answers(device: Any, link: Path, baud: int, found: list[Exchange]) -> list[bytes]:
    """What a simulator answers to the golden questions; a plain serial port asks them."""

    def ask() -> list[bytes]:
        with serial.Serial(str(link), baud, timeout=ANSWER_S) as port:
            port.reset_input_buffer()
            return [port.read(len(exchange.answer)) for exchange in found if port.write(exchange.sent)]

    async def both() -> list[bytes]:
        await device.start()
        try:
            await until(lambda: not device.port.pending, "what it sends when it gets power")
            return await asyncio.to_thread(ask)
        finally:
            await device.stop()

    return asyncio.run(both())


def test_the_simulated_sensor_answers_as_the_manual_says(tmp_path: Path) -> None:
    found = exchanges("zfm")
    assert answers(fingerprint.build(World(1), tmp_path / "port"), tmp_path / "port", 57_600, found) == [exchange.answer for exchange in found]


def test_the_simulated_printer_answers_as_epsons_table_says(tmp_path: Path) -> None:
    found = exchanges("escpos")
    assert answers(printer.build(World(1), tmp_path / "port"), tmp_path / "port", 115_200, found) == [exchange.answer for exchange in found]


def test_the_simulated_ups_answers_in_the_form_of_the_published_examples(tmp_path: Path) -> None:
    """Same length, same places of digits and points; only cells are told apart from blocks by the place of one point (S.SS, SS.S)."""
    found = exchanges("megatec")
    told = answers(ups.build(World(1), tmp_path / "port"), tmp_path / "port", 2400, found)  # type: ignore[arg-type]
    for exchange, answer in zip(found, told, strict=True):
        assert [len(word) for word in answer.split()] == [len(word) for word in exchange.answer.split()]
        assert _form(answer) == _form(exchange.answer)


def _form(answer: bytes) -> bytes:
    return re.sub(rb"\d", b"9", answer).replace(b" 9.99 ", b" 99.9 ")


def test_our_commands_are_those_of_the_manual_and_of_other_clients() -> None:
    sent = {exchange.sent for exchange in exchanges("zfm")}
    plain = (zfm.GEN_IMG, zfm.READ_SYS_PARA, zfm.TEMPLETE_NUM, zfm.UP_IMAGE)
    ours = {zfm.command(zfm.VFY_PWD, bytes(4)), *(zfm.command(one) for one in plain), zfm.command(zfm.LOAD_CHAR, b"\x01\x00\x01")}
    assert ours == sent


def recited(name: str, baud: int, link: Path, use: Callable[[Recited], Awaitable[None]]) -> None:
    """A driver against a device that knows the golden answers and nothing else."""

    async def run() -> None:
        device = Recited(name)
        port = PtyPort(link, lambda data: port.send(device.answer(data)), baud=baud)
        device.send = port.send
        await port.open()
        try:
            async with asyncio.timeout(20):
                await use(device)
        finally:
            await port.close()

    asyncio.run(run())


def test_the_genset_driver_asks_and_reads_as_comaps_guide_does(tmp_path: Path) -> None:
    async def use(device: Recited) -> None:
        link = ModbusLink("genset", rtu_client(str(tmp_path / "port"), 19_200), 1)
        await link.open()
        assert [await link.read(address, 1) for address in (1053, 1228)] == [[240], [200]], "24.0 V, 200 kW"
        await link.close()

    recited("comap", 19_200, tmp_path / "port", use)


def test_the_genset_driver_asks_and_starts_as_libmodbus_would(tmp_path: Path) -> None:
    async def use(device: Recited) -> None:
        link = ModbusLink("genset", rtu_client(str(tmp_path / "port"), 19_200), 10)
        for ask in (link.read(1024, 8), link.write(gencomm.CONTROL_ADDRESS, gencomm.control_words("telemetry_start"), "start")):
            await link.open()
            with pytest.raises(DeviceTimeout):  # the source prints no answers
                await ask
        assert all(exchange.sent in device.heard for exchange in exchanges("gencomm"))
        await link.close()

    recited("gencomm", 19_200, tmp_path / "port", use)


def test_the_tablet_driver_reads_what_debians_header_reads(tmp_path: Path) -> None:
    async def use(device: Recited) -> None:
        pad = SerialTablet("tablet", Tablet(port=str(tmp_path / "port"), baud=38_400), SystemClock())
        assert (await pad.open()).firmware == "1.23"
        await pad.begin()
        strokes = aiter(pad.strokes())
        first = await anext(strokes)
        assert (first.x, first.y, first.pressure, first.tip) == (24_575, 18_431, 1023, True)
        device.send(isdv4.encode_pen(isdv4.Pen(first.x, first.y, 0, tip=False)))  # the golden report leaves the pen on the pad
        await anext(strokes)
        series = await pad.finish()
        assert (series.x_max, series.y_max, series.pressure_max) == (24_576, 18_432, 1023)
        await pad.close()
        assert isdv4.START in device.heard

    recited("isdv4", 38_400, tmp_path / "port", use)


def test_the_printer_driver_reads_epsons_status(tmp_path: Path) -> None:
    async def use(device: Recited) -> None:
        slip = EscPosPrinter("printer", Printer(port=str(tmp_path / "port")), SystemClock())
        await slip.open()
        assert await slip.status() == PrinterStatus(online=True, paper_low=False, paper_out=False, cover_open=False)
        await slip.print(b"BUKTI\n")
        await slip.close()

    recited("escpos", 115_200, tmp_path / "port", use)


@pytest.mark.parametrize("name", ["zfm", "isdv4", "gencomm", "comap", "megatec", "escpos"])
def test_each_file_says_what_its_bytes_are(name: str) -> None:
    assert all(exchange.about and exchange.sent for exchange in exchanges(name))
