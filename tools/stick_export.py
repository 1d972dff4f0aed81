"""`./rekam export DIR`: what waits for the district goes onto a stick, sealed as it is. The station may run meanwhile."""

import argparse

from edge.errors import StationError
from tools.stick import add_arguments, is_district, on_the_stick, open_desk
from tools.stick_copy import export_entries

EXAMPLE = "./rekam export /media/stick"

__all__ = ["add_arguments"]


def run(arguments: argparse.Namespace) -> int:
    """0 when everything that waits is on the stick, 1 when something could not be read."""
    if is_district(arguments.config):
        raise StationError("stick_side", "a district has nothing to export", "Run ./rekam import there: it takes entries in and puts the receipts beside them")
    with open_desk(arguments.config) as desk, on_the_stick(arguments.folder, "copying") as told:
        done = export_entries(desk, arguments.folder, told)
    print(f"{done.written} entries copied to {arguments.folder}, {done.already} were there already. Take it to the district: ./rekam import there.")
    if done.unreadable:
        print(f"{done.unreadable} records could not be read from this station's disk: tell the district, and change the card.")
    return 1 if done.unreadable else 0
