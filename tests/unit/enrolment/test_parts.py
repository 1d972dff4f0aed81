"""Nothing is lost on the way into a part, and the bytes are what other programs read."""

import io
import struct
import zlib
from dataclasses import astuple

import cbor2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge.devices.interfaces import Frame, PenSample, SignatureSeries
from edge.enrolment import parts
from edge.enrolment.population import Person
from protocols.canonical import FormatError
from protocols.signature import decode_series

FINGER = (np.arange(288 * 256, dtype=np.uint32) % 16 * 17).astype(np.uint8).reshape(288, 256)
FACE = (np.arange(80 * 60 * 3, dtype=np.uint32) * 7 % 256).astype(np.uint8).reshape(80, 60, 3)


def chunks(png: bytes) -> dict[bytes, bytes]:
    """Chunk type -> data, every checksum verified (ISO/IEC 15948, 5.3)."""
    found, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data, crc = png[at + 4 : at + 8], png[at + 8 : at + 8 + size], png[at + 8 + size : at + 12 + size]
        assert struct.unpack(">I", crc)[0] == zlib.crc32(kind + data)
        found[kind] = data
        at += 12 + size
    return found


def picture_in(png: bytes) -> object:
    """As a program that is not ours reads it."""
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)


def test_a_fingerprint_keeps_every_pixel_and_its_resolution() -> None:
    png = parts.encode_frame(Frame(FINGER, 508.0, {"baud": 115200.0}))
    assert np.array_equal(picture_in(png), FINGER)
    found = chunks(png)
    assert found[b"pHYs"] == struct.pack(">IIB", 20_000, 20_000, 1)
    assert found[b"tEXt"] == b'Capture\0{"baud": 115200.0}'


def test_a_face_keeps_its_colours() -> None:
    png = parts.encode_frame(Frame(FACE))
    assert np.array_equal(picture_in(png), FACE)
    assert b"pHYs" not in chunks(png)


def test_the_independent_reader_sees_the_resolution() -> None:
    with Image.open(io.BytesIO(parts.encode_frame(Frame(FINGER, 508.0)))) as picture:
        assert picture.info["dpi"] == pytest.approx((508, 508))


numbers = st.integers(0, 2**31)
samples = st.builds(PenSample, numbers, numbers, numbers, numbers, st.booleans(), st.integers(-90, 90), st.integers(-90, 90))


@given(st.lists(samples, max_size=40))
def test_a_signature_comes_back_sample_by_sample(taken: list[PenSample]) -> None:
    series = SignatureSeries(tuple(taken), 10_000, 3_750, 1023, 100.0)
    assert astuple(decode_series(parts.encode_series(series))) == astuple(series)


def test_a_long_signature_fits() -> None:
    series = SignatureSeries(tuple(PenSample(n * 5000, n % 10_000, n % 3_750, n % 1024, True) for n in range(20_000)), 10_000, 3_750, 1023, 100.0)
    assert astuple(decode_series(parts.encode_series(series))) == astuple(series)


def test_population_data_come_back() -> None:
    person = Person(letter="SP-1", nik="7201055705900001", name="Siti Rahmawati", birth_date="1990-05-17", sex="P", address="Dusun 3")
    assert cbor2.loads(parts.encode_person(person)) == msgspec.structs.asdict(person)


@pytest.mark.parametrize("data", [b"", b"\xa0", b"not a picture", parts.encode_person(Person())])
def test_what_is_not_a_series_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_series(data)


def test_the_thumbnail_is_small() -> None:
    assert len(parts.thumbnail(Frame(np.full((800, 600, 3), 90, np.uint8)))) < 4000
