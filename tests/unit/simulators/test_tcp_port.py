"""Plugs and TCP ports of simulated devices: each named fault is what a client sees of it."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from simulators.faults import LATE_S, STALL_S, STRAY, WIRE_FAULTS, WireFaults
from simulators.plug import LOOSE_OUT_S, Plug
from simulators.tcp_port import Send, TcpPort
from simulators.world import WorldClock
from tests.waiting import pause, until

SPEED = 20.0
ANSWER = bytes(range(65, 85))


class Quick(WorldClock):
    """Twenty times as fast as the wall."""

    def now_s(self) -> float:
        return super().now_s() * SPEED

    async def sleep_s(self, seconds: float) -> None:
        await super().sleep_s(seconds / SPEED)


async def serve(reader: asyncio.StreamReader, send: Send) -> None:
    while await reader.readline():
        await send(ANSWER)


def with_port(scene: Callable[[TcpPort, WireFaults], Awaitable[None]], *faults: str) -> None:
    async def run() -> None:
        wire = WireFaults(random.Random(1), faults)
        port = TcpPort("127.0.0.1:0", serve, faults=wire, clock=Quick())
        await port.open()
        try:
            async with asyncio.timeout(20):
                await scene(port, wire)
        finally:
            await port.close()

    asyncio.run(run())


async def asked(port: TcpPort, wait_s: float) -> tuple[bytes, float]:
    """What one question brings within that time, and after how many seconds (of the wall) the last of it came."""
    host, _, number = port.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(number))
    loop = asyncio.get_running_loop()
    writer.write(b"?\n")
    began_s = last_s = loop.time()
    got = b""
    try:
        async with asyncio.timeout(wait_s):
            while data := await reader.read(100):
                got += data
                last_s = loop.time()
    except TimeoutError:
        pass
    writer.close()
    await writer.wait_closed()
    return got, last_s - began_s


@pytest.mark.parametrize(("fault", "expected"), [
    ("", lambda got: got == ANSWER),
    ("drop", lambda got: len(got) == len(ANSWER) - 1),
    ("mute", lambda got: got == b""),
    ("corrupt", lambda got: sum(one != other for one, other in zip(got, ANSWER, strict=True)) == 1),
    ("truncate", lambda got: got == ANSWER[:10]),
    ("stray", lambda got: got == STRAY + ANSWER),
    ("split", lambda got: got == ANSWER),
    ("merge", lambda got: got == ANSWER),
])
def test_what_a_client_gets(fault: str, expected: Callable[[bytes], bool]) -> None:
    async def scene(port: TcpPort, wire: WireFaults) -> None:
        got, _ = await asked(port, 0.5)
        assert expected(got), got

    with_port(scene, *([fault] if fault else []))


@pytest.mark.parametrize(("fault", "at_least_s"), [("late", LATE_S), ("stall", STALL_S)])
def test_what_comes_late_comes_whole(fault: str, at_least_s: float) -> None:
    async def scene(port: TcpPort, wire: WireFaults) -> None:
        got, last_s = await asked(port, at_least_s / SPEED + 1)
        assert got == ANSWER
        assert last_s >= at_least_s / SPEED * 0.9

    with_port(scene, fault)


def test_a_reset_in_the_middle_ends_the_connection_and_the_next_one_is_served() -> None:
    async def scene(port: TcpPort, wire: WireFaults) -> None:
        got, _ = await asked(port, 5)
        assert got == ANSWER[:10]
        wire.set("reset-middle", False)
        assert (await asked(port, 0.5))[0] == ANSWER

    with_port(scene, "reset-middle")


def test_pulled_out_nobody_is_accepted_and_plugged_in_again_it_has_the_same_number() -> None:
    async def scene(port: TcpPort, wire: WireFaults) -> None:
        before = port.address
        await port.close()
        with pytest.raises(ConnectionError):
            await asked(port, 0.5)
        await port.open()
        assert port.address == before
        assert (await asked(port, 0.5))[0] == ANSWER

    with_port(scene)


class Moves:
    """A plug that notes where it is."""

    def __init__(self) -> None:
        self.into: list[bool] = []

    async def pull(self) -> None:
        await pause(0)
        self.into.append(False)

    async def push(self) -> None:
        self.into.append(True)


def test_a_plug_moves_in_the_order_in_which_it_was_told_and_a_loose_one_again_and_again() -> None:
    async def run() -> None:
        moves = Moves()
        plug = Plug(moves.pull, moves.push, Quick(), played := Counter[str]())
        await plug.begin({"unplug"})
        assert moves.into == [], "out from the start"
        for fault, on in (("unplug", True), ("unplug", False), ("unplug", True), ("unplug", False)):
            plug.act(fault, on)
        await until(lambda: len(moves.into) == 4, "all moves")
        assert moves.into == [False, True, False, True]
        plug.act("replug", True)
        await until(lambda: len(moves.into) >= 8, "a loose contact")
        assert moves.into[4:8] == [False, True, False, True]
        plug.act("replug", False)
        await until(lambda: moves.into[-1], "it to be in at the end")
        await plug.end()
        assert played["unplug"] == 3
        assert played["replug"] == moves.into.count(False) - 2, "counted each time that it was out"

    asyncio.run(run())


def test_each_fault_of_the_wire_is_explained_and_a_loose_plug_is_out_for_less_than_a_driver_waits() -> None:
    assert all(len(text) > 10 for text in WIRE_FAULTS.values())
    assert LOOSE_OUT_S < 2
