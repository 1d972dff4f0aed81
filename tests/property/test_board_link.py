"""The board link's codec under any bytes: nothing is lost, nothing is invented, nothing grows without bound."""

from hypothesis import example, given
from hypothesis import strategies as st

from protocols import board_link as wire
from protocols import cobs, crc

MESSAGES = st.sampled_from([*wire.COMMANDS, *wire.REPLIES, wire.REFUSED, wire.EVENT])
FRAMES = st.builds(
    lambda message, seed, sequence: (sequence, message.kind, (seed * 40)[: message.size]), MESSAGES, st.binary(min_size=1, max_size=9), st.integers(0, 255)
)
NOISE = st.binary(max_size=300)


def split(stream: bytes) -> list[tuple[int, int, bytes]]:
    """What a receiver makes of a stream; damaged frames left out."""
    splitter, found = cobs.Splitter(wire.MAX_FRAME), []
    for byte in stream:
        stuffed = splitter.push(byte)
        if stuffed is not None:
            try:
                found.append(wire.parse(stuffed))
            except wire.LinkError:
                continue
    return found


@given(st.binary(max_size=253))
@example(b"")
@example(b"\x00")
@example(b"\x00" * 253)
@example(b"\x01" * 253)
def test_stuffing_in_place_writes_what_encode_returns(plain: bytes) -> None:
    stuffed = bytearray(b"\xee" * (len(plain) + 5))
    cobs.stuff(bytearray(plain), stuffed, 2)
    assert stuffed == b"\xee\xee" + cobs.encode(plain) + b"\xee\xee"


@given(st.binary(max_size=300))
@example(b"123456789")
def test_a_crc_by_halves_is_the_whole_one(content: bytes) -> None:
    sealed = bytearray(content + b"\xee\xee\xee\xee")
    crc.seal(sealed)
    assert bytes(sealed) == crc.append(content)


@given(st.lists(st.binary(min_size=wire.EVENT.size, max_size=wire.EVENT.size), min_size=1, max_size=3))
def test_a_report_is_the_frame_of_its_body_each_time(bodies: list[bytes]) -> None:
    report = wire.Report(wire.EVENT)
    for body in bodies:
        report.plain[report.BODY_AT : report.BODY_AT + len(body)] = body
        assert bytes(report.frame()) == wire.frame(0, wire.EVENT.kind, body)
        assert report.values() == wire.EVENT.unpack(body)


@given(st.binary(max_size=1500))
@example(b"\x01" * 254)
@example(b"\x01" * 254 + b"\x00")
@example(b"\x01" * 508)
def test_cobs_returns_every_byte_and_writes_no_zero(plain: bytes) -> None:
    stuffed = cobs.encode(plain)
    assert 0 not in stuffed
    assert len(stuffed) <= len(plain) + len(plain) // 254 + 1
    assert cobs.decode(stuffed) == plain


@given(st.binary(max_size=600))
def test_decoding_anything_ends(stuffed: bytes) -> None:
    plain = cobs.decode(stuffed)
    assert plain is None or len(plain) <= len(stuffed)


@given(st.lists(FRAMES, max_size=8))
def test_merged_frames_come_apart(frames: list[tuple[int, int, bytes]]) -> None:
    assert split(b"".join(wire.frame(*frame) for frame in frames)) == frames


@given(NOISE, FRAMES)
def test_a_frame_after_noise_is_read(noise: bytes, frame: tuple[int, int, bytes]) -> None:
    assert split(noise + wire.frame(*frame))[-1] == frame


@given(FRAMES, st.integers(1, 60), st.integers(0, 7))
def test_one_wrong_bit_is_never_taken_for_another_message(frame: tuple[int, int, bytes], at: int, bit: int) -> None:
    sent = bytearray(wire.frame(*frame))
    at = min(at, len(sent) - 2)
    sent[at] ^= 1 << bit
    assert split(bytes(sent)) == []


@given(FRAMES, st.data())
def test_a_lost_byte_costs_one_frame_at_most(frame: tuple[int, int, bytes], data: st.DataObject) -> None:
    sent = wire.frame(*frame)
    at = data.draw(st.integers(0, len(sent) - 1))
    assert split(sent[:at] + sent[at + 1 :] + wire.frame(9, 9))[-1] == (9, 9, b"")


@given(st.binary(min_size=wire.MAX_FRAME + 1, max_size=2000).map(lambda data: data.replace(b"\x00", b"\x01")))
def test_oversize_is_dropped_and_counted(data: bytes) -> None:
    splitter = cobs.Splitter(wire.MAX_FRAME)
    assert all(splitter.push(byte) is None for byte in data)
    assert splitter.push(0) is None
    assert splitter.dropped == len(data)


@given(MESSAGES, st.data())
def test_every_message_returns_its_values(message: wire.Message, data: st.DataObject) -> None:
    ranges = {"B": (0, 0xFF), "H": (0, 0xFFFF), "h": (-0x8000, 0x7FFF), "I": (0, 0xFFFFFFFF), "Q": (0, (1 << 64) - 1)}
    values = tuple(data.draw(st.integers(*ranges[letter])) for letter in message.format[1:])
    assert message.unpack(message.pack(*values)) == values
    assert list(message.read(message.pack(*values)).values()) == list(values)
