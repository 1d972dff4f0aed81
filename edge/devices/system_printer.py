"""A printer that the operating system drives: the proof of recording goes as an A4 page to a CUPS queue by `lp`.

`print` returns when the queue has taken the page; paper and toner are CUPS's business, it keeps the page until it is printed.
"""

import asyncio
import os
import re
import shutil
from contextlib import suppress

from edge.clock import Clock
from edge.devices.interfaces import Identity, PrinterStatus
from edge.devices.paper import demand_ready
from edge.devices.proof import render_pdf
from edge.errors import DeviceAbsent, DeviceRefused, DeviceTimeout
from edge.links.worker import run_blocking
from station_config.schema import Printer

PLAIN = {"LC_ALL": "C"}
"""what is said is read here, so it is asked for in one language"""
ALERTS = re.compile(rb"^\s*Alerts: (.*)$", re.MULTILINE)
"""printer-state-reasons of IPP (RFC 8011 5.4.12), as `lpstat -l` lists them"""
PAPER_OUT, COVER_OPEN, PAPER_LOW, OFFLINE = (b"media-empty", b"media-needed"), (b"cover-open", b"door-open"), (b"media-low",), (b"offline", b"shutdown")
COMMAND_S = 10.0
RENDER_S = 15.0
KILLED_S = 1.0
LOOK = "Look at the printer and its queue."


class SystemPrinter:
    """One print queue."""

    def __init__(self, name: str, config: Printer, clock: Clock) -> None:
        self.name = name
        self._queue = config.port
        self._clock = clock

    async def open(self) -> Identity:
        """Raises DeviceAbsent when there is no `lp` or no such queue."""
        if shutil.which("lp") is None:
            what, next_step = "the system has no print command `lp`", "Install it: sudo apt-get install cups-client."
            raise DeviceAbsent("device_absent", self.name, what, next_step, command="lp")
        await self.status()
        return Identity("CUPS", self._queue)

    async def health(self) -> None:
        await self.status()

    async def close(self) -> None:
        return

    def wire(self) -> str:
        """The print system shows none."""
        return ""

    async def status(self) -> PrinterStatus:
        """What `lpstat` says of the queue and of the printer behind it. Raises DeviceAbsent when it knows none of that name."""
        code, said = await self._run("lpstat", "-l", "-p", self._queue, sent=b"")
        if code != 0:
            what, next_step = f"no print queue {self._queue}", "Set the printer up in CUPS, or correct `port`."
            raise DeviceAbsent("device_absent", self.name, what, next_step, queue=self._queue, exit_code=code)
        return status_of(said)

    async def print(self, document: bytes) -> PrinterStatus:
        """document: made by `encode_proof`. Raises DeviceRefused `paper_out`, `cover_open`, `printer_offline`, DeviceTimeout."""
        status = demand_ready(self.name, await self.status())
        try:
            page = await run_blocking("proof page", lambda: render_pdf(document), RENDER_S)
        except TimeoutError as error:
            raise self._late("the page to be drawn", RENDER_S) from error
        code, said = await self._run("lp", "-d", self._queue, "-o", "media=A4", "-", sent=page)
        if code != 0:
            what = f"lp ended with {code}: {said.decode('utf-8', 'replace').strip() or 'no reason given'}"
            raise DeviceRefused("printer_offline", self.name, what, LOOK, queue=self._queue, exit_code=code)
        return status

    async def _run(self, *command: str, sent: bytes) -> tuple[int, bytes]:
        """Exit code and all that was said."""
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=os.environ | PLAIN)
        try:
            async with asyncio.timeout(COMMAND_S):
                said, _ = await child.communicate(sent)
        except TimeoutError as error:
            raise self._late(f"{command[0]} to end", COMMAND_S) from error
        finally:
            if child.returncode is None:
                await _end(child)
        return child.returncode or 0, said

    def _late(self, what: str, waited_s: float) -> DeviceTimeout:
        return DeviceTimeout("device_silent", self.name, f"waited {waited_s:g} s for {what}", LOOK, waited_s=waited_s)


async def _end(child: asyncio.subprocess.Process) -> None:
    """One that hangs in the kernel dies when the kernel lets it; nobody waits for that."""
    with suppress(ProcessLookupError, TimeoutError):
        child.kill()
        await asyncio.wait_for(child.wait(), KILLED_S)


def status_of(said: bytes) -> PrinterStatus:
    """From what `lpstat -l -p` prints in the C locale."""
    alerts = b" ".join(ALERTS.findall(said))

    def told(words: tuple[bytes, ...]) -> bool:
        return any(word in alerts for word in words)

    online = b"disabled" not in said.splitlines()[0] if said else False
    return PrinterStatus(online and not told(OFFLINE), paper_low=told(PAPER_LOW), paper_out=told(PAPER_OUT), cover_open=told(COVER_OPEN))
