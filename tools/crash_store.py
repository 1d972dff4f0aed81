"""`./rekam crash store`: the shipped store on a simulated disk, cut at random operations, with I/O errors in between.

Lives and the model they are compared with are in crash_store_lives.py and crash_store_model.py, the disk in simulators/disk.py, the planted
bugs that show the gate's worth in tests/crash/test_planted_store_bugs.py. Not modelled: kernel, threads, and cards that lie about a sync.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.progress import track

from tools.crash_store_errors import error_loop
from tools.crash_store_lives import CUTS_A_WORLD, run_world
from tools.crash_store_model import Findings
from tools.crash_store_rot import rot_world

HELP = "cut the power of the store on a simulated disk and check that nothing promised is lost"
ERRORS = [(kind, sticky) for kind in ("IOERR", "FULL", "SYNC") for sticky in (False, True)]
FLIPS, CUTS_A_ROTTEN_WORLD = 50, 2_000
EXAMPLE = "./rekam crash store --cuts 100000 --seed 1 --json crash-store.json"


@dataclass
class Summary:
    """The JSON document; names are a contract."""

    cuts: int = 0
    records: int = 0
    lost: int = 0
    duplicated: int = 0
    forged: int = 0
    stuck: int = 0
    false_saved: int = 0
    io_errors: int = 0
    """disk operations that were made to fail one by one, each once and for good"""
    bit_flips: int = 0
    """bits flipped one by one in stores at rest"""
    seconds: float = 0.0
    trace: str = ""
    """SHA-256; the same seed and number of cuts give the same"""
    first: str = ""
    """the first finding and how to see it again"""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.forged or self.stuck or self.false_saved)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cuts", type=int, default=10_000, help="power cuts (default 10000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same cuts (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")


def run(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    summary = crash(arguments.seed, arguments.cuts)
    summary.seconds = round(time.monotonic() - started, 1)
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(summary), indent=2) + "\n", encoding="utf-8")
    print(_sentence(summary))
    return 0 if summary.clean else 1


def crash(seed: int, cuts: int) -> Summary:
    """Short worlds side by side on all cores, then an error at every single disk operation, then flipped bits."""
    seeds = [f"{seed}/{world}" for world in range(-(-cuts // CUTS_A_WORLD))]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        outcomes = pool.map(world_outcome, seeds, chunksize=4)
        summary = _add_up(track(outcomes, "cutting", total=len(seeds)))
        for tried, findings in pool.map(partial(error_loop, f"{seed}/errors"), *zip(*ERRORS, strict=True)):
            summary.io_errors += tried
            _add(summary, findings)
        rotten = [f"{seed}/rot/{world}" for world in range(max(2, cuts // CUTS_A_ROTTEN_WORLD))]
        for tried, findings in pool.map(partial(rot_world, flips=FLIPS), rotten):
            summary.bit_flips += tried
            _add(summary, findings)
        return summary


def world_outcome(seed: str) -> tuple[dict[str, int], str, str]:
    """Figures, first finding and trace of one world."""
    result = run_world(seed, CUTS_A_WORLD)
    found = result.findings
    figures = {"cuts": result.cuts, "records": result.records, **{kind: getattr(found, kind) for kind in found.KINDS}}
    return figures, found.first and f"world {seed}: {found.first}", result.trace.hexdigest()


def _add_up(outcomes: Iterable[tuple[dict[str, int], str, str]]) -> Summary:
    summary, trace = Summary(), hashlib.sha256()
    for figures, first, digest in outcomes:
        for name, count in figures.items():
            setattr(summary, name, getattr(summary, name) + count)
        summary.first = summary.first or first
        trace.update(digest.encode())
    summary.trace = trace.hexdigest()
    return summary


def _add(summary: Summary, findings: Findings) -> None:
    for kind in findings.KINDS:
        setattr(summary, kind, getattr(summary, kind) + getattr(findings, kind))
    summary.first = summary.first or findings.first


def _sentence(summary: Summary) -> str:
    struck = f"{summary.cuts} power cuts, {summary.io_errors} I/O errors, {summary.bit_flips} flipped bits"
    figures = f"{struck}, {summary.records} records, {summary.seconds} s, trace {summary.trace[:16]}"
    if summary.clean:
        return f"{figures}: nothing lost, doubled, forged, stuck or falsely saved."
    found = f"{summary.lost} lost, {summary.duplicated} doubled, {summary.forged} forged, {summary.stuck} stuck, {summary.false_saved} falsely saved"
    return f"{figures}: {found}.\nFirst: {summary.first}"
