"""`./rekam demo --outage` as a person runs it: battery, a genset that fails once, mains again, orderly stop, and on at the same step."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.demo_outage import SCENES

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]


def test_a_bad_day_for_the_mains_loses_nobody(tmp_path: Path) -> None:
    figures_file = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "demo", "--outage", "--people", "2", "--seed", "5", "--json", str(figures_file)],
        capture_output=True, text=True, timeout=380, check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures = json.loads(figures_file.read_text())
    assert figures["people"] == figures["records_stored"] == figures["receipts"] == figures["identical"] == 2
    assert figures["lost"] == figures["duplicated"] == 0
    assert figures["resumed"] == 1
    assert figures["power_seen"] == [scene.name for scene in SCENES]
    assert in_order(
        done.stdout,
        "Pakai baterai. Cukup",
        "Genset tidak mau hidup. Periksa solar, aki genset, dan tombol darurat.",
        "Genset hidup, tegangan diperiksa dulu.",
        "Pakai genset. Aman dipakai.",
        "Genset didinginkan sebelum mati.",
        "Listrik PLN.",
        "Listrik hampir habis. Data aman. Stasiun dimatikan dengan tertib.",
        "the machine has halted and the board has cut its supply",
        "the board has seen steady mains and gives the machine its supply again",
        "Listrik padam ",
    )
    assert re.search(r"Listrik padam \d\d:\d\d sampai \d\d:\d\d\. Data aman\. Lanjut: Sidik jari (kanan|kiri)\.", done.stdout)
    assert "berkedip" not in done.stdout, "the station's own transfers are no flicker"
    assert "Traceback" not in done.stderr


def in_order(text: str, *sentences: str) -> bool:
    """Is each sentence there, behind the one before it?"""
    at = 0
    for sentence in sentences:
        at = text.find(sentence, at)
        assert at >= 0, f"{sentence!r} is missing, or not in its place:\n{text}"
    return True


def test_one_person_is_too_few_for_it() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.cli", "demo", "--outage", "--people", "1"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--outage needs --people 2 or more" in done.stderr
