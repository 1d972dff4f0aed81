"""`./rekam crash system`: station, link, broker and district in virtual time under seeded faults, with the code that ships at both ends.

Nodes are in crash_system_nodes.py, storm, attacker and reckoning in crash_system_world.py, the bad broker in simulators/air.py, the disk in
simulators/disk.py, the planted bugs that show the gate's worth in tests/crash/test_planted_system_bugs.py. Not modelled: kernel, threads,
paho and sockets (tests/wire and `./rekam bench link` have those), cards that lie about a sync, bits that rot at rest (`crash store`).
"""

import argparse
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import track

from tools.crash_system_world import CUTS_A_WORLD, KINDS, run_world

HELP = "cut power, link and disks of a whole simulated system and check that every record arrives exactly once"
EXAMPLE = "./rekam crash system --cuts 100000 --seed 1 --json crash-system.json"


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
    messages: int = 0
    refused: int = 0
    """operations that an injected disk error stopped"""
    virtual_days: float = 0.0
    seconds: float = 0.0
    trace: str = ""
    """SHA-256; the same seed and number of cuts give the same"""
    first: str = ""
    """the first finding and how to see it again"""

    @property
    def clean(self) -> bool:
        return not any(getattr(self, kind) for kind in KINDS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cuts", type=int, default=10_000, help="power cuts of both machines together (default 10000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same worlds (default 1)")
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
    """Short worlds side by side on all cores."""
    seeds = [f"{seed}/{world}" for world in range(-(-cuts // CUTS_A_WORLD))]
    with ProcessPoolExecutor(max_workers=os.cpu_count(), initializer=logging.disable) as pool:
        return _add_up(track(pool.map(world_outcome, seeds, chunksize=4), "cutting", total=len(seeds)))


def world_outcome(seed: str) -> tuple[dict[str, float], str, str]:
    """Figures, first finding and trace of one world."""
    result = run_world(seed)
    figures: dict[str, float] = {name: getattr(result, name) for name in ("cuts", "records", "messages", "refused", *KINDS)}
    figures["virtual_days"] = result.virtual_s / 86_400
    return figures, result.first and f"world {seed}: {result.first}", result.trace.hexdigest()


def _add_up(outcomes: Iterable[tuple[dict[str, float], str, str]]) -> Summary:
    summary, trace = Summary(), hashlib.sha256()
    for figures, first, digest in outcomes:
        for name, count in figures.items():
            setattr(summary, name, getattr(summary, name) + count)
        summary.first = summary.first or first
        trace.update(digest.encode())
    summary.virtual_days = round(summary.virtual_days, 1)
    summary.trace = trace.hexdigest()
    return summary


def _sentence(summary: Summary) -> str:
    figures = (
        f"{summary.cuts} power cuts, {summary.refused} refused disk operations, {summary.records} records, {summary.messages} messages, "
        f"{summary.virtual_days} virtual days, {summary.seconds} s, trace {summary.trace[:16]}"
    )
    if summary.clean:
        return f"{figures}: nothing lost, doubled, forged, stuck or falsely saved."
    found = f"{summary.lost} lost, {summary.duplicated} doubled, {summary.forged} forged, {summary.stuck} stuck, {summary.false_saved} falsely saved"
    return f"{figures}: {found}.\nFirst: {summary.first}"
