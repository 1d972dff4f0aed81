"""`./rekam doctor`: every device, key and promise of a station in one table, with the one next act for what is wrong.

Opens the devices for real, so the station is stopped meanwhile. The same drivers, texts and limits as the station uses.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

from edge.clock import SystemClock
from edge.devices.presence import Presence
from edge.errors import StationError
from edge.fitting import fit
from edge.keys import load_station_keys
from edge.store.store import Store
from station_config.load import load_station
from station_config.schema import StationConfig
from tools.station import DEFAULT

EXAMPLE = "./rekam doctor --config /etc/rekam/station.toml --json"
OPEN_S = 10.0
MB = 1024 * 1024


class Finding(NamedTuple):
    """One line of the table."""

    name: str
    state: str
    """OK or PERLU TINDAKAN (needs action)"""
    found: str
    next_step: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the station's file (default {DEFAULT})")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing needs action, 1 otherwise. Raises ConfigError."""
    config = load_station(arguments.config)
    findings = [_keys(config), _store(config), *asyncio.run(_devices(config))]
    if arguments.json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1, ensure_ascii=False))
    else:
        print("\n".join(_line(finding) for finding in findings))
    return 0 if all(finding.state == "OK" for finding in findings) else 1


def _line(finding: Finding) -> str:
    return f"{finding.name:<14} {finding.state:<14} {finding.found}" + (f"\n{'':<30}{finding.next_step}" if finding.next_step else "")


def _wrong(name: str, problem: StationError) -> Finding:
    return Finding(name, "PERLU TINDAKAN", problem.what, problem.next_step)


def _keys(config: StationConfig) -> Finding:
    try:
        keys = load_station_keys(config.keys, config.station.id)
    except StationError as problem:
        return _wrong("keys", problem)
    return Finding("keys", "OK", f"station {keys.station.name}, district {keys.district.name}, signed in software: weaker than a TPM")


def _store(config: StationConfig) -> Finding:
    try:
        store = Store.open(Path(config.station.data_dir) / "store", config.station.reserve_mb * MB)
        try:
            counts, left = store.counts(), store.enrolments_left()
        finally:
            store.close()
    except StationError as problem:
        return _wrong("store", problem)
    found = f"{counts.saved} records kept, {counts.waiting} wait for the district, room for {left} more"
    return Finding("store", "OK", found) if left else Finding("store", "PERLU TINDAKAN", found, "Send or export what waits, or free space.")


async def _devices(config: StationConfig) -> list[Finding]:
    """All at once: the slowest decides how long it takes."""
    clock = SystemClock()
    fitted = fit(config.devices, clock, lambda change: None).all()
    tasks = [asyncio.create_task(presence.run(), name=presence.name) for presence in fitted]
    await asyncio.gather(*(presence.when_ready(OPEN_S) for presence in fitted))
    findings = [_device(presence) for presence in fitted]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return findings


def _device(presence: Presence[Any]) -> Finding:
    if presence.state in ("ready", "busy") and presence.identity is not None:
        identity = presence.identity
        return Finding(presence.name, "OK", " ".join(word for word in (identity.maker, identity.model, identity.serial, identity.firmware) if word))
    problem = presence.error
    if problem is None:
        return Finding(presence.name, "PERLU TINDAKAN", f"not ready after {OPEN_S:g} s", "Look at its plug and supply, then run this again.")
    return _wrong(presence.name, problem)
