"""A seeded share of `./rekam crash store` in each test run; the whole is a command."""

import argparse
import json
from pathlib import Path

import pytest

from tools import crash_report, crash_system
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


def test_the_json_document_has_the_agreed_keys(tmp_path: Path) -> None:
    path = tmp_path / "crash.json"
    summary = crash_system.Summary(cuts=3, records=2, lost=1, trace="ab", messages=9)
    assert crash_report.report(argparse.Namespace(seed=1, cuts=3, json=path), lambda _seed, _cuts: summary) == 1
    found = json.loads(path.read_text(encoding="utf-8"))
    assert list(found) == ["cuts", "records", "lost", "duplicated", "forged", "stuck", "false_saved", "seconds", "trace"]
    assert (found["cuts"], found["records"], found["lost"], found["trace"]) == (3, 2, 1, "ab")
