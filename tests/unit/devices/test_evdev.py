"""Linux input events: bytes as `evtest` and the kernel's header describe them (64-bit, little endian)."""

import sys

import pytest

from edge.devices.evdev import Axes, Axis, Decoder, Report

AXES = Axes(Axis(0, 21_600, 100.0), Axis(0, 13_500, 100.0), Axis(0, 2047))

pytestmark = pytest.mark.skipif(sys.byteorder != "little" or sys.maxsize < 2**32, reason="vectors are 64-bit little endian")


def event(seconds: int, micros: int, kind: str, code: str, value: str) -> bytes:
    return seconds.to_bytes(8, "little") + micros.to_bytes(8, "little") + bytes.fromhex(kind + code + value)


X_1000 = event(5, 250_000, "0300", "0000", "e8030000")
Y_2000 = event(5, 250_000, "0300", "0100", "d0070000")
PRESSURE_700 = event(5, 250_000, "0300", "1800", "bc020000")
TILT_X_MINUS_5 = event(5, 250_000, "0300", "1a00", "fbffffff")
TOUCH = event(5, 250_000, "0100", "4a01", "01000000")
REPORT = event(5, 250_000, "0000", "0000", "00000000")
DROPPED = event(5, 250_000, "0000", "0300", "00000000")


def test_one_report_from_its_events() -> None:
    report = Report(5_250_000, 1000, 2000, 700, True, -5, 0)
    assert Decoder(AXES).feed(X_1000 + Y_2000 + PRESSURE_700 + TILT_X_MINUS_5 + TOUCH + REPORT) == [report]


def test_axes_keep_their_value_until_it_changes() -> None:
    decoder = Decoder(AXES)
    decoder.feed(X_1000 + Y_2000 + PRESSURE_700 + TOUCH + REPORT)
    assert decoder.feed(X_1000 + REPORT)[0] == Report(5_250_000, 1000, 2000, 700, True, 0, 0)


def test_events_in_pieces() -> None:
    decoder = Decoder(AXES)
    wire = X_1000 + Y_2000 + REPORT
    assert [found for byte in wire for found in decoder.feed(bytes([byte]))] == Decoder(AXES).feed(wire)


def test_after_a_gap_nothing_is_believed_until_the_next_report() -> None:
    decoder = Decoder(AXES)
    assert decoder.feed(DROPPED + X_1000 + REPORT) == []
    assert decoder.dropped == 1
    assert len(decoder.feed(X_1000 + REPORT)) == 1


def test_a_pen_that_lies_on_the_pad_when_the_capture_begins_touches() -> None:
    """The kernel tells of BTN_TOUCH when it changes; its present state has to be asked for."""
    assert Decoder(AXES, tip=True).feed(X_1000 + REPORT)[0].tip
    assert not Decoder(AXES).feed(X_1000 + REPORT)[0].tip


def test_a_pen_out_of_reach_touches_nothing() -> None:
    tool_off = event(5, 250_000, "0100", "4001", "00000000")
    found = Decoder(AXES).feed(X_1000 + PRESSURE_700 + TOUCH + REPORT + tool_off + REPORT)
    assert [(report.tip, report.pressure) for report in found] == [(True, 700), (False, 0)]
    plain = Decoder(AXES, touch=False).feed(X_1000 + PRESSURE_700 + REPORT + tool_off + REPORT)
    assert [report.tip for report in plain] == [True, False], "one without BTN_TOUCH"


def test_axes_that_do_not_begin_at_zero_are_shifted() -> None:
    axes = Axes(Axis(500, 9000), Axis(0, 100), Axis(0, 1023))
    assert Decoder(axes).feed(X_1000 + REPORT)[0].x == 500
