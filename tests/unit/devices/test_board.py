"""The board's driver against a peer that lies: each wrong answer is told from silence, and nothing old is taken for new."""

import asyncio
import os
import pty
import tty
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edge.devices.board
from edge.clock import SystemClock
from edge.devices.board import SerialBoard
from edge.devices.interfaces import BoardStatus
from edge.errors import DeviceError, DeviceProtocolError, DeviceRefused, DeviceTimeout
from protocols import board_link as wire
from protocols import cobs
from station_config.schema import Board as Config

DEFAULT_CRC = wire.config_crc([default for _, default, _, _ in wire.PARAMETERS])
IDENTITY = wire.reply_to("identify").pack(wire.VERSION, wire.SCHEMA, 7, 1, DEFAULT_CRC, 1, 1)
Answer = Callable[[int, int, bytes], list[bytes]]


class Peer:
    """Plays the board: identify and clock rightly, all else as the test says."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.answer: Answer = lambda sequence, kind, body: []
        self.ticks = 1_000
        self.asked: list[tuple[int, int, bytes]] = []
        self._splitter = cobs.Splitter(wire.MAX_FRAME)

    def listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def _read(self) -> None:
        for byte in os.read(self._master, 1024):
            stuffed = self._splitter.push(byte)
            if stuffed is not None:
                self._take(*wire.parse(stuffed))

    def _take(self, sequence: int, kind: int, body: bytes) -> None:
        self.asked.append((sequence, kind, body))
        own = {0x01: IDENTITY, 0x05: wire.reply_to("clock").pack(self.ticks)}
        frames = [wire.frame(sequence, kind | wire.REPLY, own[kind])] if kind in own else self.answer(sequence, kind, body)
        for frame in frames:
            self.say(frame)


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


def run(peer: Peer, body: Callable[[SerialBoard], Awaitable[None]], reports: list[BoardStatus] | None = None) -> None:
    async def main() -> None:
        peer.listen()
        driver = SerialBoard("board", Config(port=peer.path), SystemClock(), (reports if reports is not None else []).append)
        await driver.open()
        try:
            await body(driver)
        finally:
            await driver.close()

    asyncio.run(main())


async def beat_fails(driver: SerialBoard, kind: type[DeviceError], code: str) -> DeviceError:
    with pytest.raises(kind) as caught:
        await driver.heartbeat()
    assert caught.value.code == code
    return caught.value


BEAT = wire.reply_to("heartbeat")


@pytest.mark.parametrize(("reply", "body"), [(0x84, bytes(31)), (0x89, b""), (0x89, b"12"), (0x7F, b"")], ids=["other kind", "short", "long", "short refusal"])
def test_a_wrong_answer_is_a_protocol_error(peer: Peer, reply: int, body: bytes) -> None:
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, reply, body)]
    run(peer, lambda driver: beat_fails(driver, DeviceProtocolError, "bad_answer"))


def test_an_answer_under_an_old_number_is_not_taken(peer: Peer) -> None:
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence - 1, BEAT.kind, b"\x01")]
    run(peer, lambda driver: beat_fails(driver, DeviceTimeout, "device_silent"))
    beats = [asked for asked in peer.asked if asked[1] == 0x09]
    assert len(beats) == 4
    assert len(set(beats)) == 1, "sent again under the same number"


def test_an_answer_to_the_second_try_is_good(peer: Peer) -> None:
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, BEAT.kind, b"\x01")] if len(peer.asked) % 2 == 0 else []

    async def body(driver: SerialBoard) -> None:
        await driver.heartbeat()

    run(peer, body)


def test_a_refusal_carries_reason_and_waiting_time(peer: Peer) -> None:
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, 0x7F, wire.REFUSED.pack(wire.REASONS.index("light_rest"), 12_500))]

    async def body(driver: SerialBoard) -> None:
        with pytest.raises(DeviceRefused) as caught:
            await driver.light(200)
        assert (caught.value.code, caught.value.values["wait_s"]) == ("light_limit", 12.5)

    run(peer, body)


def test_a_reason_of_a_newer_board_is_still_a_refusal(peer: Peer) -> None:
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, 0x7F, wire.REFUSED.pack(200, 0))]
    run(peer, lambda driver: beat_fails(driver, DeviceRefused, "board_refused"))


def test_a_board_that_forgot_its_settings_was_reset(peer: Peer) -> None:
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, 0x7F, wire.REFUSED.pack(wire.REASONS.index("not_configured"), 0))]
    run(peer, lambda driver: beat_fails(driver, DeviceProtocolError, "board_reset"))


def test_events_between_request_and_answer_are_reports(peer: Peer) -> None:
    values = dict.fromkeys(wire.EVENT.names, 0) | {"inputs": 1 << wire.INPUTS.index("tamper"), "temperature_c10": wire.UNKNOWN, "genset_state": 200}
    event = wire.frame(0, wire.EVENT.kind, wire.EVENT.pack(*values.values()))
    peer.answer = lambda sequence, kind, _: [b"\x00\x05junk\x00", event, wire.frame(0, wire.EVENT.kind, b"short"), wire.frame(sequence, BEAT.kind, b"\x01")]
    reports: list[BoardStatus] = []

    async def body(driver: SerialBoard) -> None:
        await driver.heartbeat()

    run(peer, body, reports)
    (report,) = reports
    assert (report.tamper, report.mains_ok, report.temperature_c, report.supply_mv, report.genset_state) == (True, False, None, None, "200")


def test_pulse_times_hold_where_the_boards_clock_wraps(peer: Peer) -> None:
    peer.ticks = wire.TICKS_MASK - 9
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, 0x86, wire.reply_to("light").pack(250, 40, 19, 133, 1))]

    async def body(driver: SerialBoard) -> None:
        before_s = SystemClock().monotonic_s()
        await driver.light(250)
        assert driver.pulses()[0].begin_s == pytest.approx(before_s + 0.05, abs=0.05)

    run(peer, body)


NOISE = st.lists(st.one_of(st.binary(max_size=120), st.builds(wire.frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))), max_size=6)


@settings(max_examples=40, deadline=None)
@given(NOISE)
def test_whatever_the_board_says_is_an_answer_or_an_error_with_a_name(noise: list[bytes]) -> None:
    """And what it said is forgotten: the next question is answered."""
    peer = Peer()
    peer.answer = lambda sequence, kind, _: [*noise, b"\x00"]

    async def body(driver: SerialBoard) -> None:
        with suppress(DeviceError):
            await driver.heartbeat()
        peer.answer = lambda sequence, kind, _: [b"\x00", wire.frame(sequence, BEAT.kind, b"\x01")]
        await driver.heartbeat()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge.devices.board, "ANSWER_S", 0.05)
        try:
            run(peer, body)
        finally:
            peer.close()


def test_pulse_times_are_the_boards_ticks_on_the_stations_clock(peer: Peer) -> None:
    """The peer's clock stands at 1.000 s: a pulse at tick 1,050 is 50 ms after the synchronisation."""
    peer.answer = lambda sequence, kind, _: [wire.frame(sequence, 0x86, wire.reply_to("light").pack(250, 1_050, 19, 133, 2))]

    async def body(driver: SerialBoard) -> None:
        before_s = SystemClock().monotonic_s()
        assert await driver.light(250) == 250
        first, second = driver.pulses()
        assert first.begin_s == pytest.approx(before_s + 0.05, abs=0.05)
        assert second.begin_s - first.begin_s == pytest.approx(0.133)

    run(peer, body)
