"""How the station leaves in good order: step committed, genset at rest, devices parked one by one, ledger and disks written, board told.

Not here: deciding that it leaves (`power.policy`), carrying the parts out under their deadlines (`power.stopping`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from edge.clock import Clock
from edge.fitting import Fitted
from edge.power.manager import PowerManager
from edge.power.stopping import OrderlyStop, Part, sync_disks
from edge.power.watch import STOP_BATTERY
from station_config.schema import Power

AGAIN = 75
"""exit code (EX_TEMPFAIL): systemd starts the station again (RestartForceExitStatus)"""
STEP_S, PARK_S, SYNC_S, BOARD_S = 10.0, 5.0, 10.0, 2.0
READ_S = 2.0
"""the page says why it stops before it goes dark"""
HALT_LEASE_S = 90
Snapshots = Callable[[], AsyncIterator[Mapping[str, Any]]]


class Leaving:
    """Waits for its reason, once."""

    def __init__(self, power: PowerManager, rules: Power, fitted: Fitted, snapshots: Snapshots, written: Callable[[], Awaitable[None]], clock: Clock) -> None:
        """snapshots: of the page, as they change; written: returns when no ledger event waits any more."""
        self._power, self._rules, self._fitted, self._snapshots, self._clock = power, rules, fitted, snapshots, clock
        self._written = written
        self._why: asyncio.Queue[str] = asyncio.Queue()
        self.because = self._why.put_nowait
        """told the reason (message id)"""

    async def run(self, tasks: Callable[[], Mapping[str, "asyncio.Task[Any]"]]) -> int:
        """Leave, once there is a reason; returns the exit code. Where nothing halts the machine, mains that are back begin a new life.

        tasks: by name; those of devices are ended here, which parks the device.
        """
        why = await self._why.get()
        await OrderlyStop(self._parts(tasks()), self._rules.halt_command).run(why)
        if why != STOP_BATTERY or self._rules.halt_command:
            return 0
        await self._power.mains_back()
        return AGAIN

    def _parts(self, tasks: Mapping[str, "asyncio.Task[Any]"]) -> list[Part]:
        """Before the machine halts: what is under way is committed; the board comes last, it cuts the supply after its lease."""
        rules = self._rules.genset
        shown = Part("page", partial(self._clock.sleep_s, READ_S))
        genset = Part("genset", self._power.genset_at_rest, rules.cool_down_s + rules.stop_timeout_s + STEP_S)
        parked = [Part(f"park {device.name}", partial(_park, tasks[device.name]), PARK_S) for device in self._fitted.to_park()]
        ledger, sync = Part("ledger", self._written), Part("sync", sync_disks, SYNC_S)
        return [Part("step", self._step_committed, STEP_S), shown, genset, *parked, ledger, sync, Part("board", self._tell_board)]

    async def _step_committed(self) -> None:
        """Nothing more is captured, and what was is judged, sealed and durable before anything is parked."""
        async for snapshot in self._snapshots():
            if snapshot["phase"] == "stopping" and snapshot["activity"] is None:
                return

    async def _tell_board(self) -> None:
        if self._fitted.board is not None and self._rules.halt_command:
            charge_s = self._power.watch.charge_s()
            await self._fitted.board.use(lambda board: board.stopping(HALT_LEASE_S, charge_s=charge_s), BOARD_S)


async def _park(task: "asyncio.Task[Any]") -> None:
    """Its driver brings the device to rest and lets go of it."""
    task.cancel()
    await asyncio.wait({task})
