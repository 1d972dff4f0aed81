"""What the crash gates report, and how: kinds of findings, the JSON document, the sentence at the end."""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools.amounts import whole

KEYS = ("cuts", "records", "lost", "duplicated", "forged", "stuck", "false_saved", "seconds", "trace")
"""of the JSON document: a contract"""
KINDS = ("lost", "duplicated", "forged", "stuck", "false_saved")
Outcome = tuple[dict[str, float], str, str]
"""figures, first finding and trace of one world"""


@dataclass
class Findings:
    """What went wrong, by kind; `first` says where and how."""

    lost: int = 0
    duplicated: int = 0
    forged: int = 0
    stuck: int = 0
    false_saved: int = 0
    first: str = ""

    def add(self, kind: str, text: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self.first = self.first or f"{kind}: {text}"

    @property
    def total(self) -> int:
        return sum(getattr(self, kind) for kind in KINDS)

    def of_all_kinds(self) -> dict[str, int]:
        return {kind: getattr(self, kind) for kind in KINDS}


@dataclass
class Summary(Findings):
    """What a gate found; KEYS of it are the JSON document."""

    cuts: int = 0
    records: int = 0
    seconds: float = 0.0
    trace: str = ""
    """SHA-256; the same seed and number of cuts give the same"""

    def figures(self) -> str:
        """What was done, for the sentence."""
        return f"{self.cuts} power cuts, {self.records} records"

    def add_up(self, outcomes: Iterable[Outcome]) -> None:
        """Take in the worlds in their order."""
        trace = hashlib.sha256(self.trace.encode())
        for figures, first, digest in outcomes:
            for name, count in figures.items():
                setattr(self, name, getattr(self, name) + count)
            self.first = self.first or first
            trace.update(digest.encode())
        self.trace = trace.hexdigest()


S = TypeVar("S", bound=Summary)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cuts", type=whole(1, 10_000_000), default=10_000, help="power cuts (default 10000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same worlds (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")


def report(arguments: argparse.Namespace, crash: Callable[[int, int], S]) -> int:
    """Run a gate; 0 when nothing was found."""
    started = time.monotonic()
    summary = crash(arguments.seed, arguments.cuts)
    summary.seconds = round(time.monotonic() - started, 1)
    if arguments.json:
        arguments.json.write_text(json.dumps({key: getattr(summary, key) for key in KEYS}, indent=2) + "\n", encoding="utf-8")
    print(f"{summary.figures()}, {summary.seconds} s, trace {summary.trace[:16]}: {_verdict(summary)}")
    return 1 if summary.total else 0


def _verdict(summary: Summary) -> str:
    if not summary.total:
        return "nothing lost, doubled, forged, stuck or falsely saved."
    counts = f"{summary.lost} lost, {summary.duplicated} doubled, {summary.forged} forged, {summary.stuck} stuck, {summary.false_saved} falsely saved"
    return f"{counts}.\nFirst: {summary.first}"
