"""What `./rekam record open` puts beside a signature's master, read back with other people's readers."""

import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from edge.devices.interfaces import PenSample, SignatureSeries
from edge.enrolment.parts import encode_series
from tools.record_views import views

INK = "{http://www.w3.org/2003/InkML}trace"
LINE = "{http://www.w3.org/2000/svg}polyline"
STROKES = [[(1000, 500), (3000, 500), (3000, 2500)], [(6000, 1000), (8000, 3000)]]


def series(x_max: int = 10_000) -> SignatureSeries:
    """Two strokes, 100 units a millimetre, with the pen in the air between them."""
    points = [(x, y, True) for x, y in STROKES[0]] + [(4500, 1800, False)] + [(x, y, True) for x, y in STROKES[1]]
    samples = tuple(PenSample(5000 * n, x, y, 600 * tip, tip, 2, -3) for n, (x, y, tip) in enumerate(points))
    return SignatureSeries(samples, x_max, 3_750, 1023, 100.0)


def test_each_form_shows_the_same_strokes() -> None:
    found = dict(views(encode_series(series())))
    assert sorted(found) == ["inkml", "png", "sdi", "svg"]
    inked = [trace for trace in ElementTree.fromstring(found["inkml"]).iter(INK) if trace.attrib["type"] == "penDown"]
    assert [[tuple(map(int, point.split()[:2])) for point in (trace.text or "").split(",")] for trace in inked] == STROKES
    drawn = [line.attrib["points"] for line in ElementTree.fromstring(found["svg"]).iter(LINE)]
    assert [[tuple(map(int, point.split(","))) for point in line.split()] for line in drawn] == STROKES
    assert found["sdi"].startswith(b"SDI\0 10\0")
    assert len(found["sdi"]) == len(dict(views(encode_series(SignatureSeries((), 10_000, 3_750, 1023, 100.0))))["sdi"]) + 6 * 9


def test_the_picture_is_black_where_the_pen_was_in_true_size() -> None:
    with Image.open(io.BytesIO(dict(views(encode_series(series())))["png"])) as picture:
        ink = np.asarray(picture) < 128
        px_mm = float(picture.info["dpi"][0]) / 25.4
    rows, columns = np.nonzero(ink)
    edges_mm = [float(edge) / px_mm for edge in (columns.min(), columns.max(), rows.min(), rows.max())]
    assert np.allclose(edges_mm, [10, 80, 5, 30], atol=0.6)
    assert not ink[round(18 * px_mm), round(45 * px_mm)], "where the pen was in the air"


def test_a_form_that_cannot_hold_it_is_left_out_and_garbage_has_none() -> None:
    assert sorted(dict(views(encode_series(series(x_max=40_000))))) == ["inkml", "png", "svg"]
    assert dict(views(b"not a series")) == {}
