"""The wire between station and board: messages as one table that both ends run. Also runs on the board (MicroPython).

A frame is 00 | COBS(sequence, kind, body, CRC-32) | 00 (`protocols/README.md`, "Board link"). Commands carry sequence 1 .. 255 and are
answered under the same one by kind | 0x80 or REFUSED; a repeated frame gets the old answer again and is not carried out twice. Events carry sequence 0.
Not here: time, ports, retries, and what the board does.
"""

import struct
from binascii import crc32

from protocols import cobs, crc

VERSION = 1
MAX_FRAME = 96
"""stuffed bytes between two zeros: the largest message has 38, the rest is room for growth on a board with little memory"""
REPLY = 0x80
TICKS_MASK = 0x3FFFFFFF
"""board time is milliseconds modulo 2**30 (MicroPython ticks): comparable within 6 days"""
NOW = 0xFFFFFFFF
"""start_ticks of a light request that shall begin at once"""
RESET_MAGIC = 0x54534552
"""a reset is never sent by accident"""
UNKNOWN = -32768
"""a measure that the board could not take"""

GENSET_OFF, GENSET_ON_OUTAGE, GENSET_TEST = 0, 1, 2
"""run: let go; start when the mains has failed; start also with mains present"""

INPUTS = ("mains_ok", "ups_ok", "genset_running", "genset_alarm", "tamper", "pi_alive", "light_seen")
OUTPUTS = ("light", "light_supply", "start_contact", "pi_power", "hub_power", "pi_stop", "lamp_ready", "lamp_work", "lamp_alarm")
LAMPS = ("lamp_ready", "lamp_work", "lamp_alarm")
FAULTS = (
    "light_stuck", "light_dead", "over_temperature", "genset_lockout", "genset_will_not_stop", "genset_alarm", "pi_cut_limit", "tamper", "task_failed",
)
"""bit numbers of a status; all but `tamper` and `genset_alarm` stay until `clear`"""
GENSET_STATES = (
    "idle", "mains_debounce", "request", "starting", "warmup", "running", "return_wait", "cooldown", "stopping", "failed", "manual",
)
WATCHDOG_STATES = ("unarmed", "watching", "warned", "asked", "leased", "cutting", "off", "restoring", "given_up")
REASONS = (
    "unknown_command", "bad_length", "bad_value", "not_configured", "in_use", "crc_mismatch", "light_rest", "light_duty", "light_fault", "over_temperature",
    "locked_out", "too_many_starts",
)
"""why a command was refused; `detail` is milliseconds to wait where waiting helps, else 0"""

PARAMETERS = (
    # name, default, least, most. Genset times after DSE 5110/704 and DEIF SGC-120 defaults, longer where the station can wait
    ("mains_debounce_ms", 10_000, 0, 60_000),
    ("start_timeout_ms", 80_000, 1_000, 180_000),
    ("warmup_ms", 30_000, 0, 300_000),
    ("min_run_ms", 900_000, 0, 3_600_000),
    ("return_ms", 120_000, 0, 600_000),
    ("cooldown_ms", 120_000, 0, 600_000),
    ("stop_timeout_ms", 60_000, 1_000, 180_000),
    ("retry_ms", 30_000, 0, 300_000),
    ("genset_lease_ms", 120_000, 1_000, 300_000),
    ("starts_an_hour", 6, 1, 12),
    ("wd_warn_ms", 30_000, 500, 600_000),
    ("wd_ask_ms", 60_000, 1_000, 600_000),
    ("wd_cut_ms", 120_000, 2_000, 1_200_000),
    ("off_ms", 5_000, 100, 10_000),
    ("mains_stable_ms", 60_000, 0, 600_000),
    ("hot_c10", 700, 300, 850),
)


class LinkError(ValueError):
    """Bytes that are no message of this table."""


class Message:
    """One row: kind, name and fields ("name:format" in struct's letters, little endian, no padding)."""

    def __init__(self, kind: int, name: str, fields: str = "") -> None:
        pairs = [pair.split(":") for pair in fields.split()]
        self.kind = kind
        self.name = name
        self.fields = fields
        self.names = [pair[0] for pair in pairs]
        self.format = "<" + "".join([pair[1] for pair in pairs])
        self.size = struct.calcsize(self.format)

    def pack(self, *values: int) -> bytes:
        """The body. Raises struct.error for values that do not fit: a programming error."""
        return struct.pack(self.format, *values)

    def unpack(self, body: bytes) -> tuple[int, ...]:
        """The values in table order. Raises LinkError."""
        if len(body) != self.size:
            raise LinkError(f"{self.name} has {len(body)} bytes, not {self.size}")
        return struct.unpack(self.format, body)

    def read(self, body: bytes) -> dict[str, int]:
        """The values by name. Raises LinkError."""
        return dict(zip(self.names, self.unpack(body)))  # noqa: B905  # MicroPython's zip knows no strict


STATUS_FIELDS = (
    "ticks:I uptime_s:I inputs:H outputs:H faults:H genset_state:B genset_failures:B watchdog_state:B power_cycles:B temperature_c10:h supply_mv:H "
    "light_rest_ms:H pulses:H seen_ms:H garbage:H configured:B"
)

COMMANDS = (
    Message(0x01, "identify"),
    Message(0x02, "configure", "parameter:B value:I"),
    Message(0x03, "finalize", "crc:I"),
    Message(0x04, "status"),
    Message(0x05, "clock"),
    Message(0x06, "light", "start_ticks:I duration_ms:H pulse_ms:B period_ms:H"),
    Message(0x07, "dark"),
    Message(0x08, "genset", "run:B"),
    Message(0x09, "heartbeat"),
    Message(0x0A, "stopping", "seconds:H back:B charge_s:H"),
    Message(0x0B, "updating", "seconds:H"),
    Message(0x0C, "lamp", "lamp:B on:B lease_ms:I"),
    Message(0x0D, "clear"),
    Message(0x0E, "reset", "magic:I"),
)
REPLIES = (
    Message(0x81, "identify reply", "version:B schema:I serial:Q boot:I config_crc:I configured:B reset_cause:B"),
    Message(0x82, "configure reply"),
    Message(0x83, "finalize reply", "config_crc:I"),
    Message(0x84, "status reply", STATUS_FIELDS),
    Message(0x85, "clock reply", "ticks:I"),
    Message(0x86, "light reply", "lease_ms:H start_ticks:I pulse_ms:B period_ms:H count:B"),
    Message(0x87, "dark reply", "pulses:H seen_ms:H"),
    Message(0x88, "genset reply", "lease_ms:I"),
    Message(0x89, "heartbeat reply", "watchdog_state:B"),
    Message(0x8A, "stopping reply", "seconds:H"),
    Message(0x8B, "updating reply", "seconds:H"),
    Message(0x8C, "lamp reply", "lease_ms:I"),
    Message(0x8D, "clear reply", "faults:H"),
    Message(0x8E, "reset reply"),
)
REFUSED = Message(0x7F, "refused", "reason:B detail:I")
EVENT = Message(0x40, "event", STATUS_FIELDS)


def _schema_text() -> str:
    """All that both ends must agree on, as text: the names of bits and states too."""
    rows = [f"{message.kind:02x} {message.name} {message.fields}" for message in COMMANDS + REPLIES + (REFUSED, EVENT)]
    words = [",".join(names) for names in (INPUTS, OUTPUTS, FAULTS, GENSET_STATES, WATCHDOG_STATES, REASONS)]
    limits = [f"{name} {default} {least} {most}" for name, default, least, most in PARAMETERS]
    return "\n".join(rows + words + limits)


SCHEMA = crc32(_schema_text().encode())
"""changes with every message, bit, state or limit; a station and a board with different ones do not talk"""


def command(name: str) -> Message:
    """The row of a command. Raises KeyError."""
    return _find(COMMANDS, name)


def reply_to(name: str) -> Message:
    """The row of a command's answer. Raises KeyError."""
    return _find(REPLIES, name + " reply")


def _find(rows: tuple[Message, ...], name: str) -> Message:
    for message in rows:
        if message.name == name:
            return message
    raise KeyError(name)


def frame(sequence: int, kind: int, body: bytes = b"") -> bytes:
    """Ready for the wire, with the zero before (it ends line noise) and behind."""
    return b"\x00" + cobs.encode(crc.append(bytes([sequence, kind]) + body)) + b"\x00"


class Report:
    """A message that is sent again and again under sequence 0, in the same bytes each time: nothing is allocated."""

    BODY_AT = 2

    def __init__(self, message: Message) -> None:
        self.plain = bytearray(self.BODY_AT + message.size + crc.SIZE)
        """the body is written here, from BODY_AT on"""
        self.plain[1] = message.kind
        self._message = message
        self._frame = bytearray(len(self.plain) + 3)

    def values(self) -> tuple[int, ...]:
        """Of the body as it stands."""
        return struct.unpack_from(self._message.format, self.plain, self.BODY_AT)

    def frame(self) -> bytearray:
        """Ready for the wire; the next call writes over it."""
        crc.seal(self.plain)
        cobs.stuff(self.plain, self._frame, 1)
        return self._frame


def parse(stuffed: bytes) -> tuple[int, int, bytes]:
    """What stood between two zeros -> (sequence, kind, body). Raises LinkError."""
    plain = cobs.decode(stuffed)
    content = crc.strip(plain) if plain else None
    if content is None or len(content) < 2:
        raise LinkError("not a frame")
    return content[0], content[1], content[2:]


def config_crc(values: list[int]) -> int:
    """CRC-32 over all parameters, 4 bytes each, in table order: both ends must hold the same configuration."""
    return crc32(b"".join([struct.pack("<I", value) for value in values]))


def names_of(bits: int, names: tuple[str, ...]) -> list[str]:
    """The names whose bits are set."""
    return [names[index] for index in range(len(names)) if bits >> index & 1]
