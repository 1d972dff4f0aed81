"""Percentiles are numpy's to the last digits that matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.ranks import median, percentiles

SHARES = st.lists(st.sampled_from((0, 1, 2.5, 10, 15, 50, 90, 95, 99.5, 100)), min_size=1, max_size=4)
GREYS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)))
FIELDS = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6))


@given(GREYS | FIELDS, SHARES)
def test_they_are_numpy_s(values: np.ndarray, shares: list[float]) -> None:
    assert percentiles(values, shares) == pytest.approx(np.percentile(values, shares), rel=1e-12, abs=1e-6)
    assert median(values) == pytest.approx(np.median(values), rel=1e-12, abs=1e-6)

