"""Each fault of the slip printer: what the caller gets, and that the slip can be printed afterwards."""

import asyncio
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices import printer as driver
from edge.devices.interfaces import PrinterStatus
from edge.devices.printer import EscPosPrinter
from edge.errors import DeviceError
from protocols.escpos import Slip
from simulators import printer
from simulators.faults import PLUG_FAULTS
from station_config.schema import Printer
from tests.faults.serial_bench import Bench, Scene, bench
from tests.waiting import until

ENDS: dict[str, set[str]] = {
    "drop": {"device_silent"},
    "mute": {"device_silent"},
    "split": set(),
    "merge": set(),
    "corrupt": {"device_silent", "paper_out", "cover_open", "printer_offline"},
    "stray": set(),
    "stall": {"device_silent"},
    "late": {"device_silent"},
    "truncate": {"device_silent"},
    "unplug": {"port_absent"},
    "replug": {"port_absent"},
    "reset-middle": {"device_silent"},
    "paper-low": set(),
    "paper-out": {"paper_out"},
    "paper-ends": {"paper_out"},
    "cover-open": {"cover_open"},
    "offline": {"printer_offline"},
    "refuse": {"device_silent"},
    "anonymous": set(),
    "hang": {"device_silent"},
}
"""fault -> codes that printing may end with; none: it succeeds all the same (one-byte answers cannot be split)"""

SLIP = Slip(80).title("BUKTI").pair("Antrean", "7").line("Simpan bukti ini.").qr("rekam:0001").cut().document
LINES = ["BUKTI", "Antrean" + " " * 40 + "7", "Simpan bukti ini."]


def played(tmp_path: Path, scene: Scene) -> None:
    config = Printer(port=str(tmp_path / "printer0"))

    async def run() -> None:
        async with bench(lambda world: printer.build(world, tmp_path / "printer0"), lambda: EscPosPrinter("printer", config, SystemClock())) as stage:
            await scene(stage)

    asyncio.run(run())


async def print_slip(stage: Bench) -> None:
    await stage.presence.use(lambda device: device.print(SLIP), 20)


def test_a_fault_report_never_holds_the_persons_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PRINTING_S", 0.3)
    named = Slip(80).pair("Nama", "Siti Rahmawati").cut().document

    async def scene(stage: Bench) -> None:
        stage.sim.set_fault("hang", True)
        with pytest.raises(DeviceError) as caught:
            await stage.presence.use(lambda device: device.print(named), 20)
        wire = str(caught.value.values["wire"])
        assert b"Siti".hex() not in wire
        assert f"({len(named)} bytes)" in wire
        assert b"\x10\x04".hex() in wire, "what was asked of the printer is still there to see"

    played(tmp_path, scene)


def test_every_fault_has_its_line() -> None:
    assert set(ENDS) == set(printer.FAULTS)


@pytest.mark.parametrize("fault", ENDS)
def test_fault_ends_as_said_and_the_slip_comes_afterwards(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PRINTING_S", 2.0)

    async def scene(stage: Bench) -> None:
        stage.sim.set_fault(fault, True)
        if fault in PLUG_FAULTS:
            await until(lambda: not stage.sim.port.plugged, "the plug to be out")
        if ENDS[fault]:
            with pytest.raises(DeviceError) as caught:
                await print_slip(stage)
            assert caught.value.code in ENDS[fault]
        else:
            await print_slip(stage)
        await stage.healed(fault)
        await print_slip(stage)
        assert stage.sim.slips[-1].lines[:3] == LINES
        assert stage.sim.slips[-1].qr == ["rekam:0001"]

    played(tmp_path, scene)


def test_a_report_that_the_printer_sends_by_itself_is_not_taken_for_the_end_of_the_slip(tmp_path: Path) -> None:
    """Automatic status back, on in many printers by a switch (Epson, GS a): four bytes at each change."""

    async def scene(stage: Bench) -> None:
        async def report() -> None:
            await until(lambda: len(stage.sim.parser.page.lines) >= 2, "the paper to end")
            stage.sim.port.send(b"\x18\x00\x0c\x0f")

        stage.sim.set_fault("paper-ends", True)
        reporting = asyncio.create_task(report())
        with pytest.raises(DeviceError) as caught:
            await print_slip(stage)
        await reporting
        assert caught.value.code == "paper_out"
        stage.sim.set_fault("paper-ends", False)
        stage.sim.port.send(b"\x10\x00\x00\x0f")
        await print_slip(stage)
        assert stage.sim.slips[-1].lines[:3] == LINES

    played(tmp_path, scene)


def test_refusals_leave_the_printer_ready(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        stage.sim.set_fault("paper-out", True)
        with pytest.raises(DeviceError):
            await print_slip(stage)
        assert stage.presence.state == "ready"
        assert await stage.presence.use(lambda device: device.status(), 3) == PrinterStatus(online=False, paper_low=True, paper_out=True, cover_open=False)

    played(tmp_path, scene)


def test_print_ends_when_the_paper_is_out_not_when_the_bytes_are(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        await print_slip(stage)
        assert stage.sim.slips[-1].lines[:3] == LINES

    played(tmp_path, scene)


def test_identity_is_the_printers_own(tmp_path: Path) -> None:
    async def scene(stage: Bench) -> None:
        identity = stage.presence.identity
        assert identity is not None
        assert (identity.maker, identity.model, identity.serial) == ("REKAM", "SIM-80", "P0001")

    played(tmp_path, scene)
