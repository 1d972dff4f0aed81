"""A 1 GB Pi has no room for what a judgement leaves lying about."""

import subprocess
import sys
from pathlib import Path

import pytest

START = """
import sys
from pathlib import Path
from edge.devices.interfaces import Frame
from edge.quality import face, finger, finger_match, iris, iris_match
from edge.tuning import tune
from tests.bodies import images, person
tune()
bodies, who = images(), person()
"""
MASKED = START + """
eye, touch = Frame(bodies.iris(who, 1)), Frame(bodies.finger(who, 2), ppi=508)
before = "numpy.ma" in sys.modules
face.assess(Frame(bodies.face(who)), birth_year=1990), finger.assess(touch), finger_match.examine(touch), iris.assess(eye), iris_match.encode(eye)
print(before, "numpy.ma" in sys.modules)
"""
PEAK = START + """
def resident_kb(which):
    return int(Path("/proc/self/status").read_text().partition(which + ":")[2].split()[0])
photo = Frame(bodies.face(who))
assert face.aim(photo).passed
assert face.assess(photo).passed
Path("/proc/self/clear_refs").write_text("5")
before = resident_kb("VmRSS")
assert face.assess(photo).passed
print(resident_kb("VmHWM") - before, resident_kb("VmRSS") - before)
"""


def told_by(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120).stdout.split()


def test_judging_loads_no_masked_arrays() -> None:
    """numpy's own percentiles do, 2 MB."""
    assert told_by(MASKED) == ["False", "False"]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this kernel does not forget a process' highest mark")
def test_a_detector_goes_before_the_next_one_works() -> None:
    """All three together keep 8 MB."""
    highest_kb, left_kb = (int(word) for word in told_by(PEAK))
    assert highest_kb < 6 * 1024
    assert left_kb < 1024
