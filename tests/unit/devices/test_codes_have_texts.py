"""Whatever a driver can raise, the operator can read: each code has its sentence in both languages."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RAISERS = {"DeviceAbsent", "DeviceTimeout", "DeviceProtocolError", "DeviceRefused", "self._refused", "self._bad"}


def codes() -> set[str]:
    """First argument of each call that makes a device error, where it is written out."""
    found = set()
    for path in [*(ROOT / "edge" / "devices").glob("*.py"), *(ROOT / "edge" / "links").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in RAISERS and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_code_has_a_text(language: str) -> None:
    texts = tomllib.loads((ROOT / "station_config" / f"{language}.toml").read_text(encoding="utf-8"))
    assert len(codes()) >= 15
    assert sorted(codes() - set(texts)) == []
