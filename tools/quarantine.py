"""`./rekam quarantine`: at the district, what the checks set aside, and an officer's decision on it.

`--release` makes a quarantined record count as stored; its station may then let go of it. `--discard` gives one up that is quarantined or cannot
arrive any more; its content is deleted here, the station keeps its own. Each decision is a signed receipt in the district's chain, the officer's
name stands beside it.
"""

import argparse
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from district import decisions, view
from district.decisions import Act, Decision
from district.store import Undecidable
from edge.errors import StationError
from station_config.load import load_district
from station_config.schema import DistrictConfig
from tools.stick import open_district

EXAMPLE = "./rekam quarantine --release 3f9a01c2 --officer 'Ibu Sri'"
DEFAULT = Path("/etc/rekam/district.toml")
PREFIX_MIN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the district's file (default {DEFAULT})")
    decision = parser.add_mutually_exclusive_group()
    decision.add_argument("--release", metavar="ENTRY", help="this one counts as stored (the first 8 or more characters of its name)")
    decision.add_argument("--discard", metavar="ENTRY", help="this one is given up")
    parser.add_argument("--officer", default="", metavar="NAME", help="who decides; kept with the decision")


def run(arguments: argparse.Namespace) -> int:
    """Without a decision: the list. Raises StationError, ConfigError."""
    config = load_district(arguments.config)
    found = _from_page(config)
    running = found is not None
    if found is None:
        with open_district(arguments.config) as district:
            found = view.quarantine(district.store.connection)
    act: Act = "release" if arguments.release else "discard"
    prefix = arguments.release or arguments.discard
    if not prefix:
        return _show(found)
    decision = _decision(found, prefix, act, arguments.officer)
    if running:
        decisions.wish(Path(config.district.data_dir), decision)
        print("The district program carries it out within ten seconds; ./rekam quarantine shows it then.")
        return 0
    with open_district(arguments.config) as district:
        try:
            station, _ = decisions.decide(district.store, decision)
        except Undecidable as error:
            raise StationError("quarantine_call", str(error), "./rekam quarantine lists what can be decided") from error
    print(f"Done. Station {station} learns it when it connects, or from its stick.")
    return 0


def _from_page(config: DistrictConfig) -> list[dict[str, Any]] | None:
    """What the running program says; None when there is none."""
    host = config.district.page_host if config.district.page_host not in {"0.0.0.0", "::"} else "127.0.0.1"
    try:
        with urllib.request.urlopen(f"http://{host}:{config.district.page_port}/api/quarantine", timeout=10) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return found


def _decision(found: list[dict[str, Any]], prefix: str, act: Act, officer: str) -> Decision:
    entries = [item["entry"] for item in found if len(prefix) >= PREFIX_MIN and item["entry"].startswith(prefix)]
    if len(entries) != 1 or not officer:
        what = "--officer is missing" if len(entries) == 1 else f"{prefix} names {len(entries)} entries of the list"
        raise StationError("quarantine_call", what, f"Example: {EXAMPLE}")
    try:
        return msgspec.convert({"entry": entries[0], "act": act, "officer": officer}, Decision)
    except msgspec.ValidationError as error:
        raise StationError("quarantine_call", str(error), f"Example: {EXAMPLE}") from error


def _show(found: list[dict[str, Any]]) -> int:
    for item in found:
        day = datetime.fromtimestamp(item["received_s"], UTC).date().isoformat()
        why = ", ".join(filter(None, (item["reason"] or "content missing", item["officer"])))
        record = f"{item['entry'][:16]}  {item['station']} #{item['sequence']} {item['register']}"
        print(f"{record}  {item['state']} ({why})  {day}  {item['bytes_here']} of {item['bytes']} bytes")
    if not found:
        print("Nothing is set aside.")
    return 0
