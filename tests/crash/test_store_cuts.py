"""A seeded share of `./rekam crash store` in each test run; the whole is a command."""

import pytest

from tools.crash_store_errors import error_loop
from tools.crash_store_lives import CUTS_A_WORLD, run_world
from tools.crash_store_rot import rot_world


def test_nothing_promised_is_lost_to_a_power_cut() -> None:
    cuts = 0
    for world in range(30):
        result = run_world(f"test/{world}", CUTS_A_WORLD)
        assert not result.findings.total, result.findings.first
        cuts += result.cuts
    assert cuts >= 30 * CUTS_A_WORLD


def test_the_same_seed_gives_the_same_trace() -> None:
    traces = [run_world("same", CUTS_A_WORLD).trace.hexdigest() for _ in range(2)]
    assert traces[0] == traces[1] != run_world("other", CUTS_A_WORLD).trace.hexdigest()


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("kind", ["IOERR", "FULL", "SYNC"])
def test_every_disk_operation_may_fail(kind: str, sticky: bool) -> None:
    tried, findings = error_loop("test", kind, sticky, stride=5)
    assert not findings.total, findings.first
    assert tried > 20


def test_every_flipped_bit_is_noticed_or_harmless() -> None:
    for world in range(4):
        _, findings = rot_world(f"test/{world}", 40)
        assert not findings.total, findings.first
