"""The simulated printer serves python-escpos, unmodified: what that library says is what lands on the paper."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from escpos.printer import Dummy, Serial

from simulators import printer
from simulators.printer import Parser, SlipPrinter
from simulators.world import World
from tests.waiting import wait_until


def with_printer(tmp_path: Path, client: Callable[[SlipPrinter], None]) -> None:
    """Run a blocking client in a thread beside the simulated printer."""

    async def both() -> None:
        device = printer.build(World(1), tmp_path / "printer0")
        await device.start()
        try:
            await asyncio.to_thread(client, device)
        finally:
            await device.stop()

    asyncio.run(both())


def test_python_escpos_prints_a_slip_with_a_code(tmp_path: Path) -> None:
    def client(device: SlipPrinter) -> None:
        port = Serial(devfile=str(tmp_path / "printer0"), baudrate=115_200, timeout=1, dsrdtr=False, profile="TM-T88III")
        try:
            port.set(bold=True)
            port.text("BUKTI PEREKAMAN\n")
            port.set(bold=False)
            port.text("Antrean 12\n")
            port.qr("rekam:0123", native=True, size=6)
            port.cut()
            wait_until(lambda: device.slips, "the slip")
        finally:
            port.close()
        slip = device.slips[0]
        assert slip.lines[:2] == ["BUKTI PEREKAMAN", "Antrean 12"]
        assert slip.bold[0] == "BUKTI PEREKAMAN"
        assert "Antrean 12" not in slip.bold
        assert slip.qr == ["rekam:0123"]
        assert device.parser.unknown == []

    with_printer(tmp_path, client)


def test_python_escpos_reads_the_status(tmp_path: Path) -> None:
    def client(device: SlipPrinter) -> None:
        port = Serial(devfile=str(tmp_path / "printer0"), baudrate=115_200, timeout=1, dsrdtr=False)
        try:
            assert port.is_online()
            assert port.paper_status() == 2
            device.active.add("paper-out")
            assert port.paper_status() == 0
            assert not port.is_online()
        finally:
            port.close()

    with_printer(tmp_path, client)


def test_parser_reads_past_every_text_style_of_python_escpos() -> None:
    other = Dummy(profile="TM-T88III")
    other.set(align="center", font="b", underline=1, double_height=True, invert=True)
    other.text("besar\n")
    other.cut(mode="PART")
    parser = Parser()
    parser.feed(other.output)
    while parser.step() is not None:
        pass
    assert parser.slips[0].lines[0] == "besar"
    assert parser.unknown == []
