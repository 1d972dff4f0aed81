"""A4 proof pages through the system's print command, with a small program in the place of CUPS's."""

import asyncio
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices.interfaces import PrinterStatus
from edge.devices.proof import encode_proof, render_pdf
from edge.devices.system_printer import SystemPrinter, status_of
from edge.errors import DeviceAbsent, DeviceRefused
from station_config.schema import Printer

PROOF = encode_proof("BUKTI PEREKAMAN", [("Antrean", "7"), ("Nama", "Siti (Ayu)")], ["Simpan bukti ini."], "poso-1/12")


def commands(folder: Path, lp: str, lpstat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in (("lp", lp), ("lpstat", lpstat)):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def printer() -> SystemPrinter:
    return SystemPrinter("printer", Printer(kind="system", port="kantor"), SystemClock())


def test_page_holds_every_word_and_is_the_same_each_time() -> None:
    page = render_pdf(PROOF)
    assert page.startswith(b"%PDF-")
    for text in (b"(BUKTI PEREKAMAN)", b"(Antrean)", b"(7)", rb"(Siti \(Ayu\))", b"(Simpan bukti ini.)"):
        assert text in page
    assert page == render_pdf(PROOF)


def test_page_goes_to_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands(tmp_path, f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/page.pdf', 'echo "printer kantor is idle."', monkeypatch)

    async def run() -> None:
        device = printer()
        assert (await device.open()).model == "kantor"
        assert (await device.status()).online
        await device.print(PROOF)
        await device.close()

    asyncio.run(run())
    assert (tmp_path / "arguments").read_text().split() == ["-d", "kantor", "-o", "media=A4", "-"]
    assert (tmp_path / "page.pdf").read_bytes() == render_pdf(PROOF)


def test_unknown_queue_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands(tmp_path, "true", 'echo "lpstat: Invalid destination name"; exit 1', monkeypatch)
    with pytest.raises(DeviceAbsent, match="no print queue kantor"):
        asyncio.run(printer().open())


def test_no_print_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceAbsent, match="apt-get install"):
        asyncio.run(printer().open())


def test_a_refused_job_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands(tmp_path, 'cat > /dev/null; echo "lp: queue is full"; exit 1', 'echo "printer kantor is idle."', monkeypatch)
    with pytest.raises(DeviceRefused, match="queue is full"):
        asyncio.run(printer().print(PROOF))


IDLE = "printer kantor is idle.  enabled since Sat 21 Nov 2026 08:00:00 AM UTC"


@pytest.mark.parametrize(("said", "code"), [
    (f"{IDLE}\n\tAlerts: media-empty-error", "paper_out"),
    (f"{IDLE}\n\tAlerts: media-needed media-low-warning", "paper_out"),
    (f"{IDLE}\n\tAlerts: cover-open-error", "cover_open"),
    (f"{IDLE}\n\tAlerts: offline-report", "printer_offline"),
    ("printer kantor disabled since Sat 21 Nov 2026 08:00:00 AM UTC -\n\tPaused", "printer_offline"),
])
def test_what_keeps_it_from_printing_is_told_and_nothing_is_queued(said: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "said").write_text(said + "\n")
    commands(tmp_path, f"touch {tmp_path}/queued", f"cat {tmp_path}/said", monkeypatch)
    with pytest.raises(DeviceRefused) as caught:
        asyncio.run(printer().print(PROOF))
    assert caught.value.code == code
    assert not (tmp_path / "queued").exists()


def test_an_alert_that_says_nothing_is_none() -> None:
    assert status_of(f"{IDLE}\n\tAlerts: none\n\tDescription: cover-open in its name".encode()) == PrinterStatus(True, False, False, False)
