"""Whatever way the bytes come: decoders find every whole packet, invent none, and never fail on noise."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from protocols import isdv4, zfm

PAYLOADS = st.lists(st.binary(min_size=1, max_size=64), min_size=1, max_size=6)
NOISE = st.binary(max_size=40)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(PAYLOADS, st.lists(st.integers(0, 2000), max_size=20))
def test_zfm_packets_survive_any_cutting(payloads: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(zfm.encode(zfm.DATA, payload) for payload in payloads)
    decoder = zfm.Decoder()
    found = [item for piece in pieces(wire, cuts) for item in decoder.feed(piece)]
    assert found == [zfm.Packet(zfm.DATA, payload) for payload in payloads]
    assert decoder.stray == 0


@given(NOISE, st.binary(min_size=1, max_size=64))
def test_zfm_packet_behind_noise_is_found(noise: bytes, payload: bytes) -> None:
    """Noise may end in what looks like a header and swallow at most one packet's length: a second packet is always found."""
    wanted = zfm.Packet(zfm.ACK, payload)
    filler = bytes(zfm.LONGEST_PAYLOAD + zfm.HEADER_BYTES + zfm.CHECKSUM_BYTES)
    assert wanted in zfm.Decoder().feed(noise + filler + zfm.encode(zfm.ACK, payload))


@given(st.binary(min_size=1, max_size=64), st.data())
def test_zfm_never_passes_a_changed_byte(payload: bytes, data: st.DataObject) -> None:
    wire = bytearray(zfm.encode(zfm.ACK, payload))
    at = data.draw(st.integers(6, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    assert zfm.Packet(zfm.ACK, payload) not in zfm.Decoder().feed(bytes(wire)) or bytes(wire[6:9]) != zfm.encode(zfm.ACK, payload)[6:9]


PENS = st.builds(
    isdv4.Pen,
    st.integers(0, 65_535),
    st.integers(0, 65_535),
    st.integers(0, 1023),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 127),
    st.integers(0, 127),
)


@given(st.lists(PENS, max_size=8), st.lists(st.integers(0, 200), max_size=10))
def test_isdv4_packets_survive_any_cutting(pens: list[isdv4.Pen], cuts: list[int]) -> None:
    wire = b"".join(map(isdv4.encode_pen, pens))
    decoder = isdv4.Decoder()
    assert [item for piece in pieces(wire, cuts) for item in decoder.feed(piece)] == pens
    assert decoder.lost == 0


@given(NOISE)
def test_isdv4_noise_never_fails(noise: bytes) -> None:
    isdv4.Decoder().feed(noise)
