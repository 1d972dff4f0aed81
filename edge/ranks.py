"""Values by rank: numpy's percentiles without what they take, 8 bytes for each grey of a picture and 2 MB of numpy.ma."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def percentiles(values: NDArray[Any], shares: Sequence[float]) -> list[float]:
    """Linear between neighbours. shares: 0..100. Any shape, at least one value."""
    places = [(values.size - 1) * share / 100 for share in shares]
    below = [int(place) for place in places]
    above = [min(index + 1, values.size - 1) for index in below]
    ordered = np.partition(values.ravel(), sorted({*below, *above}))
    pairs = [(float(ordered[low]), float(ordered[high])) for low, high in zip(below, above, strict=True)]
    return [low + (high - low) * (place - index) for (low, high), place, index in zip(pairs, places, below, strict=True)]


def percentile(values: NDArray[Any], share: float) -> float:
    """One of them."""
    return percentiles(values, (share,))[0]


def median(values: NDArray[Any]) -> float:
    """The one in the middle."""
    return percentile(values, 50)
