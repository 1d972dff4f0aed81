"""The board fails in each way: what the station shows by its code, and that it is back without anybody's help."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices.board import SerialBoard
from edge.devices.interfaces import BoardStatus
from edge.devices.presence import Limits, Presence, PresenceChange
from edge.errors import DeviceError
from edge.fitting import fit
from edge.news import BoardNews
from simulators.board import BoardProcess
from simulators.world import World
from station_config.schema import Board as Config
from station_config.schema import Devices
from tests.waiting import until

QUICK = Limits(health_every_s=0.3, first_retry_s=0.1, longest_retry_s=0.3)


class Station:
    """A board kept by its presence."""

    def __init__(self, link: Path) -> None:
        self.board = BoardProcess(World(1), link)
        self.changes: list[PresenceChange] = []
        clock, config = SystemClock(), Config(port=str(link))
        self.reports: list[BoardStatus] = []
        reset = SerialBoard("board", config, clock).reset
        fitted = fit(Devices(board=config), clock, self.changes.append, self.reports.append).board
        assert fitted is not None
        self.presence = Presence("board", fitted._make, clock, self.changes.append, limits=QUICK, power_cycle=reset)

    @property
    def ready(self) -> bool:
        return self.presence.state in ("ready", "busy")

    async def shows(self, code: str) -> None:
        await until(lambda: any(change.code == code for change in self.changes), f"code {code}")

    async def recovers(self) -> None:
        self.changes.clear()
        await until(lambda: self.ready, "the board again")
        await self.presence.use(lambda board: board.heartbeat(), 3)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Station], Awaitable[None]]], None]:
    async def main(body: Callable[[Station], Awaitable[None]]) -> None:
        station = Station(tmp_path / "board")
        await station.board.start()
        keeping = asyncio.create_task(station.presence.run())
        try:
            await until(lambda: station.ready, "the board")
            await body(station)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await station.board.stop()

    return lambda body: asyncio.run(main(body))


Run = Callable[[Callable[[Station], Awaitable[None]]], None]


@pytest.mark.parametrize(("fault", "code"), [("unplug", "port_absent"), ("mute", "device_silent"), ("hang", "device_silent"), ("corrupt", "device_silent")])
def test_a_board_that_goes_is_named_and_comes_back(run: Run, fault: str, code: str) -> None:
    async def body(station: Station) -> None:
        station.board.set_fault(fault, True)
        await station.shows(code)
        station.board.set_fault(fault, False)
        await station.recovers()

    run(body)


def test_a_reset_is_configured_again(run: Run) -> None:
    async def body(station: Station) -> None:
        station.board.set_fault("reset", True)
        await until(lambda: station.board.starts == 2 and station.board.outputs, "the next life")
        with pytest.raises(DeviceError):
            await station.presence.use(lambda board: board.heartbeat(), 3)
        await station.recovers()

    run(body)


def test_another_firmware_stays_refused_until_it_is_replaced(run: Run) -> None:
    async def body(station: Station) -> None:
        station.board.set_fault("other-schema", True)
        await station.shows("board_schema")
        assert not station.ready
        station.board.set_fault("other-schema", False)
        await station.recovers()

    run(body)


def test_an_opened_box_is_told_while_the_board_works_on(run: Run) -> None:
    async def body(station: Station) -> None:
        station.board.set_fault("tamper", True)
        await until(lambda: station.reports and "tamper" in station.reports[-1].faults, "a report of the box")
        (error,), cleared = BoardNews().heard(station.reports[-1])
        assert (error.code, cleared) == ("box_open", False)
        assert station.ready

    run(body)


def test_a_board_that_does_not_answer_again_and_again_is_reset(run: Run) -> None:
    async def body(station: Station) -> None:
        station.board.set_fault("mute", True)
        await until(lambda: station.board.starts >= 2, "a reset asked for by the station")
        station.board.set_fault("mute", False)
        await station.recovers()

    run(body)
