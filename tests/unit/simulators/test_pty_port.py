"""The simulated serial port keeps a UART's time, its back-pressure, and its cable."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import serial

from simulators.faults import PIECES_APART_S, STALL_S, WIRE_FAULTS, WireFaults
from simulators.pty_port import PtyPort
from simulators.world import WorldClock
from tests.waiting import until

Scene = Callable[[PtyPort, list[bytes]], Coroutine[Any, Any, None]]


def played(tmp_path: Path, scene: Scene, *, baud: int = 57_600, strict: bool = False) -> None:
    async def run() -> None:
        heard: list[bytes] = []
        port = PtyPort(tmp_path / "port", heard.append, baud=baud, strict_baud=strict)
        await port.open()
        try:
            await scene(port, heard)
        finally:
            await port.close()

    asyncio.run(run())


def test_bytes_take_the_time_of_the_wire_both_ways(tmp_path: Path) -> None:
    async def scene(port: PtyPort, heard: list[bytes]) -> None:
        clock = WorldClock()
        with serial.Serial(str(port.link), 57_600, timeout=5) as client:
            began = clock.now_s()
            port.send(bytes(1152))
            assert len(await asyncio.to_thread(client.read, 1152)) == 1152
            assert 0.2 <= clock.now_s() - began < 1.0
            began = clock.now_s()
            client.write(bytes(512))
            await until(lambda: sum(map(len, heard)) == 512, "the bytes to arrive")
            assert clock.now_s() - began >= 512 * 10 / 57_600 * 0.99

    played(tmp_path, scene)


def test_what_nobody_reads_waits(tmp_path: Path) -> None:
    async def scene(port: PtyPort, heard: list[bytes]) -> None:
        done: list[bool] = []
        with serial.Serial(str(port.link), 921_600, timeout=5) as client:
            port.send(bytes(100_000), lambda: done.append(True))
            await until(lambda: client.in_waiting > 4_000, "the line to fill up")
            assert not done
            assert len(await asyncio.to_thread(client.read, 100_000)) == 100_000
            await until(lambda: done, "the last byte to leave")

    played(tmp_path, scene, baud=921_600)


def test_unplugged_port_hangs_up_and_comes_back_behind_the_same_link(tmp_path: Path) -> None:
    async def scene(port: PtyPort, heard: list[bytes]) -> None:
        with serial.Serial(str(port.link), 57_600, timeout=1) as client:
            await port.unplug()
            assert not port.link.exists()
            with pytest.raises(serial.SerialException):
                client.read(1)
        await port.replug()
        with serial.Serial(str(port.link), 57_600, timeout=5) as client:
            port.send(b"again")
            assert await asyncio.to_thread(client.read, 5) == b"again"

    played(tmp_path, scene)


def test_strict_port_is_understood_at_its_own_speed_only(tmp_path: Path) -> None:
    async def scene(port: PtyPort, heard: list[bytes]) -> None:
        with serial.Serial(str(port.link), 9600, timeout=5) as client:
            port.send(b"hello")
            assert await asyncio.to_thread(client.read, 5) != b"hello"
            client.baudrate = 57_600
            port.send(b"hello")
            assert await asyncio.to_thread(client.read, 5) == b"hello"

    played(tmp_path, scene, strict=True)


def test_faults_as_their_table_says() -> None:
    message = bytes(range(10))
    outcomes = {name: WireFaults(random.Random(1), [name]).outgoing(message) for name in WIRE_FAULTS}
    sent = {name: b"".join(piece for _, piece in pieces) for name, pieces in outcomes.items()}
    assert outcomes["mute"] == []
    assert len(sent["drop"]) == 9
    assert sum((a ^ b).bit_count() for a, b in zip(sent["corrupt"], message, strict=True)) == 1
    assert sent["stray"].endswith(message)
    assert sent["truncate"] == message[:5]
    assert outcomes["stall"] == [(0.0, message[:5]), (STALL_S, message[5:])]
    assert len(outcomes["split"]) == 2
    assert sent["merge"] == sent["late"] == sent["split"] == message


def test_a_message_of_one_byte_is_held_up_and_cut_short_too() -> None:
    late = {name: WireFaults(random.Random(1), [name]).outgoing(b"a") for name in ("stall", "split", "truncate")}
    assert [sum(delay_s for delay_s, _ in pieces) for pieces in late.values()] == [STALL_S, PIECES_APART_S, 0.0]
    assert [b"".join(piece for _, piece in pieces) for pieces in late.values()] == [b"a", b"a", b""]


def test_only_what_a_fault_changed_is_counted() -> None:
    faults = WireFaults(random.Random(1))
    faults.outgoing(b"abcd")
    assert not faults.active.played
    faults.set("drop", True)
    faults.outgoing(b"")
    assert not faults.active.played, "nothing to lose"
    faults.outgoing(b"abcd")
    faults.outgoing(b"abcd")
    assert faults.active.played == {"drop": 2}
    faults.set("drop", False)
    assert not faults.active.acts("drop")
    faults.outgoing(b"abcd")
    assert faults.active.played == {"drop": 2}


def test_one_hit_fault() -> None:
    faults = WireFaults(random.Random(1))
    faults.once("mute")
    assert faults.outgoing(b"a") == []
    assert faults.outgoing(b"a") == [(0.0, b"a")]
