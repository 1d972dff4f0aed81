"""`./rekam import DIR`: at the district, entries come in and receipts go onto the stick; at the station, receipts and a new roster come in."""

import argparse
from functools import partial
from pathlib import Path

from district.stick import take_in
from edge.files import write_durably
from edge.store.stick import import_receipts
from protocols.roster import ROSTER_BYTES_MAX, ROSTER_TYPE
from protocols.sealing import SealingError, open1, open_receipt
from protocols.stick import FOLDER, ROSTER_NAME
from tools.stick import OpenStation, add_arguments, is_district, on_the_stick, open_district, open_station

EXAMPLE = "./rekam import /media/stick --config /etc/rekam/district.toml"

__all__ = ["add_arguments"]


def run(arguments: argparse.Namespace) -> int:
    """0 when everything on the stick was good, 1 otherwise."""
    return _at_district(arguments) if is_district(arguments.config) else _at_station(arguments)


def _at_district(arguments: argparse.Namespace) -> int:
    with open_district(arguments.config) as store, on_the_stick(arguments.folder, "taking in") as told:
        done = take_in(store, arguments.folder, told)
    print(f"{done.receipts} entries are held and have their receipt on the stick. Take it back to the station: ./rekam import there.")
    if done.broken:
        print(f"{done.broken} copies are not whole: export at the station once more.")
    if done.refused:
        print(f"{done.refused} entries were refused; the district's page says why.")
    return 1 if done.broken or done.refused else 0


def _at_station(arguments: argparse.Namespace) -> int:
    with open_station(arguments.config) as station, on_the_stick(arguments.folder, "reading"):
        done = import_receipts(station.store, station.id, arguments.folder, partial(open_receipt, key_of=station.keys.district_key))
        roster = _import_roster(station, arguments.folder / FOLDER / station.id / ROSTER_NAME)
    print(f"{done.received} receipts are new, {done.known} were known. Roster: {roster}.")
    if done.refused:
        print(f"{done.refused} files are no receipts of this district for this station and were left alone.")
    return 1 if done.refused or roster == "refused" else 0


def _import_roster(station: OpenStation, path: Path) -> str:
    if not path.exists():
        return "none on the stick"
    if station.roster is None or path.stat().st_size > 2 * ROSTER_BYTES_MAX:
        return "refused"
    data = path.read_bytes()
    try:
        open1(data, station.keys.district_key, ROSTER_TYPE, ROSTER_BYTES_MAX)
    except SealingError:
        return "refused"
    if not station.roster.exists() or station.roster.read_bytes() != data:
        write_durably(station.roster, data)
        station.ledger.event("configuration", {"roster": len(data)})
        return "new"
    return "unchanged"
