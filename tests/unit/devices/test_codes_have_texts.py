"""Whatever the station raises, the operator can read: each code has its sentence in both languages, and a person's also what to do."""

import ast
import tomllib
from pathlib import Path

import pytest

from edge import errors
from edge.enrolment.taking import PERSON_CODES

ROOT = Path(__file__).resolve().parents[3]
RAISERS = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {"self._refused", "self._bad", "refuse"}


def codes() -> set[str]:
    """First argument of each call that makes an error of the station, where it is written out."""
    found = set()
    for path in (ROOT / "edge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in RAISERS and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


WITHOUT_FIGURES = {"cover_open", "paper_out", "printer_offline", "device_absent", "light_unavailable", "nothing_signed"}
"""what a person sees by looking; what the configuration does not have"""


def device_errors() -> list[ast.Call]:
    """Every call that makes an error of a device."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.DeviceError)} - {"DeviceError"}
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "edge").rglob("*.py")]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in kinds]


def test_every_error_of_a_device_carries_what_was_asked_measured_or_waited() -> None:
    made = device_errors()
    bare = {ast.unparse(call.args[0]).strip("'\"") for call in made if not call.keywords}
    assert len(made) >= 40
    assert bare <= WITHOUT_FIGURES, "a figure with its unit in its name: waited_s, address, register, got_bytes ..."


def test_every_time_out_says_how_long_it_waited() -> None:
    silent = [call for call in device_errors() if ast.unparse(call.func) == "DeviceTimeout"]
    without = [ast.unparse(call) for call in silent if not {keyword.arg for keyword in call.keywords} & {"waited_s", "hung", None}]
    assert [text for text in without if "nothing_signed" not in text] == []


@pytest.fixture(params=["id", "en"])
def texts(request: pytest.FixtureRequest) -> set[str]:
    return set(tomllib.loads((ROOT / "station_config" / f"{request.param}.toml").read_text(encoding="utf-8")))


def test_every_code_has_a_text(texts: set[str]) -> None:
    assert len(codes()) >= 45
    assert sorted(codes() - texts) == []


def test_what_the_person_can_mend_has_a_text_that_says_how(texts: set[str]) -> None:
    needed = PERSON_CODES | {f"{code}_fix" for code in PERSON_CODES}
    assert sorted(needed - texts) == []
