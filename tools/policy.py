"""`./rekam policy`: at the district, show or sign what stations shall keep to. Beside the running district program, which hands it out by itself.

What is not named stays as in the policy before. Stations without a link get it with the next stick (`./rekam import` here puts it there).
"""

import argparse
import re
from functools import partial
from pathlib import Path

import msgspec

from district.clock import SystemClock
from district.keys import KeyFileError, Stations, load_signer
from district.policies import Policies, blank
from edge.errors import StationError
from protocols.canonical import FormatError
from protocols.policy import Policy
from station_config.load import load_district

EXAMPLE = "./rekam policy --online-only yes --waiting-max 200 --urgent pupil,exception"
DEFAULT = Path("/etc/rekam/district.toml")
CHANGES = ("online_only", "waiting_max", "retention_days", "urgent", "urgent_letters")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the district's file (default {DEFAULT})")
    parser.add_argument("--station", metavar="ID", help="for this station alone (default: for all)")
    change = partial(parser.add_argument, default=argparse.SUPPRESS)
    change("--online-only", type=_yes_no, metavar="yes|no", help="record a next person only while the link is up")
    change("--waiting-max", type=int, metavar="N", help="records that may wait unsent before nobody new begins; 0: as many as fit")
    change("--retention-days", type=_days, metavar="N|own", help="how long payloads stay after their receipt; own: as each station's file says")
    change("--urgent", type=_list, metavar="LIST", help="what goes first, of exception, recapture, pupil; - for none")
    change("--urgent-letters", type=_list, metavar="LIST", help="beginnings of letter numbers that go first; - for none")


def run(arguments: argparse.Namespace) -> int:
    """Without changes: show. Raises StationError, ConfigError."""
    config = load_district(arguments.config)
    policies = Policies(Path(config.district.data_dir))
    changes = {name: value for name, value in vars(arguments).items() if name in CHANGES}
    if not changes:
        return _show(policies, Stations(Path(config.keys.station_certificates)).names())
    if arguments.station is not None and arguments.station not in Stations(Path(config.keys.station_certificates)).names():
        raise StationError("policy_call", f"no station {arguments.station!r} has a certificate here", "./rekam policy lists the stations")
    before = policies.newest(arguments.station)
    number, clock = policies.next_number(), SystemClock()
    policy = before[1] if before else blank(config.district.id, arguments.station, number, clock)
    changes |= {"district": config.district.id, "station": arguments.station, "sequence": number, "wall_s": int(clock.wall_s())}
    try:
        policy = msgspec.structs.replace(policy, **changes)
        policies.add(policy, load_signer(config.keys, config.district.id))
    except (FormatError, KeyFileError) as error:
        raise StationError("policy_call", _named(error).rstrip("."), f"Example: {EXAMPLE}") from error
    except OSError as error:
        raise StationError("policy_call", f"{config.district.data_dir} cannot be written ({error.strerror})", "Run it as the district's user") from error
    print(f"Policy {number} for {arguments.station or 'all stations'} is signed: {worded(policy)}. It goes out by broker now, or with the next stick.")
    return 0


def _named(error: Exception) -> str:
    """The document is an array: say which option is meant."""
    found = re.match(r"\$\[(\d+)\]\S*", str(error))
    return str(error) if found is None else f"--{Policy.__struct_fields__[int(found[1])].replace('_', '-')}{str(error)[found.end():]}"


def worded(policy: Policy) -> str:
    """What it asks for, in one line."""
    return "; ".join((
        "record only while the link is up" if policy.online_only else "record with or without link",
        f"at most {policy.waiting_max} records waiting" if policy.waiting_max else "as many records waiting as fit",
        "payloads kept as in each station's file" if policy.retention_days is None else f"payloads kept {policy.retention_days} days",
        f"first: {', '.join((*policy.urgent, *policy.urgent_letters)) or 'what operators mark'}",
    ))


def _show(policies: Policies, stations: list[str]) -> int:
    for station in stations:
        found = policies.newest(station)
        print(f"{station}: " + (f"policy {found[1].sequence}: {worded(found[1])}" if found else "no policy"))
    if not stations:
        print("No station has a certificate here.")
    return 0


def _yes_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise argparse.ArgumentTypeError("yes or no")
    return text == "yes"


def _list(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(word.strip() for word in text.split(",") if word.strip())


def _days(text: str) -> int | None:
    if text != "own" and not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number of days nor own")
    return None if text == "own" else int(text)
