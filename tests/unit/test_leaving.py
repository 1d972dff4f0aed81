"""The orderly stop, part by part: what happens in which order, and what the board is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.leaving import AGAIN, HALT_LEASE_S, Leaving
from station_config.schema import Power

TRUE = ("true",)


class Stage:
    """Everything that the leaving touches, writing down what was done to it."""

    def __init__(self) -> None:
        self.did: list[str] = []
        watch = SimpleNamespace(charge_s=lambda: 120)
        self.power: Any = SimpleNamespace(genset_at_rest=self.note("genset"), mains_back=self.note("mains back"), watch=watch)
        board = SimpleNamespace(stopping=self.told)
        self.fitted: Any = SimpleNamespace(board=SimpleNamespace(use=lambda act, _: act(board)), to_park=lambda: [SimpleNamespace(name="camera")])

    def note(self, what: str) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            self.did.append(what)

        return act

    async def told(self, lease_s: int, charge_s: int) -> None:
        assert lease_s == HALT_LEASE_S
        self.did.append(f"board {charge_s}")

    async def snapshots(self) -> AsyncIterator[dict[str, Any]]:
        for activity in ("capturing", "saving", None):
            self.did.append(f"shown {activity}")
            yield {"phase": "stopping", "activity": activity}

    async def sleep_s(self, seconds: float) -> None:
        self.did.append(f"read {seconds:g} s")
        await SystemClock().sleep_s(0)

    async def camera(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.did.append("camera at rest")

    def leave(self, why: str, halt: tuple[str, ...]) -> int:
        async def drive() -> int:
            clock: Any = self
            leaving = Leaving(self.power, Power(halt_command=halt), self.fitted, self.snapshots, self.note("ledger"), clock)
            task = asyncio.create_task(self.camera())
            leaving.because(why)
            async with asyncio.timeout(10):
                return await leaving.run(lambda: {"camera": task})

        return asyncio.run(drive())


@pytest.mark.parametrize("why", ["stop_battery", "stop_button"])
def test_step_then_genset_then_devices_then_disks_then_board(why: str) -> None:
    stage = Stage()
    assert stage.leave(why, TRUE) == 0
    assert stage.did == ["shown capturing", "shown saving", "shown None", "read 2 s", "genset", "camera at rest", "ledger", "board 120"]


def test_on_a_machine_that_does_not_halt_the_board_cuts_nothing_and_mains_begin_a_new_life() -> None:
    stage = Stage()
    assert stage.leave("stop_battery", ()) == AGAIN
    assert stage.did[-2:] == ["ledger", "mains back"]


def test_stopped_by_its_button_it_stays_stopped() -> None:
    stage = Stage()
    assert stage.leave("stop_button", ()) == 0
    assert "mains back" not in stage.did
