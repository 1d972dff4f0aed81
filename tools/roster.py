"""`./rekam roster`: at the district, seal and sign who is expected and who may log in, onto the stick that goes to the stations.

Of all rosters that a station is brought, the one that was signed last holds.
"""

import argparse
from pathlib import Path

from district.clock import SystemClock
from district.keys import KeyFileError, Stations, load_signer
from edge.clock import random_bytes
from edge.errors import StationError
from edge.files import make_folder, write_durably
from protocols.roster import ROSTER_BYTES_MAX, Operator, seal_roster
from protocols.stick import FOLDER, ROSTER_NAME
from station_config.load import load_district
from tools.keys import read_operators
from tools.people_table import NEEDED, OPTIONAL, read_people
from tools.stick import on_the_stick

EXAMPLE = './rekam roster people.csv /media/stick --station poso-01 --operator "ani:Ani Lestari:482913"'
DEFAULT = Path("/etc/rekam/district.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("people", type=Path, metavar="CSV", help=f"columns {', '.join(NEEDED)}; as you like {', '.join(OPTIONAL)}")
    parser.add_argument("stick", type=Path, metavar="DIR", help="the stick, or any folder on it")
    parser.add_argument("--station", action="append", required=True, metavar="ID", help="for this station; may be repeated")
    parser.add_argument("--operator", action="append", required=True, metavar="LOGIN:NAME:PIN", help="who may log in; may be repeated")
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the district's file (default {DEFAULT})")


def run(arguments: argparse.Namespace) -> int:
    """Raises StationError, ConfigError; nothing was written before all of it was good."""
    config = load_district(arguments.config)
    unknown = sorted({*arguments.station} - {*Stations(Path(config.keys.station_certificates)).names()})
    if unknown:
        raise StationError("roster_call", f"no certificate here names {', '.join(unknown)}", "./rekam policy lists the stations")
    operators, rows = read_operators(arguments.operator), read_people(_text(arguments.people))
    people = [(Operator(login=who.login, name=who.name, pseudonym=random_bytes(8)), who.pin) for who in operators]
    try:
        signed = seal_roster(rows, people, int(SystemClock().wall_s()), load_signer(config.keys, config.district.id), random_bytes)
    except KeyFileError as error:
        raise StationError("roster_call", str(error).rstrip("."), "Run it as the district's user") from error
    if len(signed) > ROSTER_BYTES_MAX:
        raise StationError("roster_call", f"{len(rows)} people are more than a roster holds", "Make one for each team, of the next days only")
    with on_the_stick(arguments.stick, "writing") as told:
        for done, station in enumerate(arguments.station, 1):
            make_folder(arguments.stick / FOLDER / station)
            write_durably(arguments.stick / FOLDER / station / ROSTER_NAME, signed)
            told(done, len(arguments.station))
    print(f"{len(rows)} people, {len(people)} operators sealed for {', '.join(arguments.station)}. At the station: plug the stick in, or ./rekam import.")
    return 0


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(ROSTER_BYTES_MAX + 1)
    if len(data) > ROSTER_BYTES_MAX:
        raise StationError("roster_call", f"{path} has more than {ROSTER_BYTES_MAX} bytes", "Make one roster for each team, of the next days only")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StationError("roster_call", f"{path} is not UTF-8 (byte {error.start})", "Save it as CSV UTF-8") from error
