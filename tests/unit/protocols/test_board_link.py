"""Golden bytes of the board link: from the COBS paper's and CRC catalogue's examples and from a frame made by hand."""

from pathlib import Path

import pytest

from protocols import board_link as wire
from protocols import cobs, crc

HAND_MADE = bytes.fromhex("00 07 01 01 28 13 C5 2F 00")
"""sequence 1, identify, no body: CRC-32 of 01 01 is 2FC51328, low byte first"""

COBS = [
    ("", "01"),
    ("00", "01 01"),
    ("00 00", "01 01 01"),
    ("00 11 00", "01 02 11 01"),
    ("11 22 00 33", "03 11 22 02 33"),
    ("11 22 33 44", "05 11 22 33 44"),
    ("11 00 00 00", "02 11 01 01 01"),
]
"""Consistent Overhead Byte Stuffing, the table of examples in the encyclopaedia article, without its delimiters"""


def test_the_frame_made_by_hand() -> None:
    assert wire.frame(1, 1) == HAND_MADE
    assert wire.parse(HAND_MADE[1:-1]) == (1, 1, b"")


def test_crc_check_value_of_the_catalogue() -> None:
    assert crc.append(b"123456789")[-4:] == (0xCBF43926).to_bytes(4, "little")


@pytest.mark.parametrize(("plain", "stuffed"), COBS)
def test_cobs_examples(plain: str, stuffed: str) -> None:
    assert cobs.encode(bytes.fromhex(plain)) == bytes.fromhex(stuffed)
    assert cobs.decode(bytes.fromhex(stuffed)) == bytes.fromhex(plain)


def test_cobs_at_254_bytes() -> None:
    run = bytes(range(1, 255))
    assert cobs.encode(run) == b"\xff" + run
    assert cobs.encode(b"\x00" + run) == b"\x01\xff" + run
    assert cobs.encode(run + b"\xff") == b"\xff" + run + b"\x02\xff"
    assert cobs.encode(run[1:] + b"\xff\x00") == b"\xff" + run[1:] + b"\xff\x01\x01"
    assert cobs.encode(run[2:] + b"\xff\x00\x01") == b"\xfe" + run[2:] + b"\xff\x02\x01"


@pytest.mark.parametrize("stuffed", ["00", "05 11 22", "02", "03 11 00", "ff 01"])
def test_what_no_encoder_writes_is_refused(stuffed: str) -> None:
    assert cobs.decode(bytes.fromhex(stuffed)) in (None, b"\x11\x00")  # a zero inside is the splitter's business
    with pytest.raises(wire.LinkError):
        wire.parse(bytes.fromhex(stuffed))


def test_golden_light_lease() -> None:
    """Light at once for 250 ms, 19 ms pulses every 133 ms, sequence 7. CRC by gzip, stuffed by hand."""
    golden = bytes.fromhex("00  08 07 06 FF FF FF FF FA  03 13 85  05 A2 06 44 0C  00")
    assert wire.frame(7, 6, wire.command("light").pack(wire.NOW, 250, 19, 133)) == golden


def test_tables_are_sound() -> None:
    kinds = [message.kind for message in (*wire.COMMANDS, *wire.REPLIES, wire.REFUSED, wire.EVENT)]
    assert len(kinds) == len(set(kinds))
    for message in wire.COMMANDS:
        assert wire.reply_to(message.name).kind == message.kind | wire.REPLY
    for message in (*wire.COMMANDS, *wire.REPLIES, wire.REFUSED, wire.EVENT):
        assert len(wire.frame(255, message.kind, bytes(message.size))) - 2 <= wire.MAX_FRAME
    assert len(wire.FAULTS) <= 16
    assert len(wire.OUTPUTS) <= 16
    assert len(wire.INPUTS) <= 16
    assert all(least <= default <= most for _, default, least, most in wire.PARAMETERS)


def test_every_name_is_part_of_the_schema() -> None:
    text = wire._schema_text()
    for names in (wire.INPUTS, wire.OUTPUTS, wire.FAULTS, wire.GENSET_STATES, wire.WATCHDOG_STATES, wire.REASONS):
        assert ",".join(names) in text


def test_a_body_of_another_length_is_refused_naming_both() -> None:
    with pytest.raises(wire.LinkError, match="light has 3 bytes, not 9"):
        wire.command("light").unpack(b"abc")


def test_the_readme_tells_every_command_and_field() -> None:
    text = (Path(__file__).resolve().parents[3] / "protocols/README.md").read_text(encoding="utf-8")
    words = {"B": "u8", "H": "u16", "h": "s16", "I": "u32", "Q": "u64"}
    for message in (*wire.COMMANDS, *wire.REPLIES, wire.EVENT):
        for name, letter in zip(message.names, message.format[1:], strict=True):
            assert f"{name} {words[letter]}" in text, f"{message.name}: {name}"
    for message in wire.COMMANDS:
        assert f"| {message.kind:02X} | {message.name} |" in text
