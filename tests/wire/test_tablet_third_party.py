"""The simulated tablet serves isdv4-serial-debugger (Debian's xserver-xorg-input-wacom), unmodified."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from simulators import tablet
from simulators.world import World

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

/* A pseudo-terminal has no modem lines: answer for them only where the real call fails. */
int ioctl(int fd, unsigned long request, ...) {
    va_list list; va_start(list, request); void *argument = va_arg(list, void *); va_end(list);
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    int answer = real(fd, request, argument);
    if (answer >= 0) return answer;
    if (request == TIOCMGET) { *(int *)argument = 0x166; return 0; }
    if (request == TIOCMBIS || request == TIOCMBIC || request == TIOCMSET) return 0;
    if (request == TIOCGSERIAL) {
        struct serial_struct *serial = argument; memset(serial, 0, sizeof *serial); serial->baud_base = 115200; return 0;
    }
    return answer;
}
"""


def shim(folder: Path) -> Path:
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True, timeout=60)
    return library


def test_the_debugger_reads_maxima_and_every_pen_report(tmp_path: Path) -> None:
    if shutil.which("isdv4-serial-debugger") is None or shutil.which("gcc") is None:
        pytest.skip("needs isdv4-serial-debugger (package xserver-xorg-input-wacom) and gcc")
    world = World(4)
    device = tablet.build(world, tmp_path / "tablet0", baud=19_200)
    preload = shim(tmp_path)

    expected = world.images.signature(world.people[0])

    async def watch() -> list[str]:
        await device.start()
        child = await asyncio.create_subprocess_exec(
            "stdbuf", "-oL", "isdv4-serial-debugger", "-b", "19200", str((tmp_path / "tablet0").resolve()),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={"LD_PRELOAD": str(preload), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        world.desk.signing = True
        try:
            return await lines_until(child.stdout, "PEN", len(expected))
        finally:
            child.terminate()
            await child.communicate()
            await device.stop()

    said = asyncio.run(watch())
    assert "TABLET: x max: 10000 y max 3750" in said
    assert "TABLET: pressure max: 1023" in said
    pens = [PEN.search(line) for line in said if line.startswith("PEN")]
    seen = [(int(pen[1]), int(pen[2]), int(pen[3]), "t" in pen[4]) for pen in pens if pen]
    assert seen == [(x, y, pressure, tip) for _, x, y, pressure, tip in expected]


PEN = re.compile(r"(\d+)/ *(\d+) \| pressure: *(\d+) \| *\d+/ *\d+ \|(.*)\|")


async def lines_until(stream: asyncio.StreamReader | None, start: str, count: int) -> list[str]:
    """Read until `count` lines began with `start`."""
    assert stream is not None
    lines: list[str] = []
    async with asyncio.timeout(40):
        while sum(line.startswith(start) for line in lines) < count and (line := await stream.readline()):
            lines.append(line.decode("ascii", "replace").rstrip())
    return lines
