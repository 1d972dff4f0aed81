"""A signature's time series: the sealed master read back, and the forms that others read: InkML, ISO/IEC 19794-7, SVG and PNG.

Coordinates come in tablet units, origin top left, y downwards. Nothing is smoothed or left out: InkML carries the master without loss, the
others say below what they drop. Not here: capture, sealing.
"""

import itertools
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from protocols.canonical import FormatError, Value, strict_loads
from protocols.record import PART_BYTES_MAX

SERIES_VERSION = 1


class Point(Protocol):
    """One report of the pen."""

    @property
    def t_us(self) -> int: ...
    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...
    @property
    def pressure(self) -> int: ...
    @property
    def tip(self) -> bool: ...
    @property
    def tilt_x(self) -> int: ...
    @property
    def tilt_y(self) -> int: ...


class Series(Protocol):
    """First to last touch, and what the numbers mean."""

    @property
    def samples(self) -> Sequence[Point]: ...
    @property
    def x_max(self) -> int: ...
    @property
    def y_max(self) -> int: ...
    @property
    def pressure_max(self) -> int: ...
    @property
    def units_mm(self) -> float: ...


@dataclass(frozen=True, slots=True)
class MasterPoint:
    """As it was sealed."""

    t_us: int
    x: int
    y: int
    pressure: int
    tip: bool
    tilt_x: int
    tilt_y: int


@dataclass(frozen=True, slots=True)
class Master:
    """The sealed series."""

    samples: tuple[MasterPoint, ...]
    x_max: int
    y_max: int
    pressure_max: int
    units_mm: float


def decode_series(data: bytes) -> Master:
    """The CBOR map of a signature's part. Raises FormatError."""
    match strict_loads(data, PART_BYTES_MAX, items_max=PART_BYTES_MAX):
        case {"version": 1, "x_max": int(x), "y_max": int(y), "pressure_max": int(p), "units_per_m": int(units), "samples": list(rows)}:
            return Master(tuple(map(_master_point, rows)), x, y, p, units / 1000)
    raise FormatError("signature", "not a series of version 1")


def _master_point(row: Value) -> MasterPoint:
    match row:
        case [int(t_us), int(x), int(y), int(pressure), int(tip), int(tilt_x), int(tilt_y)]:
            return MasterPoint(t_us, x, y, pressure, bool(tip), tilt_x, tilt_y)
    raise FormatError("samples", "not seven integers")


def strokes(series: Series) -> Iterator[tuple[bool, list[Point]]]:
    """Runs of points with the pen down (True) or in the air (False), in order."""
    for tip, points in itertools.groupby(series.samples, key=lambda point: point.tip):
        yield tip, list(points)


# InkML, W3C Recommendation 20 September 2011


def inkml(series: Series) -> bytes:
    """Without loss: channels X, Y, F (force), T (ms, three decimals), OTx, OTy (tilt); one trace a stroke, penUp for moves in the air."""
    ranges = (("X", series.x_max), ("Y", series.y_max), ("F", series.pressure_max))
    channels = "".join(f'<channel name="{name}" type="integer" min="0" max="{top}" units="dev"/>' for name, top in ranges)
    channels += '<channel name="T" type="decimal" units="ms"/><channel name="OTx" type="integer" units="dev"/><channel name="OTy" type="integer" units="dev"/>'
    scale = "".join(f'<channelProperty channel="{axis}" name="resolution" value="{series.units_mm:g}" units="1/mm"/>' for axis in "XY")
    source = f'<inkSource xml:id="pad"><traceFormat>{channels}</traceFormat><channelProperties>{scale}</channelProperties></inkSource>'
    traces = "".join(_ink_trace("penDown" if tip else "penUp", points) for tip, points in strokes(series))
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<ink xmlns="http://www.w3.org/2003/InkML">\n'
    definitions = f'<definitions>{source}<context xml:id="pen" inkSourceRef="#pad"/></definitions>\n'
    return f"{head}{definitions}{traces}</ink>\n".encode("ascii")


def _ink_trace(kind: str, points: list[Point]) -> str:
    return f'<trace type="{kind}" contextRef="#pen">{", ".join(map(_ink_point, points))}</trace>\n'


def _ink_point(point: Point) -> str:
    return f"{point.x} {point.y} {point.pressure} {point.t_us // 1000}.{point.t_us % 1000:03d} {point.tilt_x} {point.tilt_y}"


# ISO/IEC 19794-7, full format

FORMAT_2007 = b"SDI\0 10\0"
"""format identifier and version"""
CHANNELS = 0x8000 | 0x4000 | 0x0100 | 0x0040 | 0x0020
"""inclusion bits from the highest: x y z vx vy ax ay t dt f s tx ty az el r; here x, y, t, f, s"""
SCALED, PLAIN = 0x80, 0x00
"""channel preamble from the highest bit: scaling value, minimum, maximum, mean, deviation follow; constant; linear component removed; reserved"""
INT16_MAX, UINT16_MAX = 32_767, 65_535
TIME_SCALES = (1000, 500, 250, 125)
"""ticks a second; the finest in which the whole signature fits 16 bits (up to 65, 131, 262, 524 s)"""


def iso_19794_7(series: Series) -> bytes:
    """Big endian: x, y (signed, y upwards), t, f (unsigned), s (1 byte: pen down). Tilt is dropped, time is in ms or coarser.

    Fields as in the ASN.1 of the standard's annex; the standard itself and another program's reading are still to be compared.
    Raises ValueError when a channel does not fit.
    """
    span_us = series.samples[-1].t_us - series.samples[0].t_us if series.samples else 0
    ticks = next((scale for scale in TIME_SCALES if span_us * scale // 1_000_000 <= UINT16_MAX), None)
    if ticks is None or max(series.x_max, series.y_max) > INT16_MAX or series.pressure_max > UINT16_MAX:
        raise ValueError(f"signature of {span_us / 1e6:g} s on {series.x_max} x {series.y_max} units: too large for 16-bit channels")
    per_mm, per_s = _scaling(series.units_mm), _scaling(ticks)
    head = struct.pack(">8sHBHBHBHBB", FORMAT_2007, CHANNELS, SCALED, per_mm, SCALED, per_mm, SCALED, per_s, PLAIN, PLAIN)
    count = len(series.samples).to_bytes(3, "big")
    start_us = series.samples[0].t_us if series.samples else 0
    points = (
        struct.pack(">hhHHB", point.x, series.y_max - point.y, (point.t_us - start_us) * ticks // 1_000_000, point.pressure, point.tip)
        for point in series.samples
    )
    return head + b"\0" + count + b"".join(points)


def _scaling(units: float) -> int:
    """5 bits exponent (two's complement), 11 bits fraction: units = (1 + fraction / 2048) * 2 ** exponent."""
    exponent = 0
    while units >= 2:
        units, exponent = units / 2, exponent + 1
    while units < 1:
        units, exponent = units * 2, exponent - 1
    return (exponent & 0x1F) << 11 | min(2047, round((units - 1) * 2048))


# pictures

INK_MM = 0.5
MM_INCH = 25.4


def svg(series: Series) -> bytes:
    """The strokes in their true size, of even width; pressure, time and moves in the air are dropped."""
    width, height = series.x_max / series.units_mm, series.y_max / series.units_mm
    lines = "".join(f'<polyline points="{" ".join(f"{point.x},{point.y}" for point in points)}"/>\n' for tip, points in strokes(series) if tip)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" viewBox="0 0 {series.x_max} {series.y_max}">\n'
    style = f'<g fill="none" stroke="black" stroke-width="{INK_MM * series.units_mm:g}" stroke-linecap="round" stroke-linejoin="round">\n'
    return f"{head}{style}{lines}</g>\n</svg>\n".encode("ascii")


def png(series: Series, dpi: int = 300) -> bytes:
    """Black on white, 8-bit grey, at its true size (pHYs); the line is wider where the pen presses."""
    scale = dpi / MM_INCH / series.units_mm
    width, height = max(1, round(series.x_max * scale)), max(1, round(series.y_max * scale))
    rows = [bytearray(b"\xff" * width) for _ in range(height)]
    for tip, points in strokes(series):
        for start, end in zip(points, points[1:] or points, strict=False):
            if tip:
                _draw(rows, start, end, scale, INK_MM * dpi / MM_INCH / max(1, series.pressure_max))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    per_metre = round(dpi / 0.0254)
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _draw(rows: list[bytearray], start: Point, end: Point, scale: float, width_px: float) -> None:
    """A line of round dots, no further apart than a pixel."""
    steps = max(1, round(max(abs(end.x - start.x), abs(end.y - start.y)) * scale))
    for step in range(steps + 1):
        share = step / steps
        x = (start.x + (end.x - start.x) * share) * scale
        y = (start.y + (end.y - start.y) * share) * scale
        pressure = start.pressure + (end.pressure - start.pressure) * share
        _dot(rows, x, y, max(1.0, width_px * pressure) / 2)


def _dot(rows: list[bytearray], x: float, y: float, radius: float) -> None:
    for row in range(max(0, round(y - radius)), min(len(rows), round(y + radius) + 1)):
        half = max(0.0, radius * radius - (row - y) ** 2) ** 0.5
        left, right = max(0, round(x - half)), min(len(rows[0]), round(x + half) + 1)
        rows[row][left:right] = bytes(max(0, right - left))
