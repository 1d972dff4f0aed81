"""Style is a failing test: sizes, banned calls, import direction, types, lint. The limits stand in DESIGN section 8."""

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protocols", "firmware", "edge", "district", "station_config", "simulators", "tools")
CLOCK_MODULES = {"edge/clock.py", "district/clock.py", "simulators/world.py", "tests/waiting.py"}
FUNCTION_LINES_MEDIAN, FUNCTION_LINES_P95, FUNCTION_LINES_MAX = 8, 40, 70
FILE_LINES_MEDIAN, FILE_LINES_MAX = 150, 500

BANNED = {
    "time.time": "Clock.wall_s",
    "time.sleep": "Clock.sleep_s",
    "time.monotonic": "Clock.monotonic_s",
    "time.perf_counter": "Clock.monotonic_s",
    "datetime.now": "Clock.wall_s",
    "datetime.utcnow": "Clock.wall_s",
    "date.today": "Clock.wall_s",
    "asyncio.sleep": "Clock.sleep_s",
    "random.random": "World.rng",
    "random.randrange": "World.rng",
    "random.choice": "World.rng",
    "random.Random": "World.rng",
    "os.urandom": "edge.clock.random_bytes",
    "secrets.token_bytes": "edge.clock.random_bytes",
    "uuid.uuid4": "edge.clock.random_bytes",
}


def _files(*packages: str) -> Iterator[tuple[str, ast.Module, int]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(ROOT).as_posix(), ast.parse(text), len(text.splitlines())


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _functions() -> list[tuple[int, str]]:
    return [
        (_body_lines(node), f"{name}:{node.lineno} {node.name}")
        for name, tree, _ in _files(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_are_short() -> None:
    functions = sorted(_functions(), reverse=True)
    sizes = sorted(size for size, _ in functions)
    assert functions[0][0] <= FUNCTION_LINES_MAX, functions[:3]
    assert sizes[int(0.95 * len(sizes))] <= FUNCTION_LINES_P95
    assert statistics.median(sizes) <= FUNCTION_LINES_MEDIAN


def test_files_are_short() -> None:
    files = sorted(((lines, name) for name, _, lines in _files(*PACKAGES)), reverse=True)
    assert files[0][0] <= FILE_LINES_MAX, files[:3]
    assert statistics.median(lines for lines, _ in files) <= FILE_LINES_MEDIAN


def test_time_and_chance_enter_through_the_clock_modules_alone() -> None:
    found = []
    for name, tree, _ in _files("protocols", "edge", "district", "simulators", "station_config", "tests"):
        if name in CLOCK_MODULES or name.startswith("simulators/standins/"):
            continue
        for node in ast.walk(tree):
            call = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if call in BANNED and not (name.startswith("tests/") and call in {"random.Random", "time.monotonic", "time.perf_counter", "os.urandom"}):
                found.append(f"{name}:{node.lineno} {call}: use {BANNED[call]}")
    assert found == []


def test_no_bare_except_and_no_print_outside_tools() -> None:
    found = []
    for name, tree, _ in _files(*PACKAGES):
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{name}:{node.lineno} bare except")
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            if is_print and not name.startswith(("tools/", "firmware/")):
                found.append(f"{name}:{node.lineno} print")
    assert found == []


def test_the_tree_says_nothing_of_machines_it_was_made_on() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    banned = ("/work" + "/", "pypi" + ".org", "registry.npm" + "js", "files.python" + "hosted", "deb.debian" + ".org")
    found = [f"{name}: {word}" for name in tracked for word in banned if _text(ROOT / name).find(word) >= 0]
    assert found == []


def _text(path: Path) -> str:
    if not path.is_file() or path.suffix in {".bin", ".cbor", ".png", ".pgm"}:
        return ""
    return path.read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize("command", [
    ["ruff", "check", "--quiet", "."],
    ["importlinter.cli"],
    ["mypy"],
], ids=["ruff", "import-linter", "mypy"])
@pytest.mark.timeout(600)
def test_checkers_agree(command: list[str]) -> None:
    call = ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"] if command == ["importlinter.cli"] else ["-m", *command]
    done = subprocess.run([sys.executable, *call], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
