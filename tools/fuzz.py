"""`./rekam fuzz TARGET`: coverage-guided fuzzing (atheris, libFuzzer) of what reads foreign bytes.

The corpus is one file a target in tests/vectors/fuzz, one input a line: a name or number, a blank, hexadecimal. Every test run replays it.
`--keep` adds the inputs of this run that reached new code, so that the next run starts where this one ended.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from edge.errors import StationError
from tools.amounts import whole
from tools.paths import ROOT

EXAMPLE = "./rekam fuzz entry --seconds 600"
TARGET_NAMES = ("cbor", "entry", "receipt", "envelope", "policy", "stick", "custody", "ingest")
CORPUS = ROOT / "tests" / "vectors" / "fuzz"
KEPT_BYTES_MAX = 4096
"""longer inputs find nothing here that shorter ones do not, and the corpus stays readable"""


def read_corpus(target: str) -> dict[str, bytes]:
    """Name -> input."""
    path = CORPUS / f"{target}.txt"
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return {name: bytes.fromhex(data) for name, _, data in (line.partition(" ") for line in lines if line)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", choices=TARGET_NAMES)
    parser.add_argument("--seconds", type=whole(1, 30 * 86_400), default=60, help="how long (default 60)")
    parser.add_argument("--keep", action="store_true", help="add what reached new code to the corpus")


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing broke; otherwise the input that broke it is printed and kept in the corpus."""
    with tempfile.TemporaryDirectory(prefix="rekam-fuzz-") as folder:
        inputs = Path(folder, "corpus")
        inputs.mkdir()
        corpus = read_corpus(arguments.target)
        for data in corpus.values():
            (inputs / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        options = [f"-max_total_time={arguments.seconds}", f"-artifact_prefix={folder}/broken-", "-print_final_stats=1", "-verbosity=1"]
        done = subprocess.run([sys.executable, "-m", "tools.fuzz_child", arguments.target, str(inputs), *options], cwd=ROOT, check=False)
        broken = {f"broken-{path.name[-12:]}": path.read_bytes() for path in Path(folder).glob("broken-*")}
        reached = {path.name[:16]: path.read_bytes() for path in inputs.iterdir()} if arguments.keep else {}
    known = set(corpus.values())
    fresh = {name: data for name, data in (reached | broken).items() if data not in known and len(data) <= KEPT_BYTES_MAX}
    _write(arguments.target, corpus | fresh)
    for name, data in broken.items():
        print(f"{name}: {data.hex()}")
    if done.returncode and not broken:
        raise StationError("fuzz_failed", f"the fuzzer ended with {done.returncode}", "Is the dev extra installed? (pip install -e .[dev])")
    return 1 if broken else 0


def _write(target: str, corpus: dict[str, bytes]) -> None:
    CORPUS.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} {data.hex()}\n" for name, data in sorted(corpus.items())]
    (CORPUS / f"{target}.txt").write_text("".join(lines), encoding="ascii")
