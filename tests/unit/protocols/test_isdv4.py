"""Pen packets against vectors that Debian's isdv4.h decoded."""

from protocols import isdv4

PEN = bytes.fromhex("A12F7F237F7F7F0000")
MAXIMA = bytes.fromhex("C03000240 07F07000002 23".replace(" ", ""))


def test_pen_vector() -> None:
    pen = isdv4.Pen(24_575, 18_431, 1023, tip=True)
    assert isdv4.Decoder().feed(PEN) == [pen]
    assert isdv4.encode_pen(pen) == PEN


def test_maxima_vector() -> None:
    maxima = isdv4.Maxima(24_576, 18_432, 1023, version=0x123)
    assert isdv4.Decoder().feed(MAXIMA) == [maxima]
    assert isdv4.encode_maxima(maxima) == MAXIMA


def test_a_cut_packet_is_dropped_and_counted_and_the_next_is_whole() -> None:
    decoder = isdv4.Decoder()
    assert len(decoder.feed(PEN + PEN[:5] + PEN)) == 2
    assert decoder.lost == 5


def test_the_middle_of_a_packet_at_the_start_is_no_loss() -> None:
    decoder = isdv4.Decoder()
    assert len(decoder.feed(PEN[4:] + PEN)) == 1
    assert decoder.lost == 0


def test_every_byte_alone_gives_the_same() -> None:
    decoder = isdv4.Decoder()
    found = [item for byte in MAXIMA + PEN for item in decoder.feed(bytes([byte]))]
    assert found == isdv4.Decoder().feed(MAXIMA + PEN)
