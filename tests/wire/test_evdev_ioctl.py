"""The Linux pen behind the kernel's own header: a shim compiled from linux/input.h answers the ioctls of a pipe as an input device would.

Where the kernel has uinput a real node could be made; few test machines do. What the shim answers is laid out by the C compiler, not by us.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/input.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

static int is(const char *kind) { const char *k = getenv("TABLET"); return k && strcmp(k, kind) == 0; }

static int answer(unsigned long request, void *to) {
    if (request == EVIOCGRAB) { if (is("busy") || is("screen")) { errno = EBUSY; return -1; } return (long)to == 1 ? 0 : -1; }
    if (request == EVIOCSCLOCKID) return *(int *)to == CLOCK_MONOTONIC ? 0 : -1;
    if (_IOC_NR(request) == _IOC_NR(EVIOCGNAME(0))) { strncpy(to, "Shim Pen 4", _IOC_SIZE(request)); return 11; }
    if (_IOC_NR(request) == _IOC_NR(EVIOCGBIT(EV_KEY, 0))) {
        unsigned char *bits = to; memset(bits, 0, _IOC_SIZE(request));
        if (!is("plain")) bits[BTN_TOUCH / 8] |= 1 << BTN_TOUCH % 8;
        if (!is("screen")) bits[BTN_TOOL_PEN / 8] |= 1 << BTN_TOOL_PEN % 8;
        return _IOC_SIZE(request);
    }
    if (_IOC_NR(request) == _IOC_NR(EVIOCGPROP(0))) {
        unsigned char *bits = to; memset(bits, 0, _IOC_SIZE(request));
        if (is("screen") || is("display")) bits[INPUT_PROP_DIRECT / 8] |= 1 << INPUT_PROP_DIRECT % 8;
        return _IOC_SIZE(request);
    }
    if (_IOC_NR(request) == _IOC_NR(EVIOCGKEY(0))) {
        unsigned char *bits = to; memset(bits, 0, _IOC_SIZE(request));
        if (is("resting")) bits[BTN_TOUCH / 8] |= 1 << BTN_TOUCH % 8;
        return _IOC_SIZE(request);
    }
    if (_IOC_NR(request) >= _IOC_NR(EVIOCGABS(0)) && _IOC_NR(request) < _IOC_NR(EVIOCGABS(ABS_CNT))) {
        if (is("mouse")) { errno = EINVAL; return -1; }
        struct input_absinfo info; memset(&info, 0, sizeof info);
        switch (_IOC_NR(request) - _IOC_NR(EVIOCGABS(0))) {
            case ABS_X: info.minimum = 500; info.maximum = 22100; info.value = 1500; info.resolution = is("coarse") ? 0 : 200; break;
            case ABS_Y: info.maximum = 13500; info.value = 777; info.resolution = is("coarse") ? 0 : 200; break;
            case ABS_PRESSURE: if (!is("coarse")) { info.minimum = 10; info.maximum = 2057; info.value = 10; } break;
        }
        memcpy(to, &info, sizeof info);
        return 0;
    }
    errno = ENOTTY;
    return -1;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list list; va_start(list, request); void *argument = va_arg(list, void *); va_end(list);
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return _IOC_TYPE(request) == 'E' ? answer(request, argument) : real(fd, request, argument);
}
"""

WRITER = r"""
#include <linux/input.h>
#include <stdio.h>
#include <stdlib.h>
/* type code value ... as the kernel lays them out; time 5.25 s */
int main(int argc, char **argv) {
    for (int i = 1; i + 2 < argc; i += 3) {
        struct input_event event = {0};
        event.input_event_sec = 5; event.input_event_usec = 250000;
        event.type = atoi(argv[i]); event.code = atoi(argv[i + 1]); event.value = atoi(argv[i + 2]);
        fwrite(&event, sizeof event, 1, stdout);
    }
    return 0;
}
"""

CLIENT = """
import asyncio, json, sys
from dataclasses import asdict
from edge.clock import SystemClock
from edge.devices.tablet import EvdevTablet
from edge.errors import DeviceError
from station_config.schema import Tablet

async def main():
    pen = EvdevTablet("tablet", Tablet(port=sys.argv[1], kind="evdev"), SystemClock())
    try:
        identity = await pen.open()
    except DeviceError as error:
        await pen.close()
        return {"code": error.code, "what": error.what}
    await pen.begin()
    print("ready", flush=True)
    async for sample in pen.strokes():
        if not sample.tip and sample.x:
            break
    series = await pen.finish()
    await pen.close()
    return {"name": identity.model, **asdict(series)}

print(json.dumps(asyncio.run(main())))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shim")
    for name, source, flags in (("shim.so", SHIM, ("-shared", "-fPIC")), ("events", WRITER, ())):
        (folder / f"{name}.c").write_text(source)
        subprocess.run(["gcc", *flags, "-o", str(folder / name), str(folder / f"{name}.c"), "-ldl"], check=True, timeout=60)
    return folder


def sign(built: Path, folder: Path, tablet: str, *events: int) -> dict[str, object]:
    """What the driver makes of these events behind that tablet's ioctls."""
    pipe = folder / "event0"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    environment = {**os.environ, "LD_PRELOAD": str(built / "shim.so"), "TABLET": tablet, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, "-c", CLIENT, str(pipe)], env=environment, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        line = client.stdout.readline()
        if line == "ready\n":
            os.write(held, subprocess.run([str(built / "events"), *map(str, events)], check=True, capture_output=True, timeout=10).stdout)
            line = client.stdout.readline()
        os.close(held)
        assert client.wait(timeout=20) == 0
    found: dict[str, object] = json.loads(line)
    return found


DOWN, UP, SYN = (1, 0x14A, 1), (1, 0x14A, 0), (0, 0, 0)


def samples(found: dict[str, object]) -> list[tuple[int, int, int, bool]]:
    listed: list[dict[str, int]] = found["samples"]  # type: ignore[assignment]
    return [(one["x"], one["y"], one["pressure"], bool(one["tip"])) for one in listed]


def test_ranges_name_and_first_position_come_from_the_kernel(built: Path, tmp_path: Path) -> None:
    found = sign(built, tmp_path, "pen", *DOWN, 3, 24, 710, *SYN, 3, 0, 1600, *SYN, *UP, 3, 24, 10, *SYN)
    assert (found["name"], found["x_max"], found["y_max"], found["pressure_max"], found["units_mm"]) == ("Shim Pen 4", 21_600, 13_500, 2047, 200)
    assert samples(found)[:2] == [(1000, 777, 700, True), (1100, 777, 700, True)], "an axis that has not moved stands where the kernel says"


def test_a_tablet_without_pressure_tilt_and_resolution_is_a_tablet(built: Path, tmp_path: Path) -> None:
    found = sign(built, tmp_path, "coarse", *DOWN, *SYN, 3, 1, 900, *SYN, *UP, *SYN)
    assert (found["pressure_max"], found["units_mm"]) == (0, 216), "taken to be 100 mm wide"
    assert samples(found)[:2] == [(1000, 777, 0, True), (1000, 900, 0, True)]


def test_a_pen_that_tells_no_touch_touches_where_it_presses(built: Path, tmp_path: Path) -> None:
    found = sign(built, tmp_path, "plain", 3, 24, 500, *SYN, 3, 0, 1700, *SYN, 3, 24, 10, *SYN)
    assert samples(found) == [(1000, 777, 490, True), (1200, 777, 490, True)]


def test_a_pen_that_already_rests_on_the_pad_signs_from_there(built: Path, tmp_path: Path) -> None:
    found = sign(built, tmp_path, "resting", 3, 24, 710, *SYN, 3, 0, 1600, *SYN, *UP, 3, 24, 10, *SYN)
    assert samples(found) == [(1000, 777, 700, True), (1100, 777, 700, True)], "nobody told that it touched: it had before"


@pytest.mark.parametrize("tablet", ["screen", "display"])
def test_a_touch_screen_is_not_taken_away_from_the_operator(tablet: str, built: Path, tmp_path: Path) -> None:
    """Event numbers change at a restart: such a path may lead to the operator's own screen, where grabbing would be the end."""
    assert samples(sign(built, tmp_path, tablet, *DOWN, 3, 24, 710, *SYN, *UP, 3, 24, 10, *SYN))


@pytest.mark.parametrize(("tablet", "code"), [("mouse", "port_absent"), ("busy", "port_busy")])
def test_what_is_no_pen_or_is_taken_is_refused(tablet: str, code: str, built: Path, tmp_path: Path) -> None:
    assert sign(built, tmp_path, tablet)["code"] == code
