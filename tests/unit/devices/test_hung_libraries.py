"""Libraries that hang while they open: nobody waits, and what opens late is closed, or it would be in the way of the next try."""

import asyncio
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.devices import gpio, picam, system_printer
from edge.devices.camera import PicameraCamera
from edge.devices.gpio import RpiGpio
from edge.devices.system_printer import SystemPrinter
from edge.errors import DeviceTimeout
from edge.links.worker import LeftBehind
from station_config.schema import Camera, Printer
from tests.waiting import until


class Hung:
    """Lets go when the test says so, and remembers what was closed."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.closed: list[str] = []


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Hung:
    made = Hung()
    monkeypatch.setitem(sys.modules, "picamera2", _picamera2(made))
    monkeypatch.setitem(sys.modules, "lgpio", _module("lgpio", error=type("error", (Exception,), {})))
    pins = _module("RPi.GPIO", BCM=11, OUT=0, IN=1, HIGH=1, LOW=0, PUD_UP=22, VERSION="0", setwarnings=_nothing, setmode=_nothing, output=_nothing)
    pins.setup = lambda *_args, **_named: made.let_go.wait(30)  # type: ignore[attr-defined]
    pins.cleanup = lambda: made.closed.append("gpio")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RPi", _module("RPi", GPIO=pins))
    return made


def _nothing(*_args: Any) -> None: ...


def _module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(content)
    return made


def _picamera2(hung: Hung) -> ModuleType:
    class Picamera2:
        def __init__(self, index: int) -> None:
            self.camera_controls: dict[str, Any] = {}
            self.camera_properties = {"Model": "imx708"}
            hung.let_go.wait(30)

        def create_still_configuration(self, **settings: Any) -> dict[str, Any]:
            return settings

        def configure(self, configuration: Any) -> None: ...

        def set_controls(self, controls: Any) -> None: ...

        def start(self) -> None: ...

        def close(self) -> None:
            hung.closed.append("camera")

    return _module("picamera2", Picamera2=Picamera2)


async def opens_late(device: Any, hung: Hung, what: str) -> DeviceTimeout:
    """The error; afterwards what hung has ended and was closed, and a second opening works."""
    left = LeftBehind()
    with pytest.raises(DeviceTimeout) as caught:
        await asyncio.get_running_loop().create_task(device.open(), context=left.claim())
    await device.close()
    assert (left.count, hung.closed) == (1, [])
    hung.let_go.set()
    await until(lambda: left.count == 0, "the late end")
    assert hung.closed == [what]
    await device.open()
    await device.close()
    return caught.value


def test_a_camera_that_starts_late_is_closed(hung: Hung, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picam, "OPEN_S", 0.1)
    error = asyncio.run(opens_late(PicameraCamera("camera", Camera(), SystemClock()), hung, "camera"))
    assert (error.code, error.values["waited_s"], error.values["index"]) == ("camera_silent", 0.1, 0)


def test_pins_that_open_late_are_let_go(hung: Hung, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio, "OPEN_S", 0.1)
    error = asyncio.run(opens_late(RpiGpio({"lamp": 17}, {}), hung, "gpio"))
    assert (error.code, error.values["waited_s"]) == ("device_silent", 0.1)


def test_a_camera_without_its_library_is_no_matter_of_cables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)

    async def run() -> None:
        with pytest.raises(Exception, match="python3-picamera2") as caught:
            await PicameraCamera("camera", Camera(), SystemClock()).open()
        assert caught.value.code == "camera_software"  # type: ignore[attr-defined]

    asyncio.run(run())


def test_a_print_command_that_cannot_even_be_killed_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A process in the kernel's hands dies when the kernel lets it."""
    program = tmp_path / "lpstat"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(system_printer, "COMMAND_S", 0.1)
    monkeypatch.setattr(system_printer, "KILLED_S", 0.1)
    children: list[asyncio.subprocess.Process] = []

    async def run() -> None:
        device = SystemPrinter("printer", Printer(kind="system", port="A4"), SystemClock())
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.subprocess.Process, "kill", lambda child: children.append(child))
            with pytest.raises(DeviceTimeout) as caught:
                await device.status()
        assert caught.value.values["waited_s"] == 0.1
        children[0].kill()
        await children[0].wait()

    asyncio.run(run())
