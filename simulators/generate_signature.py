"""Invented signatures: sigma-lognormal strokes, with pen lifts and pressure.

Each stroke's speed is lognormal in time and its direction turns with the lognormal's integral, as in the kinematic theory of hand
movement; pressure follows speed inversely. Good for carrying a known drawing through the chain, not for studying forgery.
"""

import math

import numpy as np
from numpy.typing import NDArray

from simulators.noise import numbers

WIDTH_UNITS = 10_000
HEIGHT_UNITS = 3_750
UNITS_MM = 100
"""tablet units per millimetre: 100 x 37.5 mm, a common signature tablet"""
PRESSURE_MAX = 1023
STEP_MS = 5
STROKES = 9
DURATION_MS = 2600
MARGIN_UNITS = 350

Pen = tuple[int, int, int, int, bool]
"""t_ms, x, y, pressure, tip"""
Array = NDArray[np.float64]


def generate(*names: object) -> list[Pen]:
    """One signature, the same for the same names: 520 reports, 5 ms apart, pen down at first and last."""
    rng = numbers("signature", *names)
    t_s = np.arange(0, DURATION_MS, STEP_MS) / 1000
    starts = 0.05 + np.concatenate(([0.0], np.cumsum(rng.uniform(0.12, 0.26, STROKES - 1))))
    vx, vy = np.zeros_like(t_s), np.zeros_like(t_s)
    for start in starts:
        _add_stroke(vx, vy, t_s - start, rng)
    x, y = _fit(np.cumsum(vx), np.cumsum(vy))
    tip = _lifts(t_s, starts, rng)
    pressure = _pressure(np.hypot(np.gradient(x), np.gradient(y)), tip)
    t_ms = np.arange(0, DURATION_MS, STEP_MS)
    return [(int(t), int(a), int(b), int(p), bool(d)) for t, a, b, p, d in zip(t_ms, x, y, pressure, tip, strict=True)]


def _add_stroke(vx: Array, vy: Array, since_s: Array, rng: np.random.Generator) -> None:
    """Add one stroke's velocity: D x lognormal, direction from a0 to a0 + turn."""
    mu, sigma, distance = rng.normal(-1.6, 0.12), rng.uniform(0.18, 0.3), rng.uniform(0.5, 1.6)
    angle, turn = rng.uniform(-math.pi, math.pi), rng.normal(0, 1.4)
    late = np.maximum(since_s, 1e-6)
    speed = np.where(since_s > 0, np.exp(-((np.log(late) - mu) ** 2) / (2 * sigma**2)) / (late * sigma * math.sqrt(2 * math.pi)), 0.0)
    direction = angle + turn * np.cumsum(speed) * STEP_MS / 1000
    vx += distance * speed * np.cos(direction) + 0.12 * speed
    vy += distance * speed * np.sin(direction)


def _fit(x: Array, y: Array) -> tuple[Array, Array]:
    """Scale the drawing into the tablet with a margin, keeping its shape."""
    scale = min((WIDTH_UNITS - 2 * MARGIN_UNITS) / max(float(np.ptp(x)), 1e-9), (HEIGHT_UNITS - 2 * MARGIN_UNITS) / max(float(np.ptp(y)), 1e-9))
    left, top = (WIDTH_UNITS - scale * np.ptp(x)) / 2, (HEIGHT_UNITS - scale * np.ptp(y)) / 2
    return np.round((x - x.min()) * scale + left), np.round((y - y.min()) * scale + top)


def _lifts(t_s: Array, starts: Array, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The pen leaves the glass once or twice between strokes, for 60 ms."""
    tip = np.ones(t_s.shape, dtype=np.bool_)
    for start in rng.choice(starts[2:-1], size=int(rng.integers(1, 3)), replace=False):
        tip[(t_s >= start) & (t_s < start + 0.06)] = False
    return tip


def _pressure(speed: Array, tip: NDArray[np.bool_]) -> Array:
    """Light where the pen is fast."""
    share = 1 - speed / max(float(speed.max()), 1e-9)
    return np.where(tip, np.round(PRESSURE_MAX * (0.25 + 0.6 * share)), 0)
