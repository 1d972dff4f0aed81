"""`./rekam register`: the devices that a station has had, what they did and what went wrong; and what an installer did about it.

A note becomes a signed ledger event, so that the district knows of it as it knows of the fault; for that the station is stopped. Looking is possible at
any time. Notes are about devices: nothing about a person belongs in them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from edge.clock import SystemClock
from edge.devices.register import ACTS, EquipmentRegister
from edge.errors import StationError
from station_config.load import load_station
from tools.station import DEFAULT
from tools.stick import open_station

EXAMPLE = './rekam register repair fingerprint "cable exchanged"'
NOTE_CHARACTERS = 100
HOUR_S = 3600
FAULTS_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", nargs="?", choices=sorted(ACTS), help="what was done; left out: list the devices")
    parser.add_argument("device", nargs="?", help="name in the list, such as fingerprint")
    parser.add_argument("note", nargs="?", help=f"what it was, at most {NOTE_CHARACTERS} characters, nothing about a person")
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the station's file (default {DEFAULT})")
    parser.add_argument("--json", action="store_true", help="list everything as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0 when listed or noted. Raises ConfigError, StationError."""
    register = EquipmentRegister(Path(load_station(arguments.config).station.data_dir) / "equipment.json", SystemClock())
    if arguments.act is not None:
        _note(arguments, register)
    elif arguments.json:
        print(json.dumps(register.rows(), indent=1, ensure_ascii=False))
    else:
        print("\n".join(line for row in register.rows() for line in _lines(row)) or "No device has answered on this station yet.")
    return 0


def _note(arguments: argparse.Namespace, register: EquipmentRegister) -> None:
    """Both, or, when the power goes in between, the ledger alone: the district then knows more than the list."""
    known = [row["device"] for row in register.rows()]
    if arguments.device not in known:
        raise StationError("device_unknown", f"there is no device {arguments.device!r} in the register", f"Known here: {', '.join(known) or 'none yet'}.")
    note = (arguments.note or "").strip()
    if not note or len(note) > NOTE_CHARACTERS or not note.isprintable():
        raise StationError("note_wrong", f"a note has 1 to {NOTE_CHARACTERS} characters on one line", f"Say what was done, e.g. {EXAMPLE}")
    with open_station(arguments.config) as station:
        station.ledger.event("maintained", {"device": arguments.device, "act": arguments.act, "what": note})
        register.maintained(arguments.device, arguments.act, note)
        register.save()
    print(f"{arguments.act} of {arguments.device} noted; the district learns it when the station is connected again.")


def _lines(row: dict[str, Any]) -> list[str]:
    identity = row.get("identity") or {}
    who = " ".join(identity[name] for name in ("maker", "model", "serial", "firmware") if identity.get(name)) or "never answered"
    counts = f"{row['captures']} captures, {row['on_s'] / HOUR_S:.1f} h on, {row['faults_ever']} faults"
    found = [f"{row['device']:<14} {who}", f"{'':<14} {counts}"]
    found += [f"{'':<14} {_day(fault)} fault {fault['code']}: {fault['what']}" for fault in row["faults"][-FAULTS_SHOWN:]]
    found += [f"{'':<14} {_day(entry)} {act}: {entry['what']}" for act, listed in ACTS.items() for entry in row[listed]]
    return [*found, *(f"{'':<14} {_day(entry)} before: {_number(entry)}, {entry['captures']} captures" for entry in row["earlier"])]


def _number(entry: dict[str, Any]) -> str:
    return (entry["identity"] or {}).get("serial") or "no serial number"


def _day(entry: dict[str, Any]) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(entry["when_s"]))
