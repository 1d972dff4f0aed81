"""The simulated printer serves python-escpos, unmodified: what that library says is what lands on the paper. npos, which parses, reads the station's slips."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from escpos.printer import Dummy, Serial

from edge.enrolment.slip_printing import escpos_slip
from simulators import printer
from simulators.printer import Parser, SlipPrinter
from simulators.world import World
from tests import npos
from tests.unit.enrolment.test_slip import slip
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


def ours(document: bytes) -> list[bytes]:
    """Commands and runs of text, as the simulated printer carries them out."""
    parser = Parser()
    parser.feed(document)
    found: list[bytes] = []
    while (step := parser.step()) is not None:
        text = len(step) == 1
        if text and found and not found[-1].startswith((b"\x10", b"\x1b", b"\x1d")):
            found[-1] += step
        else:
            found.append(step)
    assert parser.unknown == []
    return found


@pytest.fixture(scope="module")
def other() -> None:
    if npos.missing():
        pytest.skip(npos.missing())


@pytest.mark.parametrize("width_mm", [58, 80])
@pytest.mark.usefixtures("other")
def test_npos_reads_the_stations_slip(width_mm: int) -> None:
    document = escpos_slip(width_mm)(slip())
    found = npos.commands(document)
    text = b"".join(part for part in found if part[0] not in b"\x1b\x1d").decode("cp1252")
    assert next(line for line in text.splitlines() if "Nama" in line).endswith("Siti Rahmawati")
    assert max(len(line) for line in text.splitlines()) <= {58: 32, 80: 48}[width_mm]
    assert b"\x1d(k" + bytes([3 + len("poso-1-000041"), 0]) + b"1P0poso-1-000041" in found
    assert found[0] == b"\x1b@"
    assert found[-1] == b"\x1dVB\x00"
    assert [part.rstrip(b"\0") for part in found] == [part.rstrip(b"\0") for part in ours(document)]


@pytest.mark.usefixtures("other")
def test_npos_and_the_simulated_printer_part_the_bytes_of_python_escpos_alike() -> None:
    writer = Dummy(profile="TM-T88III")
    writer.set(align="center", font="b", underline=1, double_height=True, invert=True, bold=True)
    writer.text("besar\n")
    writer.qr("rekam:0123", native=True, size=6)
    writer.cut(mode="PART")
    assert [part.rstrip(b"\0") for part in npos.commands(writer.output)] == [part.rstrip(b"\0") for part in ours(writer.output)]


@pytest.mark.usefixtures("other")
def test_npos_refuses_what_is_no_command() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        npos.commands(b"\x1d\x99")
