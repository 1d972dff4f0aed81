"""The board's end of `protocols/board_link`: answers commands once each, tells changes by itself while a host is there.

What the UART cannot take at once is lost: the host asks again. The report of each second is packed where the one before stood.
"""

import watchdog

from protocols import board_link as wire
from protocols import cobs

HOST_MS = 5_000
"""a host that sends nothing for this long is gone: no more events"""
EVENT_MS = 1_000
CHANGE_MS = 50
"""at most one event in this time, however much changes"""
READ_SIZE = 64
UNSTEADY = 1 << wire.OUTPUTS.index("light")
"""a pulse is no news"""

REASON = {}
for _index in range(len(wire.REASONS)):
    REASON[wire.REASONS[_index]] = _index


class Refusal(Exception):
    """A command that will not be carried out: REASON and detail."""

    def __init__(self, reason: str, detail: int = 0) -> None:
        self.reason = reason
        self.detail = detail


class Link:
    """One host, one command at a time."""

    def __init__(self, hal, board) -> None:
        self.reported = False
        self.garbage = 0
        self.reset_wanted = False
        self._hal = hal
        self._board = board
        self._splitter = cobs.Splitter(wire.MAX_FRAME)
        self._buffer = bytearray(READ_SIZE)
        self._report = wire.Report(wire.EVENT)
        self._last_frame = b""
        self._last_reply = b""
        self._host_ms = 0
        self._told = -1
        self._told_faults = -1
        self._since_event_ms = 0
        self._handlers = {}
        for message in wire.COMMANDS:
            self._handlers[message.kind] = (message, wire.reply_to(message.name), getattr(self, "_" + message.name))

    def step(self, dt_ms: int) -> None:
        self._host_ms = max(0, self._host_ms - dt_ms)
        self._since_event_ms = min(EVENT_MS, self._since_event_ms + dt_ms)
        self._receive()
        self._tell()
        self.reported = True

    def _receive(self) -> None:
        count = self._hal.link_read(self._buffer)
        for index in range(count):
            frame = self._splitter.push(self._buffer[index])
            if frame is not None:
                self._frame(frame)

    def _frame(self, frame: bytes) -> None:
        if frame == self._last_frame:
            self._hal.link_write(self._last_reply)
            return
        try:
            sequence, kind, body = wire.parse(frame)
        except wire.LinkError:
            self.garbage = (self.garbage + 1) & 0xFFFF
            return
        if sequence == 0:
            return
        self._host_ms = HOST_MS
        reply = self._answer(sequence, kind, body)
        self._last_frame = frame if kind != 0x01 else b""
        self._last_reply = reply
        self._hal.link_write(reply)

    def _answer(self, sequence: int, kind: int, body: bytes) -> bytes:
        try:
            if kind not in self._handlers:
                raise Refusal("unknown_command")
            message, reply, handler = self._handlers[kind]
            if len(body) != message.size:
                raise Refusal("bad_length")
            values = handler(*message.unpack(body))
        except Refusal as refusal:
            return wire.frame(sequence, wire.REFUSED.kind, wire.REFUSED.pack(REASON[refusal.reason], refusal.detail))
        return wire.frame(sequence, reply.kind, reply.pack(*values))

    def _tell(self) -> None:
        """An event on every change and every second, while a host listens."""
        if not self._host_ms or self._since_event_ms < CHANGE_MS:
            return
        now = self._board.changes()
        faults = self._board.faults.bits
        if now != self._told or faults != self._told_faults or self._since_event_ms >= EVENT_MS:
            self._told = now
            self._told_faults = faults
            self._since_event_ms = 0
            self._pack_status()
            self._hal.link_write(self._report.frame())

    # One method a command, named as in the table; each returns the values of its reply or raises Refusal.

    def _identify(self) -> tuple[int, ...]:
        self._board.watchdog.greet()
        settings = self._board.settings
        return wire.VERSION, wire.SCHEMA, self._hal.serial, self._hal.boot, settings.crc(), int(settings.closed), self._hal.reset_cause

    def _configure(self, parameter: int, value: int) -> tuple[int, ...]:
        if self._board.illuminator.lease_ms or self._board.outputs.start_contact.level:
            raise Refusal("in_use")
        if not self._board.settings.set(parameter, value):
            raise Refusal("bad_value")
        return ()

    def _finalize(self, crc: int) -> tuple[int, ...]:
        found = self._board.settings.crc()
        if found != crc:
            raise Refusal("crc_mismatch")
        self._board.settings.closed = True
        return (found,)

    def _status(self) -> tuple[int, ...]:
        self._pack_status()
        return self._report.values()

    def _pack_status(self) -> None:
        self._board.pack_status(self._report.plain, wire.Report.BODY_AT, self.garbage)

    def _clock(self) -> tuple[int, ...]:
        return (self._board.ticks(),)

    def _light(self, start_ticks: int, duration_ms: int, pulse_ms: int, period_ms: int) -> tuple[int, ...]:
        self._need_configured()
        light = self._board.illuminator
        start_in_ms = 0 if start_ticks == wire.NOW else self._board.ahead_ms(start_ticks)
        reason = light.request(start_in_ms, duration_ms, pulse_ms, period_ms)
        if reason >= 0:
            raise Refusal(wire.REASONS[reason], light.wait_ms)
        first = (self._board.ticks() + light.wait_ms) & wire.TICKS_MASK
        return light.lease_ms, first, light.pulse_ms, light.period_ms, light.count

    def _dark(self) -> tuple[int, ...]:
        light = self._board.illuminator
        light.dark()
        return light.pulses, min(light.seen_ms, 0xFFFF)

    def _genset(self, run: int) -> tuple[int, ...]:
        self._need_configured()
        if run > wire.GENSET_TEST:
            raise Refusal("bad_value")
        genset = self._board.genset
        if run and genset.failures >= 3:
            raise Refusal("locked_out")
        return (genset.ask(run),)

    def _heartbeat(self) -> tuple[int, ...]:
        self._need_configured()
        self._board.watchdog.beat()
        return (self._board.watchdog.state,)

    def _stopping(self, seconds: int, back: int, charge_s: int) -> tuple[int, ...]:
        return (self._hold(watchdog.STOPPING, seconds, bool(back), charge_s),)

    def _updating(self, seconds: int) -> tuple[int, ...]:
        return (self._hold(watchdog.UPDATING, seconds, False, 0),)

    def _hold(self, lease: int, seconds: int, back: bool, charge_s: int) -> int:
        granted = self._board.watchdog.hold(lease, seconds, back, charge_s)
        if not granted:
            raise Refusal("in_use")
        return granted

    def _lamp(self, lamp: int, on: int, lease_ms: int) -> tuple[int, ...]:
        if lamp >= len(wire.LAMPS):
            raise Refusal("bad_value")
        output = self._board.outputs.by_index(wire.OUTPUTS.index(wire.LAMPS[lamp]))
        output.set(1 if on else 0, lease_ms)
        return (output.left_ms if output.level else 0,)

    def _clear(self) -> tuple[int, ...]:
        return (self._board.clear(),)

    def _reset(self, magic: int) -> tuple[int, ...]:
        if magic != wire.RESET_MAGIC:
            raise Refusal("bad_value")
        self.reset_wanted = True
        return ()

    def _need_configured(self) -> None:
        if not self._board.settings.closed:
            raise Refusal("not_configured")
