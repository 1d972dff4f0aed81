"""Run NUT's own driver and upsd in front of a pty, as hardware fact 7.1 describes: no systemd, one folder, loopback only."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

UPSD = Path("/lib/nut/upsd")
MEGATEC = "protocol = megatec\ndefault.battery.voltage.high = 27.0\ndefault.battery.voltage.low = 20.8\nruntimecal = 240,100,720,50\n"
"""lines of ups.conf for nutdrv_qx in front of the simulated UPS"""


def need_nut(driver: str) -> None:
    """Skip, with the reason, where NUT is not installed or this user may not start it."""
    if not UPSD.exists() or not (UPSD.parent / driver).exists() or shutil.which("upsc") is None:
        pytest.skip(f"needs NUT with {driver} (apt-get install nut-server nut-client)")
    if os.geteuid() != 0:
        pytest.skip("NUT's programs want to start as root and drop to a user")


@contextlib.asynccontextmanager
async def nut(folder: Path, port: int, driver: str, extra: str = "") -> AsyncIterator[dict[str, str]]:
    """driver in front of folder/ups0, upsd on `port` (below 32768: an ephemeral one may be taken); the UPS is called `rekam`."""
    etc = folder / "etc"
    for name in ("etc", "run", "state"):
        (folder / name).mkdir(parents=True)
    (etc / "ups.conf").write_text(f"[rekam]\ndriver = {driver}\nport = {folder / 'ups0'}\npollinterval = 1\n{extra}")
    (etc / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\nMAXAGE 15\n")
    (etc / "upsd.users").write_text("[mon]\npassword = bench\nupsmon primary\n")
    for path in etc.iterdir():
        path.chmod(0o640)
    environment = {**os.environ, "NUT_CONFPATH": str(etc), "NUT_STATEPATH": str(folder / "state"), "NUT_ALTPIDPATH": str(folder / "run")}
    log = (folder / "nut.log").open("wb")
    programs = []
    try:
        for command in ([f"/lib/nut/{driver}", "-a", "rekam", "-F", "-u", "root"], [str(UPSD), "-F", "-u", "root"]):
            programs.append(await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log))
        yield environment
    finally:
        for program in programs:
            with contextlib.suppress(ProcessLookupError):
                program.terminate()
        for program in programs:
            await program.wait()
        log.close()


async def output_of(*command: str) -> str:
    """What a command prints; its complaints count too."""
    program = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    return (await program.communicate())[0].decode("utf-8", "replace")
