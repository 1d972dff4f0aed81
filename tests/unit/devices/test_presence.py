"""The presence state machine with a driver that fails on command. Time-outs here are milliseconds."""

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable

import pytest

from edge.clock import SystemClock
from edge.devices.interfaces import Identity
from edge.devices.presence import NEXT, Presence, PresenceChange
from edge.devices.retries import Limits
from edge.errors import DeviceAbsent, DeviceError, DeviceProtocolError, DeviceRefused, DeviceTimeout
from edge.links.worker import run_blocking
from tests.waiting import pause, until

LIMITS = Limits(
    open_s=0.3, health_s=0.2, health_every_s=0.05, close_s=0.1, let_go_s=0.05, first_retry_s=0.01, longest_retry_s=0.04, cycle_after=3, first_cycle_s=0.1,
)


class Plug:
    """What the world does to the device; drivers come and go, the plug stays."""

    def __init__(self) -> None:
        self.fault: DeviceError | None = None
        self.hang = False
        self.deaf = False
        self.opened = 0
        self.closed = 0
        self.checked = 0
        self.released = asyncio.Event()
        self.jammed: list[threading.Event] = []
        """one for each thread that hangs in a library, until it is set"""
        self.jams = False
        self.mute = False
        """nothing has been on the wire of a new driver yet"""
        self.close_takes_s = 0.0
        self.drops_own_call = False
        """a library below the driver cancels what the driver waits for"""


class Driver:
    name = "thing"

    def __init__(self, plug: Plug) -> None:
        self._plug = plug

    async def open(self) -> Identity:
        self._plug.opened += 1
        await self.health()
        return Identity("Maker", "Model", "S1")

    async def health(self) -> None:
        self._plug.checked += 1
        if self._plug.hang:
            await self._hang()
        if self._plug.jams:
            self._plug.jammed.append(ends := threading.Event())
            await run_blocking("jammed library", ends.wait, 30)
        if self._plug.drops_own_call:
            await self._dropped()
        if self._plug.fault:
            raise self._plug.fault

    async def _dropped(self) -> None:
        answer = asyncio.get_running_loop().create_future()
        answer.cancel()
        await answer

    async def _hang(self) -> None:
        while not self._plug.released.is_set():
            try:
                await self._plug.released.wait()
            except asyncio.CancelledError:
                if not self._plug.deaf:
                    raise

    async def close(self) -> None:
        self._plug.closed += 1
        await pause(self._plug.close_takes_s)

    def wire(self) -> str:
        return "" if self._plug.mute else "> 2a < ff"

    async def answer(self) -> int:
        await self.health()
        return 42


def absent() -> DeviceAbsent:
    return DeviceAbsent("port_absent", "thing", "no port", "Plug it in.")


def garbled() -> DeviceProtocolError:
    return DeviceProtocolError("bad_answer", "thing", "noise", "Check the cable.")


Scene = Callable[[Presence[Driver], Plug, list[PresenceChange]], Awaitable[None]]


def play(scene: Scene, *, cycled: list[int] | None = None) -> None:
    async def run() -> None:
        plug, changes = Plug(), list[PresenceChange]()

        async def cycle() -> None:
            (cycled if cycled is not None else []).append(plug.opened)

        presence = Presence("thing", lambda: Driver(plug), SystemClock(), changes.append, power_cycle=cycle, limits=LIMITS)
        task = asyncio.create_task(presence.run())
        try:
            await scene(presence, plug, changes)
        finally:
            plug.released.set()
            for ends in plug.jammed:
                ends.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert presence.state == "absent"

    asyncio.run(run())


def test_opens_uses_and_returns_to_ready() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        assert await presence.when_ready(1)
        assert await presence.use(lambda driver: driver.answer(), 1) == 42
        assert [change.state for change in changes][:4] == ["opening", "ready", "busy", "ready"]
        assert presence.identity == Identity("Maker", "Model", "S1")

    play(scene)


def test_absent_device_is_tried_again_and_found_when_plugged_in() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        plug.fault = absent()
        await until(lambda: plug.opened >= 3, "three tries")
        assert presence.code == "port_absent"
        assert not await presence.when_ready(0.02)
        with pytest.raises(DeviceAbsent, match="not ready"):
            await presence.use(lambda driver: driver.answer(), 1)
        plug.fault = None
        assert await presence.when_ready(1)
        assert presence.code is None

    play(scene)


def test_fault_in_use_reopens_the_device() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.fault = garbled()
        with pytest.raises(DeviceProtocolError):
            await presence.use(lambda driver: driver.answer(), 1)
        assert (presence.state, presence.code) == ("faulted", "bad_answer")
        plug.fault = None
        assert await presence.when_ready(1)
        assert plug.opened >= 2
        assert "recovering" in [change.state for change in changes]

    play(scene)


ANSWERS = (
    DeviceRefused("paper_out", "thing", "no paper", "Put paper in."),
    DeviceTimeout("finger_missing", "thing", "no finger", "Place it."),
    DeviceTimeout("nothing_signed", "thing", "the pad stayed empty", "Ask for the signature."),
)


@pytest.mark.parametrize("error", ANSWERS)
def test_an_answer_is_no_fault(error: DeviceError) -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)

        async def refuse(driver: Driver) -> None:
            raise error

        with pytest.raises(type(error)):
            await presence.use(refuse, 1)
        assert presence.state == "ready"
        assert plug.opened == 1

    play(scene)


@pytest.mark.parametrize("deaf", [False, True])
def test_hung_driver_is_reported_and_replaced(deaf: bool) -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.hang, plug.deaf = True, deaf
        with pytest.raises(DeviceTimeout) as caught:
            await presence.use(lambda driver: driver.answer(), 0.05)
        assert caught.value.code == "driver_hung"
        plug.hang = False
        assert await presence.when_ready(1)
        assert await presence.use(lambda driver: driver.answer(), 1) == 42

    play(scene)


def test_an_opening_that_hangs_holds_up_nobody() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.hang, plug.fault = True, garbled()
        with pytest.raises(DeviceTimeout):
            await presence.use(lambda driver: driver.answer(), 0.02)
        await until(lambda: presence.state == "recovering", "the next opening, which hangs too")
        with pytest.raises(DeviceAbsent, match="not ready"):
            await asyncio.wait_for(presence.use(lambda driver: driver.answer(), 1), 0.1)
        assert presence.state == "recovering", "it was told before the opening ended"

    play(scene)


def test_unplugged_while_nobody_uses_it_is_noticed_by_the_health_check() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.fault = absent()
        await until(lambda: presence.state == "absent", "the health check to notice")

    play(scene)


def test_health_checks_are_not_shown() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        await until(lambda: plug.checked >= 4, "some health checks")
        assert [change.state for change in changes] == ["opening", "ready"]

    play(scene)


def test_supply_is_switched_off_and_on_after_failures_in_a_row() -> None:
    cycled: list[int] = []

    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        plug.fault = garbled()
        await until(lambda: len(cycled) >= 2, "two power cycles")
        assert cycled[0] == 3
        assert cycled[1] > 4, "the second waits for longer"

    play(scene, cycled=cycled)


@pytest.mark.parametrize("how", ["threads", "tasks"])
def test_a_driver_that_hangs_for_ever_is_left_behind_a_few_times_only_and_comes_back_when_it_lets_go(how: str) -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.jams = how == "threads"
        plug.hang = plug.deaf = how == "tasks"
        await until(lambda: presence.code == "driver_stuck", "the cap")
        assert presence.error is not None
        assert presence.error.values["hung"] == LIMITS.left_behind + 1
        assert "Pull its plug" in presence.error.next_step
        opened = plug.opened
        presence.nudge()
        await until(lambda: changes[-1].state == "faulted" and changes[-2].state == "recovering", "a touch to be answered")
        assert (plug.opened, presence.code) == (opened, "driver_stuck"), "it is not opened again while all of them hang"
        plug.jams = plug.hang = False
        for ends in plug.jammed[:1]:
            ends.set()
        plug.released.set()
        assert await presence.when_ready(5), "one that lets go makes room, and nobody has to do anything"

    play(scene)


def test_hung_threads_do_not_outlive_their_number() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        plug.jams = True
        await until(lambda: presence.code == "driver_stuck", "the cap")
        before = threading.active_count()
        await pause(20 * LIMITS.longest_retry_s)
        assert threading.active_count() == before

    play(scene)


def test_a_port_that_is_gone_still_tells_what_came_last() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.fault = garbled()
        await until(lambda: presence.code == "bad_answer", "the fault")
        plug.mute, plug.fault = True, absent()
        await until(lambda: presence.code == "port_absent", "the plug to be seen out")
        assert presence.error is not None
        assert presence.error.values["wire"] == "> 2a < ff"

    play(scene)


def test_a_supply_that_frees_what_hung_brings_the_device_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.devices.presence.STUCK_LOOK_S", 0.02)
    codes: list[str | None] = []

    async def run() -> None:
        plug, freed = Plug(), asyncio.Event()
        plug.jams = True

        async def cycle() -> None:
            codes.append(presence.code)
            if presence.code == "driver_stuck":
                plug.jams = False
                for ends in plug.jammed:
                    ends.set()
                freed.set()

        presence = Presence("thing", lambda: Driver(plug), SystemClock(), lambda change: None, power_cycle=cycle, limits=LIMITS)
        task = asyncio.create_task(presence.run())
        await asyncio.wait_for(freed.wait(), 20)
        assert await presence.when_ready(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert codes[0] == "driver_hung"


def test_a_supply_that_cannot_be_switched_keeps_nobody_from_trying() -> None:
    async def run() -> None:
        plug, tried = Plug(), asyncio.Event()
        plug.fault = garbled()

        async def cycle() -> None:
            tried.set()
            raise DeviceAbsent("gpio_absent", "gpio", "no pins", "It is opened again by itself.")

        presence = Presence("thing", lambda: Driver(plug), SystemClock(), lambda change: None, power_cycle=cycle, limits=LIMITS)
        task = asyncio.create_task(presence.run())
        await asyncio.wait_for(tried.wait(), 20)
        opened = plug.opened
        await until(lambda: plug.opened > opened, "another try")
        assert presence.code == "bad_answer", "its own fault, not the pins'"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["hang", "jams"])
def test_what_presence_itself_finds_comes_with_the_last_bytes(fault: str) -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        setattr(plug, fault, True)
        with pytest.raises(DeviceTimeout) as caught:
            await presence.use(lambda driver: driver.answer(), 0.05)
        assert (caught.value.code, caught.value.values["wire"]) == ("driver_hung", "> 2a < ff")

    play(scene)


def test_cancelled_use_leaves_the_device_ready() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.hang = True
        task = asyncio.create_task(presence.use(lambda driver: driver.answer(), 5))
        await until(lambda: presence.state == "busy", "the exchange to begin")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        plug.hang = False
        assert presence.state == "ready"

    play(scene)


def test_a_call_that_the_driver_itself_cancels_is_its_fault_and_not_the_end_of_its_presence() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        plug.drops_own_call = True
        await until(lambda: presence.code == "driver_failed", "the fault of an opening that was cancelled from within")
        plug.drops_own_call = False
        assert await presence.when_ready(2)
        plug.drops_own_call = True
        with pytest.raises(DeviceError) as caught:
            await presence.use(lambda driver: driver.answer(), 1)
        assert caught.value.code == "driver_failed"
        plug.drops_own_call = False
        assert await presence.when_ready(2)

    play(scene)


@pytest.mark.parametrize("error", [absent(), garbled()])
def test_a_use_that_is_cancelled_while_its_broken_driver_closes_leaves_no_device_that_is_none(error: DeviceError) -> None:
    """The operator goes on in the very moment in which the plug comes out."""

    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        plug.fault, plug.close_takes_s = error, 0.09
        task = asyncio.create_task(presence.use(lambda driver: driver.answer(), 5))
        await until(lambda: plug.closed == 1, "the driver to be closed")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert presence.code == error.code, "the fault is told"
        plug.fault, plug.close_takes_s = None, 0.0
        assert await presence.when_ready(2)
        assert await presence.use(lambda driver: driver.answer(), 1) == 42

    play(scene)


def test_only_one_at_a_time() -> None:
    async def scene(presence: Presence[Driver], plug: Plug, changes: list[PresenceChange]) -> None:
        await presence.when_ready(1)
        answers = await asyncio.gather(*(presence.use(lambda driver: driver.answer(), 1) for _ in range(5)))
        assert answers == [42] * 5
        states = [change.state for change in changes]
        assert not any(now == after == "busy" for now, after in itertools.pairwise(states))

    play(scene)


def test_every_state_can_be_closed_and_every_target_is_a_state() -> None:
    states = {state for state, _ in NEXT}
    assert set(NEXT.values()) <= states
    assert all(NEXT[state, "close"] == "absent" for state in states)
