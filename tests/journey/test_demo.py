"""`./rekam demo` as a person runs it: people (one with a worn finger, whose best picture is used), a cut, the summary, the figures, nothing left."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]
KEYS = {
    "people", "records_stored", "receipts", "resumed", "lost", "duplicated", "identical", "parts_per_record", "bytes_per_record", "seconds_total",
    "seconds_device_limited", "station_rss_mb", "station_cpu_s_per_record",
}


def test_the_demo_records_everybody_through_a_cut(tmp_path: Path) -> None:
    figures_file = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "demo", "--people", "2", "--seed", "21", "--cuts", "1", "--json", str(figures_file)],
        capture_output=True, text=True, timeout=380, check=False, env=None,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures = json.loads(figures_file.read_text())
    assert figures.keys() == KEYS
    assert figures["people"] == figures["records_stored"] == figures["receipts"] == figures["identical"] == 2
    assert figures["lost"] == figures["duplicated"] == 0
    assert figures["resumed"] == 1
    assert "power cut" in done.stdout
    assert "lost 0, doubled 0" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_wrong_number_is_refused_in_a_sentence() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.cli", "demo", "--people", "0"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--people takes 1 to 500" in done.stdout + done.stderr
