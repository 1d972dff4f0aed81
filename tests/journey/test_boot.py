"""The station's start, measured as `./rekam bench boot` measures it, with few records so that it is quick."""

import pytest

from tools.bench_boot import LIMIT_S, measure

pytestmark = [pytest.mark.journey, pytest.mark.timeout(200)]


def test_ready_for_the_operator_at_the_same_step_within_the_limit() -> None:
    rows = measure(queued=20, runs=1)
    assert [row["scenario"] for row in rows] == ["cold start with 20 waiting records", "warm start with 20 waiting records"]
    assert min(row["seconds"] for row in rows) <= LIMIT_S
