"""Is this a signature? Only what can be known without a specimen: something was drawn, large enough, inside the tablet."""

from itertools import pairwise
from math import hypot

from edge.devices.interfaces import SignatureSeries
from edge.quality.limits import DEFAULTS, Limits
from edge.quality.verdict import Verdict, could_not_judge, failed, first_failure


def assess(series: SignatureSeries, limits: Limits = DEFAULTS) -> Verdict:
    """series: first to last touch, in tablet units."""
    if not 0.1 <= series.units_mm <= 10_000 or series.x_max <= 0 or series.y_max <= 0:
        return could_not_judge("signature_not_judged")
    touches = [sample for sample in series.samples if sample.tip]
    if not touches:
        return failed("signature_missing", {"touches": 0.0})
    measures = {"touches": float(len(touches))} | _extent(series)
    return first_failure(_checks(measures, limits), measures)


def _extent(series: SignatureSeries) -> dict[str, float]:
    """Length of ink, width and height in mm, strokes, seconds, and the share of touches on the tablet's rim."""
    touches = [sample for sample in series.samples if sample.tip]
    xs, ys = [sample.x for sample in touches], [sample.y for sample in touches]
    ink = sum(hypot(b.x - a.x, b.y - a.y) for a, b in pairwise(series.samples) if a.tip and b.tip)
    rim = sum(not (0 < sample.x < series.x_max and 0 < sample.y < series.y_max) for sample in touches)
    lifts = sum(a.tip and not b.tip for a, b in pairwise(series.samples))
    return {
        "ink_mm": ink / series.units_mm,
        "width_mm": (max(xs) - min(xs)) / series.units_mm,
        "height_mm": (max(ys) - min(ys)) / series.units_mm,
        "strokes": float(lifts + series.samples[-1].tip),
        "duration_s": (touches[-1].t_us - touches[0].t_us) / 1e6,
        "rim_share": rim / len(touches),
    }


def _checks(m: dict[str, float], limits: Limits) -> list[tuple[str, bool]]:
    return [
        ("signature_missing", m["ink_mm"] < limits["signature_ink_mm_min"]),
        ("signature_small", max(m["width_mm"], m["height_mm"]) < limits["signature_extent_mm_min"]),
        ("signature_cut", m["rim_share"] > limits["signature_rim_share_max"]),
    ]
