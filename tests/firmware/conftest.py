"""A board of its own for each test."""

import pytest

from tests.firmware.loader import Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.ask("identify")
    return made


@pytest.fixture
def ready(bench: Bench) -> Bench:
    """Configured with the defaults."""
    bench.configure()
    return bench
