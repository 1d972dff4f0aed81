"""`./rekam crash system`: station, link, broker and district in virtual time under seeded faults, with the code that ships at both ends.

Nodes are in crash_system_nodes.py, storm, attacker and reckoning in crash_system_world.py, the bad broker in simulators/air.py, the disk in
simulators/disk.py, the planted bugs that show the gate's worth in tests/crash/test_planted_system_bugs.py. Not modelled: kernel, threads,
paho and sockets (tests/wire and `./rekam bench link` have those), cards that lie about a sync, bits that rot at rest (`crash store`).
"""

import argparse
import logging
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from rich.progress import track

from tools import crash_report
from tools.crash_report import Outcome
from tools.crash_system_world import CUTS_A_WORLD, run_world

EXAMPLE = "./rekam crash system --cuts 100000 --seed 1 --json crash-system.json"
add_arguments = crash_report.add_arguments


@dataclass
class Summary(crash_report.Summary):
    """With what the sentence says besides."""

    messages: int = 0
    refused: int = 0
    """operations that an injected disk error stopped"""
    virtual_days: float = 0.0

    def figures(self) -> str:
        return (
            f"{self.cuts} power cuts, {self.refused} refused disk operations, {self.records} records, {self.messages} messages, "
            f"{self.virtual_days} virtual days"
        )


def run(arguments: argparse.Namespace) -> int:
    return crash_report.report(arguments, crash)


def crash(seed: int, cuts: int) -> Summary:
    """Short worlds side by side on all cores."""
    seeds = [f"{seed}/{world}" for world in range(-(-cuts // CUTS_A_WORLD))]
    summary = Summary()
    with ProcessPoolExecutor(max_workers=os.cpu_count(), initializer=logging.disable) as pool:
        summary.add_up(track(pool.map(world_outcome, seeds, chunksize=4), "cutting", total=len(seeds)))
    summary.virtual_days = round(summary.virtual_days, 1)
    return summary


def world_outcome(seed: str) -> Outcome:
    """Figures, first finding and trace of one world."""
    result = run_world(seed)
    figures = {"cuts": result.cuts, "records": result.records, "messages": result.messages, "refused": result.refused, **result.of_all_kinds()}
    return {**figures, "virtual_days": result.virtual_s / 86_400}, result.first and f"world {seed}: {result.first}", result.trace.hexdigest()
