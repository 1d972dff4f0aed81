"""Rules that hold for every file of the firmware, read off its source: ticks are the only time, the chip has one place, nothing grows."""

import ast
from collections.abc import Iterator

import pytest

from tools.flash import files

SOURCES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files().items()}
TICKS = {"ticks_ms", "ticks_diff", "ticks_add", "sleep_ms"}
GROWING = {"append", "extend", "insert", "setdefault", "update", "add"}


def imports(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", {alias.name for alias in node.names}


@pytest.mark.parametrize("name", SOURCES)
def test_time_comes_through_ticks_alone(name: str) -> None:
    for module, taken in imports(SOURCES[name]):
        assert module not in {"asyncio", "uasyncio", "utime", "datetime", "threading", "_thread"}
        if module == "time":
            assert name == "hal_rp2.py", "tasks know only dt_ms"
            assert taken
            assert taken <= TICKS


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_hal_knows_the_chip(name: str) -> None:
    modules = {module for module, _ in imports(SOURCES[name])}
    if name not in {"hal_rp2.py", "pulse_rp2.py", "boot.py", "main.py"}:
        assert modules.isdisjoint({"machine", "rp2", "micropython", "hal_rp2", "os"})


def growing(function: ast.FunctionDef) -> list[str]:
    """Calls that make a list, set or dict larger."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [f"{function.name}: {ast.unparse(call)}" for call in calls if call.func.attr in GROWING]  # type: ignore[attr-defined]  # filtered above


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.startswith("protocols/")])
def test_what_the_board_keeps_is_made_at_start(name: str) -> None:
    """Queues are bounded because there are none that grow: buffers, tables and counters of a fixed size, made in __init__."""
    functions = [node for node in ast.walk(SOURCES[name]) if isinstance(node, ast.FunctionDef) and node.name != "__init__"]
    assert [call for function in functions for call in growing(function)] == ALLOWED.get(name, [])


ALLOWED = {"genset.py": ["_note: self.starts.add()"], "watchdog.py": ["_cut: self.cuts.add()"]}
"""state.LastHour: a fixed number of places, the oldest is forgotten"""


def test_the_only_buffer_of_the_link_has_an_end() -> None:
    from protocols import board_link as wire
    from protocols import cobs

    splitter = cobs.Splitter(wire.MAX_FRAME)
    held = len(splitter._held)
    for _ in range(100_000):
        splitter.push(7)
    assert len(splitter._held) == held == wire.MAX_FRAME
