"""The end of a signature, on both kinds of tablet: lifted, still resting, frozen; and what a tablet's driver does when its reader dies."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.devices import pad, tablet_evdev
from edge.devices.interfaces import SignatureSeries
from edge.devices.tablet import EvdevTablet, SerialTablet, make_tablet
from edge.errors import DeviceError, DeviceProtocolError
from protocols import isdv4
from simulators.pty_port import PtyPort
from station_config.schema import Tablet
from tests.waiting import until

EVENT = struct.Struct("@qqHHi")
TOOL, TOUCH, PRESSURE = 0x140, 0x14A, 24


class Fifo:
    """A pen of Linux: `struct input_event` into a pipe."""

    kind = "evdev"

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._now_ms = 0

    async def open(self) -> None: ...

    async def close(self) -> None:
        os.close(self._pipe)

    def report(self, x: int, tip: bool) -> None:
        self.events((3, 0, x), (3, 1, 900), (3, PRESSURE, 300 if tip else 0), (1, TOUCH, int(tip)))

    def events(self, *events: tuple[int, int, int]) -> None:
        self._now_ms += 5
        os.write(self._pipe, b"".join(EVENT.pack(0, self._now_ms * 1000, *event) for event in (*events, (0, 0, 0))))


class Pty:
    """A pen on a serial port. It streams between START and STOP."""

    kind = "isdv4"

    def __init__(self, path: Path) -> None:
        self.heard = b""
        self._port = PtyPort(path, self._receive, baud=38_400)
        self.open, self.close = self._port.open, self._port.close

    def _receive(self, data: bytes) -> None:
        self.heard += data
        if isdv4.QUERY in data:
            self._port.send(isdv4.encode_maxima(isdv4.Maxima(10_000, 3_750, 1023)))

    def report(self, x: int, tip: bool) -> None:
        self._port.send(isdv4.encode_pen(isdv4.Pen(x, 900, 300 if tip else 0, tip)))


Pen = Fifo | Pty
Device = SerialTablet | EvdevTablet
Scene = Callable[[Pen, Device], Coroutine[Any, Any, None]]


def played(pen_of: Callable[[Path], Pen], tmp_path: Path, scene: Scene) -> None:
    async def run() -> None:
        async with opened(pen_of(tmp_path / "pen"), tmp_path / "pen") as (pen, device):
            await scene(pen, device)

    asyncio.run(run())


@asynccontextmanager
async def opened(pen: Pen, path: Path) -> AsyncIterator[tuple[Pen, Device]]:
    await pen.open()
    device = make_tablet("tablet", Tablet(port=str(path), kind=pen.kind), SystemClock())
    await device.open()
    try:
        yield pen, device
    finally:
        await device.close()
        await pen.close()


class Drawn:
    """Follows the strokes as the page does."""

    def __init__(self, device: Device) -> None:
        self.count = 0
        self.task = asyncio.create_task(self._follow(device))

    async def _follow(self, device: Device) -> None:
        async for _ in device.strokes():
            self.count += 1

    async def finish(self, device: Device) -> SignatureSeries:
        try:
            return await device.finish()
        finally:
            await asyncio.gather(self.task, return_exceptions=True)


async def stroke(pen: Pen, device: Device, lifted: bool) -> Drawn:
    await device.begin()
    drawn = Drawn(device)
    for x in range(100, 110):
        pen.report(x, True)
    if lifted:
        pen.report(110, False)
    await until(lambda: drawn.count == 10 + lifted, "the stroke")
    return drawn


KINDS = pytest.mark.parametrize("kind", [Fifo, Pty])


@KINDS
def test_a_lifted_pen_has_signed(kind: Callable[[Path], Pen], tmp_path: Path) -> None:
    async def scene(pen: Pen, device: Device) -> None:
        drawn = await stroke(pen, device, lifted=True)
        assert len((await drawn.finish(device)).samples) == 10

    played(kind, tmp_path, scene)


@KINDS
def test_a_pen_that_leaves_the_pad_just_after_done_has_signed(kind: Callable[[Path], Pen], tmp_path: Path) -> None:
    async def scene(pen: Pen, device: Device) -> None:
        drawn = await stroke(pen, device, lifted=False)
        ending = asyncio.create_task(drawn.finish(device))
        asyncio.get_running_loop().call_later(0.1, pen.report, 110, False)
        assert len((await ending).samples) == 10

    played(kind, tmp_path, scene)


@KINDS
def test_a_pen_that_rests_and_reports_is_taken_at_the_operators_word(
    kind: Callable[[Path], Pen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pad, "LIFT_S", 0.3)

    async def scene(pen: Pen, device: Device) -> None:
        drawn = await stroke(pen, device, lifted=False)
        ending = asyncio.create_task(drawn.finish(device))
        resting = asyncio.create_task(rest(pen))
        series = await ending
        resting.cancel()
        assert len(series.samples) >= 10

    async def rest(pen: Pen) -> None:
        for x in range(1000):
            pen.report(110 + x % 2, True)
            await SystemClock().sleep_s(0.01)

    played(kind, tmp_path, scene)


@KINDS
def test_reports_that_stop_in_a_stroke_are_no_signature(kind: Callable[[Path], Pen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator says that it is done, although the tablet froze."""
    monkeypatch.setattr(pad, "LIFT_S", 0.35)
    monkeypatch.setattr(EvdevTablet, "SILENT_S", 0.35)

    async def scene(pen: Pen, device: Device) -> None:
        drawn = await stroke(pen, device, lifted=False)
        with pytest.raises(DeviceProtocolError, match="while the pen was on the pad") as caught:
            await drawn.finish(device)
        assert caught.value.code == "reports_lost"
        assert float(str(caught.value.values["silent_s"])) >= 0.3
        drawn = await stroke(pen, device, lifted=True)
        assert len((await drawn.finish(device)).samples) == 10, "the next one is whole"

    played(kind, tmp_path, scene)


@KINDS
def test_a_frozen_tablet_is_told_without_a_touch(kind: Callable[[Path], Pen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tablet_evdev, "FROZEN_S", 0.2)
    monkeypatch.setattr(SerialTablet, "SILENT_S", 0.06)

    async def scene(pen: Pen, device: Device) -> None:
        drawn = await stroke(pen, device, lifted=False)
        with pytest.raises(DeviceError) as caught:
            await drawn.task
        assert caught.value.code == "reports_lost"

    played(kind, tmp_path, scene)


@KINDS
def test_a_pen_in_the_air_may_rest(kind: Callable[[Path], Pen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tablet_evdev, "FROZEN_S", 0.01)
    monkeypatch.setattr(SerialTablet, "SILENT_S", 0.01)

    async def scene(pen: Pen, device: Device) -> None:
        drawn = await stroke(pen, device, lifted=True)
        await SystemClock().sleep_s(0.2)
        assert not drawn.task.done()
        assert len((await drawn.finish(device)).samples) == 10

    played(kind, tmp_path, scene)


def test_a_pen_that_leaves_the_tablets_reach_has_left_the_pad(tmp_path: Path) -> None:
    async def scene(pen: Pen, device: Device) -> None:
        assert isinstance(pen, Fifo)
        drawn = await stroke(pen, device, lifted=False)
        pen.events((1, TOOL, 0))
        await until(lambda: drawn.count == 11, "its last report")
        assert len((await drawn.finish(device)).samples) == 10

    played(Fifo, tmp_path, scene)


@KINDS
def test_a_reader_that_dies_of_what_no_driver_should_raise_is_a_fault_that_is_told(
    kind: Callable[[Path], Pen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(pen: Pen, device: Device) -> None:
        await device.begin()
        drawn = Drawn(device)
        with monkeypatch.context() as patch:
            patch.setattr(device._decoder, "feed", lambda data: 1 / 0)
            pen.report(100, True)
            with pytest.raises(DeviceProtocolError, match="ZeroDivisionError") as caught:
                await drawn.task
        assert caught.value.code == "driver_failed"
        with pytest.raises(DeviceProtocolError, match="ZeroDivisionError"):
            await device.finish()
        assert "in a way it does not know" in caplog.text
        drawn = await stroke(pen, device, lifted=True)
        assert len((await drawn.finish(device)).samples) == 10

    played(kind, tmp_path, scene)


@KINDS
def test_fault_reports_hold_nothing_of_a_signature_and_all_of_the_rest(kind: Callable[[Path], Pen], tmp_path: Path) -> None:
    async def scene(pen: Pen, device: Device) -> None:
        for _ in range(2):
            drawn = await stroke(pen, device, lifted=True)
            await drawn.finish(device)
        assert " bytes)" in device.wire()
        assert isinstance(pen, Fifo) or "> 31 < (99 bytes) > 30" in device.wire(), "what was asked is there to see"
        assert isdv4.encode_pen(isdv4.Pen(104, 900, 300, True)).hex() not in device.wire()
        if isinstance(pen, Pty):
            await device.health()
            query, answer = isdv4.QUERY, isdv4.encode_maxima(isdv4.Maxima(10_000, 3_750, 1023))
            assert device.wire().endswith(f"{query.hex()} < {answer.hex()}"), "what has nothing of a person is there to see again"

    played(kind, tmp_path, scene)


def test_a_capture_that_was_cancelled_streams_no_longer_than_to_the_next_look(tmp_path: Path) -> None:
    async def scene(pen: Pen, device: Device) -> None:
        assert isinstance(pen, Pty)
        drawn = await stroke(pen, device, lifted=False)
        drawn.task.cancel()
        pen.heard = b""
        await device.health()
        assert pen.heard == isdv4.STOP + isdv4.QUERY
        pen.report(200, True)
        await device.health()
        assert isdv4.encode_pen(isdv4.Pen(104, 900, 300, True)).hex() not in device.wire()

    played(Pty, tmp_path, scene)


def test_a_node_whose_opening_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """open() of a FIFO without O_NONBLOCK waits for a writer, as a wedged USB pen's waits for its adapter."""
    os.mkfifo(tmp_path / "pen")
    monkeypatch.setattr(tablet_evdev.os, "O_NONBLOCK", 0)
    monkeypatch.setattr(tablet_evdev, "OPEN_S", 0.2)

    async def run() -> None:
        device = make_tablet("tablet", Tablet(port=str(tmp_path / "pen"), kind="evdev"), SystemClock())
        with pytest.raises(DeviceError) as caught:
            await device.open()
        assert (caught.value.code, caught.value.values["waited_s"]) == ("device_silent", 0.2)
        writer = os.open(tmp_path / "pen", os.O_RDWR | os.O_NONBLOCK)
        assert isinstance(device, EvdevTablet)
        await until(lambda: device._descriptor == -1, "the late opening to be undone")
        os.close(writer)

    asyncio.run(run())
