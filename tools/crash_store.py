"""`./rekam crash store`: the shipped store on a simulated disk, cut at random operations, with I/O errors in between.

Lives and the model they are compared with are in crash_store_lives.py and crash_store_model.py, the disk in simulators/disk.py, the planted
bugs that show the gate's worth in tests/crash/test_planted_store_bugs.py. Not modelled: kernel, threads, and cards that lie about a sync.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from rich.progress import track

from tools import crash_report
from tools.crash_report import Findings, Outcome
from tools.crash_store_errors import error_loop
from tools.crash_store_lives import CUTS_A_WORLD, run_world
from tools.crash_store_rot import rot_world

EXAMPLE = "./rekam crash store --cuts 100000 --seed 1 --json crash-store.json"
ERRORS = [(kind, sticky) for kind in ("IOERR", "FULL", "SYNC") for sticky in (False, True)]
FLIPS, CUTS_A_ROTTEN_WORLD = 50, 2_000
add_arguments = crash_report.add_arguments


@dataclass
class Summary(crash_report.Summary):
    """The JSON document; names are a contract."""

    io_errors: int = 0
    """disk operations that were made to fail one by one, each once and for good"""
    bit_flips: int = 0
    """bits flipped one by one in stores at rest"""

    def figures(self) -> str:
        return f"{self.cuts} power cuts, {self.io_errors} I/O errors, {self.bit_flips} flipped bits, {self.records} records"


def run(arguments: argparse.Namespace) -> int:
    return crash_report.report(arguments, crash)


def crash(seed: int, cuts: int) -> Summary:
    """Short worlds side by side on all cores, then an error at every single disk operation, then flipped bits."""
    seeds = [f"{seed}/{world}" for world in range(-(-cuts // CUTS_A_WORLD))]
    summary = Summary()
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        summary.add_up(track(pool.map(world_outcome, seeds, chunksize=4), "cutting", total=len(seeds)))
        loops = pool.map(partial(error_loop, f"{seed}/errors"), *zip(*ERRORS, strict=True))
        for tried, findings in track(loops, "failing", total=len(ERRORS)):
            summary.io_errors += tried
            _add(summary, findings)
        rotten = [f"{seed}/rot/{world}" for world in range(max(2, cuts // CUTS_A_ROTTEN_WORLD))]
        for tried, findings in track(pool.map(partial(rot_world, flips=FLIPS), rotten), "flipping", total=len(rotten)):
            summary.bit_flips += tried
            _add(summary, findings)
    return summary


def world_outcome(seed: str) -> Outcome:
    """Figures, first finding and trace of one world."""
    result = run_world(seed, CUTS_A_WORLD)
    found = result.findings
    return {"cuts": result.cuts, "records": result.records, **found.of_all_kinds()}, found.first and f"world {seed}: {found.first}", result.trace.hexdigest()


def _add(summary: Summary, findings: Findings) -> None:
    for kind, count in findings.of_all_kinds().items():
        setattr(summary, kind, getattr(summary, kind) + count)
    summary.first = summary.first or findings.first
