"""Is the device there? One state machine for every device: opens it, watches it, reopens it, walks away from a driver that hangs.

    absent -> opening -> ready <-> busy -> faulted -> recovering -> ready

A device answers for itself only inside `use`, under a deadline. What it refuses in good form is an answer, not a fault. Each fault is told with
the last bytes on the wire. Not responsible for what to do without a device (enrolment), for telling people (texts by `code`) or for how
long to wait between tries (`retries.py`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from edge.clock import Clock
from edge.devices.calls import Calls
from edge.devices.interfaces import Device, Identity
from edge.devices.retries import DEFAULTS, Limits, Retries
from edge.errors import DeviceAbsent, DeviceError, DeviceRefused, DeviceTimeout

D = TypeVar("D", bound=Device)
T = TypeVar("T")

NEXT: dict[tuple[str, str], str] = {
    ("absent", "try"): "opening",
    ("opening", "opened"): "ready",
    ("opening", "gone"): "absent",
    ("opening", "failed"): "faulted",
    ("ready", "use"): "busy",
    ("busy", "done"): "ready",
    ("busy", "gone"): "absent",
    ("busy", "failed"): "faulted",
    ("ready", "gone"): "absent",
    ("ready", "failed"): "faulted",
    ("faulted", "try"): "recovering",
    ("recovering", "opened"): "ready",
    ("recovering", "gone"): "absent",
    ("recovering", "failed"): "faulted",
    ("absent", "close"): "absent",
    ("opening", "close"): "absent",
    ("ready", "close"): "absent",
    ("busy", "close"): "absent",
    ("faulted", "close"): "absent",
    ("recovering", "close"): "absent",
}
"""(state, what happened) -> state; anything else is a programming error"""

ANSWERS = frozenset({"finger_missing", "nothing_signed"})
"""codes of time-outs that tell about the person, not about the device"""
STUCK = "driver_stuck"
STUCK_LOOK_S = 60.0
"""how often a device whose calls all hang is looked at although none of them has ended: its supply may be due"""


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """One transition, for the page, the register and the ledger."""

    name: str
    state: str
    code: str | None
    error: DeviceError | None
    identity: Identity | None


class Presence(Generic[D]):
    """Keeps one device of the configuration usable."""

    def __init__(
        self,
        name: str,
        make: Callable[[], D],
        clock: Clock,
        on_change: Callable[[PresenceChange], None],
        *,
        power_cycle: Callable[[], Coroutine[Any, Any, None]] | None = None,
        limits: Limits = DEFAULTS,
    ) -> None:
        """make: a new driver for each opening; power_cycle: switches the device's supply off and on."""
        self.name = name
        self.state = "absent"
        self.error: DeviceError | None = None
        self.identity: Identity | None = None
        self._make = make
        self._clock = clock
        self._on_change = on_change
        self._power_cycle = power_cycle
        self._limits = limits
        self._device: D | None = None
        self._retries = Retries(limits)
        self._wire = ""
        """the last bytes, also of a driver that is gone"""
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._calls = Calls(name, clock, limits.let_go_s, self._one_ended)

    @property
    def code(self) -> str | None:
        """Message id of what is wrong; None when nothing is."""
        return self.error.code if self.error else None

    async def run(self) -> None:
        """Keep the device usable until cancelled, then close it."""
        try:
            while True:
                await self._keep()
        finally:
            await self._drop()
            self._move("close")

    async def use(self, action: Callable[[D], Coroutine[Any, Any, T]], deadline_s: float) -> T:
        """Do one thing with the device, alone.

        Raises what the driver raises (`driver_failed`: what it should never raise), DeviceAbsent at once when it is not ready, DeviceTimeout
        `driver_hung` when it does not end in time.
        """
        if self.state not in ("ready", "busy"):
            raise self._not_ready()  # an opening that hangs holds up nobody who asks several devices
        async with self._lock:
            device = self._ready_device()
            self._move("use")
            try:
                return await self._calls.run(action(device), deadline_s)
            except DeviceError as error:
                await self._judge(error)
                raise
            finally:
                self._settle()

    async def when_ready(self, timeout_s: float) -> bool:
        """Wait for the device, at most that long."""
        end_s = self._clock.monotonic_s() + timeout_s
        while self.state not in ("ready", "busy") and (left_s := end_s - self._clock.monotonic_s()) > 0:
            await self._pause(left_s)
        return self.state in ("ready", "busy")

    def nudge(self) -> None:
        """Something may have changed (a plug, an operator): try now, from the shortest pause on."""
        self._retries.hurry()
        self._tell_waiters()

    def _one_ended(self) -> None:
        """A call that was left behind has ended after all: there is room for another try."""
        if self.code == STUCK:
            self._tell_waiters()

    def _settle(self) -> None:
        if self.state == "busy":
            self._move("done")

    def _ready_device(self) -> D:
        if self.state == "ready" and self._device is not None:
            return self._device
        raise self._not_ready()

    def _not_ready(self) -> DeviceAbsent:
        code = self.code or "device_absent"
        return DeviceAbsent(code, self.name, f"not ready ({self.state})", "It is tried again by itself; check plug and power.", state=self.state)

    async def _keep(self) -> None:
        """One turn: open what is not open, else look after it when nobody else has."""
        if self.state in ("absent", "faulted"):
            await self._pause(STUCK_LOOK_S if self.code == STUCK else self._retries.pause_s())
            await self._open()
        elif await self._quiet(self._limits.health_every_s) and self.state == "ready":
            await self._check_health()

    async def _check_health(self) -> None:
        """Not shown as busy: nobody waits for it, and a use that comes now waits a moment only."""
        async with self._lock:
            if self.state != "ready" or self._device is None:
                return
            try:
                await self._calls.run(self._device.health(), self._limits.health_s)
            except DeviceError as error:
                await self._judge(error)

    async def _open(self) -> None:
        async with self._lock:
            self._move("try", self.error)
            await self._drop()
            try:
                await self._cycle_power()
                self._demand_room()
                self._device = self._make()
                self.identity = await self._calls.run(self._device.open(), self._limits.open_s)
            except DeviceError as error:
                await self._judge(error)
                return
            self._retries.opened(self._clock.monotonic_s())
            self._move("opened")

    async def _cycle_power(self) -> None:
        """Off and on, when it is time. A supply that cannot be switched is not this device's fault: it is tried all the same."""
        if self._power_cycle and self._retries.power_is_due(self._clock.monotonic_s()):
            self._retries.cycled(self._clock.monotonic_s())
            with suppress(DeviceError):
                await self._calls.run(self._power_cycle(), self._limits.open_s)

    def _demand_room(self) -> None:
        """Raises DeviceTimeout: a driver that hangs at each opening would else fill the memory with its threads."""
        hung, most = self._calls.hung, self._limits.left_behind
        if hung > most:
            what, next_step = f"{hung} calls of its driver hang and do not end (at most {most})", "Pull its plug and put it in again; else restart the station."
            raise DeviceTimeout(STUCK, self.name, what, next_step, hung=hung, most=most)

    async def _judge(self, error: DeviceError) -> None:
        """After an error: was it an answer, a missing device or a fault?"""
        if self._device is not None:
            self._wire = self._device.wire() or self._wire
        error.values.setdefault("wire", self._wire)
        if self.state == "busy" and (isinstance(error, DeviceRefused) or error.code in ANSWERS):
            self._settle()
            return
        self._retries.failed(error, self._clock.monotonic_s())
        self._move("gone" if isinstance(error, DeviceAbsent) else "failed", error)  # before the next await: whoever waits may be cancelled there
        await self._drop()

    async def _drop(self) -> None:
        """Close the driver, or leave it behind when even that hangs."""
        device, self._device = self._device, None
        if device is None:
            return
        try:
            await self._calls.run(device.close(), self._limits.close_s)
        except DeviceError:
            return  # left behind already

    async def _quiet(self, seconds: float) -> bool:
        """True when nothing changed for that long."""
        before = self._clock.monotonic_s()
        await self._pause(seconds)
        return self._clock.monotonic_s() - before >= seconds

    async def _pause(self, seconds: float) -> None:
        """Give way until the time is over or something changed after this call."""
        if seconds > 0:
            changed = asyncio.ensure_future(self._changed.wait())
            try:
                await self._calls.ended(changed, seconds)
            finally:
                changed.cancel()

    def _tell_waiters(self) -> None:
        """Each wait has its own event, so that no waiter can clear it under another."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _move(self, happened: str, error: DeviceError | None = None) -> None:
        self.state = NEXT[self.state, happened]
        self.error = error
        self._tell_waiters()
        self._on_change(PresenceChange(self.name, self.state, self.code, error, self.identity))
