"""The MicroPython board: identify, configure, heartbeat, light lease, genset request (`protocols/board_link`).

The board is safe by itself; what is asked here is leased there. The genset's lease is renewed by the heartbeat alone, so a station that
makes no progress lets go of it. Not responsible for when to start a genset (edge/power) or for opening again after a fault (presence).
"""

import asyncio
import math
from collections.abc import Callable

from edge.clock import Clock
from edge.devices.interfaces import BoardStatus, Identity, Pulse
from edge.errors import DeviceError, DeviceProtocolError, DeviceRefused
from edge.links.reader import start_reader, stop_reader
from edge.links.serial_port import SerialPort
from protocols import board_link as wire
from protocols import cobs
from station_config.schema import Board as Config

ANSWER_S = 0.25
"""the board answers within 10 ms; the wire needs 4 ms"""
TRIES = 4
CLOCK_TRIES = 5
CLOCK_GOOD_S = 30.0
"""a crystal drifts up to 50 ppm: 1.5 ms in this time"""
PULSE_MS = 19
PERIOD_MS = 133
"""four camera frames at 30 a second, and just above the least period that the duty limit allows (127 ms)"""
REFUSALS = {
    "light_rest": ("light_limit", "The light rests to spare the eye: wait."),
    "light_duty": ("light_limit", "The light rests to spare the eye: wait."),
    "light_fault": ("light_fault", "The light stayed on by itself: take the board out of service."),
    "over_temperature": ("board_hot", "Let the box cool, then clear the fault."),
    "locked_out": ("genset_locked", "Look at the genset, then clear the fault."),
}


class SerialBoard:
    """interfaces.Board on one serial port."""

    def __init__(self, name: str, config: Config, clock: Clock, on_status: Callable[[BoardStatus], None] = lambda status: None) -> None:
        """on_status: called with each report that the board sends by itself (every second, and at once on a change)."""
        self.name = name
        self._config = config
        self._clock = clock
        self._on_status = on_status
        self._port = SerialPort(name, config.port, config.baud)
        self._reader: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._sequence = 0
        self._waiting: tuple[int, asyncio.Future[tuple[int, bytes]]] | None = None
        self._broken: DeviceError | None = None
        self._genset = wire.GENSET_OFF
        self._pulses: tuple[Pulse, ...] = ()
        self._offset_s = 0.0
        """monotonic seconds at board ticks 0"""
        self._synchronised_s = -math.inf

    async def open(self) -> Identity:
        self._check_parameters()
        await self._connect()
        found = await self._ask("identify")
        self._check_schema(found)
        await self._configure(found)
        await self._synchronise()
        return Identity("Rekam", "board", f"{found['serial']:016x}", f"{found['schema']:08x}")

    async def _connect(self) -> None:
        await self.close()
        await self._port.open()
        self._broken = None
        self._reader = start_reader(self.name, self._read(), self._break)

    async def reset(self) -> None:
        """A new start of the board, its outputs safe, its settings forgotten; the driver is closed. For a board that answers, but wrongly again and again."""
        await self._connect()
        try:
            await self._ask("reset", wire.RESET_MAGIC)
        finally:
            await self.close()

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        await stop_reader(reader)
        await self._port.close()

    def wire(self) -> str:
        return self._port.tail.text()

    async def health(self) -> None:
        """A board that was reset answers, but has lost its settings: it must be opened again."""
        if not (await self.status()).configured:
            raise self._was_reset("it was asked for its health")

    async def status(self) -> BoardStatus:
        return _status(await self._ask("status"))

    async def heartbeat(self) -> None:
        await self._ask("heartbeat")
        if self._genset != wire.GENSET_OFF:
            await self._ask("genset", self._genset)

    async def genset(self, run: bool, test: bool = False) -> None:
        """test: start although the mains is present. The lease ends about 120 s after the last heartbeat."""
        self._genset = wire.GENSET_OFF if not run else wire.GENSET_TEST if test else wire.GENSET_ON_OUTAGE
        await self._ask("genset", self._genset)

    async def stopping(self, seconds: int, back: bool = False, charge_s: int = 0) -> None:
        """back: return as soon as the power is steady; otherwise only after it has been away. charge_s: so long the charger needs mains or
        genset before the battery carries another start and stop; interruptions do not count."""
        await self._ask("stopping", seconds, int(back), charge_s)

    async def updating(self, seconds: int) -> None:
        await self._ask("updating", seconds)

    async def lamp(self, name: str, on: bool, seconds: float = 0.0) -> None:
        """One of `board_link.LAMPS` (ready, work, alarm); 0 is as long as the board allows."""
        await self._ask("lamp", wire.LAMPS.index("lamp_" + name), int(on), round(seconds * 1000))

    async def clear(self) -> tuple[str, ...]:
        """Forget latched faults whose cause is gone; returns those that stay."""
        return tuple(wire.names_of((await self._ask("clear"))["faults"], wire.FAULTS))

    async def light(self, duration_ms: int, at_s: float | None = None) -> int:
        """at_s: begin of the first pulse on the station's monotonic clock, at most 0.2 s ahead; None is now."""
        if self._clock.monotonic_s() - self._synchronised_s > CLOCK_GOOD_S:
            await self._synchronise()
        start = wire.NOW if at_s is None else round((at_s - self._offset_s) * 1000) & wire.TICKS_MASK
        granted = await self._ask("light", start, duration_ms, PULSE_MS, PERIOD_MS)
        first_s, length_s = self._monotonic_s(granted["start_ticks"]), granted["pulse_ms"] / 1000
        begins_s = [first_s + number * granted["period_ms"] / 1000 for number in range(granted["count"])]
        self._pulses = tuple(Pulse(begin_s, begin_s + length_s) for begin_s in begins_s)
        return granted["lease_ms"]

    def pulses(self) -> tuple[Pulse, ...]:
        """When the light shines under the last lease, on the station's monotonic clock; right to about 2 ms."""
        return self._pulses

    async def dark(self) -> None:
        await self._ask("dark")

    def _check_schema(self, found: dict[str, int]) -> None:
        if (found["version"], found["schema"]) == (wire.VERSION, wire.SCHEMA):
            return
        ours, theirs = f"{wire.VERSION}/{wire.SCHEMA:08x}", f"{found['version']}/{found['schema']:08x}"
        text = f"the board speaks version and schema {theirs}, this station {ours}"
        raise DeviceProtocolError("board_schema", self.name, text, "Install the matching firmware: ./rekam flash.", station=ours, board=theirs)

    def _check_parameters(self) -> None:
        """Each setting by name, before anything is sent: the board itself knows only numbers. Raises DeviceRefused."""
        ranges = {name: (least, most) for name, _, least, most in wire.PARAMETERS}
        wrong = [_judged(name, value, ranges.get(name)) for name, value in sorted(self._config.parameters.items())]
        if any(wrong):
            text = f"settings that the board cannot take: {', '.join(filter(None, wrong))}"
            raise DeviceRefused("board_refused", self.name, text, "Correct [devices.board.parameters]; protocols/README.md lists them.", settings=len(wrong))

    async def _configure(self, found: dict[str, int]) -> None:
        """The board keeps its settings as long as it has power: usually the CRC tells that there is nothing to send."""
        values = [self._config.parameters.get(name, default) for name, default, _, _ in wire.PARAMETERS]
        crc = wire.config_crc(values)
        if found["configured"] and found["config_crc"] == crc:
            return
        if found["config_crc"] != crc:
            for parameter, value in enumerate(values):
                await self._ask("configure", parameter, value)
        await self._ask("finalize", crc)

    async def _synchronise(self) -> None:
        """Offset by the fastest of a few questions: half its round trip is the error."""
        best_s = math.inf
        for _ in range(CLOCK_TRIES):
            asked_s = self._clock.monotonic_s()
            ticks = (await self._ask("clock"))["ticks"]
            trip_s = self._clock.monotonic_s() - asked_s
            if trip_s < best_s:
                best_s = trip_s
                self._offset_s = asked_s + trip_s / 2 - ticks / 1000
        self._synchronised_s = self._clock.monotonic_s()

    def _monotonic_s(self, ticks: int) -> float:
        """Board ticks near now on the station's clock."""
        period_s = (wire.TICKS_MASK + 1) / 1000
        now_s = self._clock.monotonic_s()
        return now_s + (ticks / 1000 + self._offset_s - now_s + period_s / 2) % period_s - period_s / 2

    async def _ask(self, name: str, *values: int) -> dict[str, int]:
        """One command, sent again under the same number while no answer comes. Raises DeviceError."""
        async with self._lock:
            self._sequence = self._sequence % 255 + 1
            kind, body = await self._exchange(self._sequence, wire.command(name).kind, wire.command(name).pack(*values))
        try:
            if kind == wire.REFUSED.kind:
                raise self._refused(name, wire.REFUSED.read(body))
            if kind == wire.reply_to(name).kind:
                return wire.reply_to(name).read(body)
        except wire.LinkError as error:
            raise self._wrong(name, str(error), kind) from error
        raise self._wrong(name, "another command's answer", kind)

    async def _exchange(self, sequence: int, kind: int, body: bytes) -> tuple[int, bytes]:
        frame = wire.frame(sequence, kind, body)
        for _ in range(TRIES):
            if self._broken is not None:
                raise self._broken
            answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
            self._waiting = (sequence, answer)
            await self._port.write(frame)
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await answer
            except TimeoutError:
                continue
        raise self._port.timed_out("an answer of the board", TRIES * ANSWER_S)

    async def _read(self) -> None:
        splitter = cobs.Splitter(wire.MAX_FRAME)
        while True:
            for byte in await self._port.read(None):
                stuffed = splitter.push(byte)
                if stuffed is not None:
                    self._take(stuffed)

    def _take(self, stuffed: bytes) -> None:
        try:
            sequence, kind, body = wire.parse(stuffed)
            if kind == wire.EVENT.kind:
                self._event(wire.EVENT.read(body))
                return
        except wire.LinkError:
            return  # noise: the command is sent again, the event comes again
        if self._waiting and self._waiting[0] == sequence and not self._waiting[1].done():
            self._waiting[1].set_result((kind, body))

    def _event(self, values: dict[str, int]) -> None:
        self._on_status(_status(values))

    def _break(self, error: DeviceError) -> None:
        self._broken = error
        if self._waiting and not self._waiting[1].done():
            self._waiting[1].set_exception(error)

    def _refused(self, name: str, found: dict[str, int]) -> DeviceError:
        reason = wire.REASONS[found["reason"]] if found["reason"] < len(wire.REASONS) else str(found["reason"])
        if reason == "not_configured":
            return self._was_reset(name)
        code, next_step = REFUSALS.get(reason, ("board_refused", "Compare the settings in [devices.board] with protocols/README.md."))
        return DeviceRefused(code, self.name, f"refuses {name}: {reason}", next_step, reason=reason, wait_s=found["detail"] / 1000)

    def _was_reset(self, before: str) -> DeviceProtocolError:
        return DeviceProtocolError("board_reset", self.name, f"was reset before {before}", "It is configured again by itself.", before=before)

    def _wrong(self, asked: str, what: str, kind: int) -> DeviceProtocolError:
        return DeviceProtocolError("bad_answer", self.name, f"answer {kind:#04x} to {asked}: {what}", "It is asked again by itself.", asked=asked, kind=kind)


def _status(values: dict[str, int]) -> BoardStatus:
    inputs = wire.names_of(values["inputs"], wire.INPUTS)
    measured = values["temperature_c10"] != wire.UNKNOWN
    return BoardStatus(
        mains_ok="mains_ok" in inputs,
        ups_ok="ups_ok" in inputs,
        genset_running="genset_running" in inputs,
        genset_state=_name(wire.GENSET_STATES, values["genset_state"]),
        light_on="light_seen" in inputs,
        tamper="tamper" in inputs,
        supply_mv=values["supply_mv"] or None,
        temperature_c=values["temperature_c10"] / 10 if measured else None,
        uptime_ms=values["uptime_s"] * 1000,
        faults=tuple(wire.names_of(values["faults"], wire.FAULTS)),
        watchdog_state=_name(wire.WATCHDOG_STATES, values["watchdog_state"]),
        power_cycles=values["power_cycles"],
        genset_failures=values["genset_failures"],
        garbage=values["garbage"],
        configured=bool(values["configured"]),
    )


def _judged(name: str, value: int, within: tuple[int, int] | None) -> str:
    """What is wrong with a setting; empty when nothing is."""
    if within is None:
        return f"{name} (no board has it)"
    least, most = within
    return "" if least <= value <= most else f"{name} = {value} (takes {least} to {most})"


def _name(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else str(index)
