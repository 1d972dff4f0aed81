"""What was taken as bytes to be sealed, without loss: PNG with its true resolution for pictures, CBOR for the rest.

The bytes made here are the master; every other form (WSQ, InkML, previews) can be made from them later.
"""

import json
import struct
import zlib
from dataclasses import astuple

import cv2
import msgspec

from edge.devices.interfaces import Frame, SignatureSeries
from edge.enrolment.population import Person
from protocols import signature
from protocols.canonical import Value, canonical_dumps

PNG = "image/png"
CBOR = "application/cbor"
PNG_HEAD_BYTES = 33
"""signature 8, IHDR 4 + 4 + 13 + 4: the chunks that follow it may be ours"""
INCH_M = 0.0254
LEVEL = 6
"""zlib: 9 saves 1 % and takes three times as long"""
SENSOR = (cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_STRATEGY_DEFAULT)
"""fingerprint sensors deliver 16 grey levels: the row above predicts them best, 17 % smaller than Paeth"""
CAMERA = (cv2.IMWRITE_PNG_FILTER_PAETH, cv2.IMWRITE_PNG_STRATEGY_RLE)
"""a camera's noise never repeats itself: not looking for repeats takes a fifth of the time (8 % smaller with noise, 8 % larger without)"""


def encode_frame(frame: Frame) -> bytes:
    """PNG with pHYs (where the sensor fixes the scale) and the driver's metadata as text. Pixels come back bit for bit."""
    pixels = frame.pixels if frame.pixels.ndim == 2 else cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
    best_filter, strategy = SENSOR if frame.ppi else CAMERA
    options = [cv2.IMWRITE_PNG_COMPRESSION, LEVEL, cv2.IMWRITE_PNG_FILTER, best_filter, cv2.IMWRITE_PNG_STRATEGY, strategy]
    done, encoded = cv2.imencode(".png", pixels, options)
    assert done, "a uint8 picture always encodes"
    png = encoded.data
    return b"".join((png[:PNG_HEAD_BYTES], _resolution(frame.ppi), _text(frame), png[PNG_HEAD_BYTES:]))


def _resolution(ppi: float | None) -> bytes:
    """PNG (ISO/IEC 15948) 11.3.4.3: pixels a metre, both axes, unit 1 = metre. 508 ppi is 20,000 a metre exactly."""
    if ppi is None:
        return b""
    per_metre = round(ppi / INCH_M)
    return _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))


def _text(frame: Frame) -> bytes:
    """tEXt: keyword, zero, Latin-1; the driver's figures as JSON in ASCII."""
    if not frame.metadata:
        return b""
    return _chunk(b"tEXt", b"Capture\0" + json.dumps(dict(frame.metadata), sort_keys=True).encode("ascii"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encode_series(series: SignatureSeries) -> bytes:
    """CBOR map; `samples` are rows of t_us, x, y, pressure, tip, tilt_x, tilt_y; `units_per_m`: tablet units a metre.

    protocols/signature.py reads it back and makes the other forms.
    """
    rows: list[Value] = [[int(item) for item in astuple(sample)] for sample in series.samples]
    return canonical_dumps(
        {
            "version": signature.SERIES_VERSION,
            "x_max": series.x_max,
            "y_max": series.y_max,
            "pressure_max": series.pressure_max,
            "units_per_m": round(series.units_mm * 1000),
            "samples": rows,
        }
    )


def encode_person(person: Person) -> bytes:
    """CBOR map of the confirmed population data."""
    return canonical_dumps(msgspec.structs.asdict(person))


def thumbnail(frame: Frame, height_px: int = 160) -> bytes:
    """A small JPEG for the header of the page, kept in RAM while the person is at the desk."""
    return jpeg(frame, height_px, quality=80)


def jpeg(frame: Frame, height_px: int | None = None, quality: int = 70) -> bytes:
    """For the screen only."""
    pixels = frame.pixels if frame.pixels.ndim == 2 else cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
    if height_px and pixels.shape[0] > height_px:
        pixels = cv2.resize(pixels, (round(pixels.shape[1] * height_px / pixels.shape[0]), height_px), interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, "a uint8 picture always encodes"
    return encoded.tobytes()
