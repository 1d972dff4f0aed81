"""Signature exports, read back with other people's parsers where there are any."""

import io
import struct
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from PIL import Image

from edge.devices.interfaces import PenSample, SignatureSeries
from protocols import signature

INK = "{http://www.w3.org/2003/InkML}"


def sample(t_us: int, x: int, y: int, pressure: int, tip: bool) -> PenSample:
    return PenSample(t_us, x, y, pressure, tip, tilt_x=3, tilt_y=-4)


SERIES = SignatureSeries(
    (
        sample(1_000_123, 1000, 500, 400, True),
        sample(1_005_123, 3000, 500, 800, True),
        sample(1_010_123, 3500, 1500, 0, False),
        sample(1_015_123, 4000, 2000, 600, True),
        sample(1_020_001, 4000, 3000, 1023, True),
    ),
    x_max=10_000, y_max=3_750, pressure_max=1023, units_mm=100.0,
)  # fmt: skip
EMPTY = SignatureSeries((), 10_000, 3_750, 1023, 100.0)


def test_inkml_carries_every_value_and_the_scale() -> None:
    root = ElementTree.fromstring(signature.inkml(SERIES))
    names = [channel.attrib["name"] for channel in root.iter(f"{INK}channel")]
    assert names == ["X", "Y", "F", "T", "OTx", "OTy"]
    assert [(prop.attrib["value"], prop.attrib["units"]) for prop in root.iter(f"{INK}channelProperty")] == [("100", "1/mm")] * 2
    back = []
    for trace in root.iter(f"{INK}trace"):
        for point in (trace.text or "").split(","):
            x, y, force, t_ms, tilt_x, tilt_y = point.split()
            whole, micros = t_ms.split(".")
            back.append(PenSample(int(whole) * 1000 + int(micros), int(x), int(y), int(force), trace.attrib["type"] == "penDown", int(tilt_x), int(tilt_y)))
    assert tuple(back) == SERIES.samples


def test_inkml_has_one_trace_a_stroke() -> None:
    root = ElementTree.fromstring(signature.inkml(SERIES))
    assert [trace.attrib["type"] for trace in root.iter(f"{INK}trace")] == ["penDown", "penUp", "penDown"]


def test_iso_bytes_by_hand() -> None:
    """x 1000, y upwards 3750 - 500, t 0, f 400, down; 100 a mm = (1 + 1152/2048) * 2^6, 1000 a second = (1 + 1952/2048) * 2^9."""
    per_mm, per_s = 6 << 11 | 1152, 9 << 11 | 1952
    expected = b"SDI\0 10\0" + struct.pack(">HBHBHBHBB", 0xC160, 0x80, per_mm, 0x80, per_mm, 0x80, per_s, 0, 0) + b"\0" + b"\0\0\5"
    data = signature.iso_19794_7(SERIES)
    assert data[: len(expected)] == expected
    assert data[len(expected) : len(expected) + 9] == bytes.fromhex("03E8 0CB2 0000 0190 01")
    assert len(data) == len(expected) + 5 * 9
    assert data[-9:] == struct.pack(">hhHHB", 4000, 750, 19, 1023, 1)


def test_iso_takes_a_coarser_clock_for_a_slow_hand() -> None:
    slow = SignatureSeries((sample(0, 0, 0, 1, True), sample(100_000_000, 0, 0, 1, True)), 10_000, 3_750, 1023, 100.0)
    assert struct.unpack(">hhHHB", signature.iso_19794_7(slow)[-9:])[2] == 50_000


def test_iso_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="too large"):
        signature.iso_19794_7(SignatureSeries((), 40_000, 3_750, 1023, 100.0))


def test_svg_shows_the_strokes_in_true_size() -> None:
    root = ElementTree.fromstring(signature.svg(SERIES))
    assert (root.attrib["width"], root.attrib["height"], root.attrib["viewBox"]) == ("100mm", "37.5mm", "0 0 10000 3750")
    lines = [line.attrib["points"] for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert lines == ["1000,500 3000,500", "4000,2000 4000,3000"]


def test_png_is_black_where_the_pen_was_and_knows_its_resolution() -> None:
    with Image.open(io.BytesIO(signature.png(SERIES, dpi=254))) as picture:
        assert picture.size == (1000, 375)
        assert picture.info["dpi"] == pytest.approx((254, 254), abs=0.1)
        assert picture.getpixel((200, 50)) == 0
        assert picture.getpixel((400, 250)) == 0
        assert picture.getpixel((375, 170)) == 255
        assert picture.getpixel((900, 300)) == 255


@pytest.mark.parametrize("export", [signature.inkml, signature.iso_19794_7, signature.svg, signature.png])
def test_an_empty_signature_is_a_valid_document(export: Callable[[SignatureSeries], bytes]) -> None:
    assert export(EMPTY)
