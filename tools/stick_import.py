"""`./rekam import DIR`: at the district, entries come in, receipts and policy go onto the stick; at the station, receipts, roster and policy come in."""

import argparse

from district.stick import TakenIn, put_policies, take_in
from edge.errors import StationError
from tools.stick import add_arguments, is_district, on_the_stick, open_desk, open_district_desk
from tools.stick_copy import import_all

EXAMPLE = "./rekam import /media/stick --config /etc/rekam/district.toml"
REFUSED = {"refused", "not_understood"}
WORDS = {
    "": "none on the stick", "new": "new", "unchanged": "unchanged", "older": "older than the one in force, left alone",
    "refused": "not for this station or not signed by its district, left alone", "not_understood": "made for a newer program: install that, then import again",
}

__all__ = ["add_arguments"]


def run(arguments: argparse.Namespace) -> int:
    """0 when everything on the stick was good, 1 otherwise."""
    return _at_district(arguments) if is_district(arguments.config) else _at_station(arguments)


def _at_district(arguments: argparse.Namespace) -> int:
    with open_district_desk(arguments.config) as desk, on_the_stick(arguments.folder, "taking in") as told:
        done = take_in(desk, arguments.folder, told)
        if done == TakenIn():
            raise StationError("stick_empty", f"{arguments.folder} holds no records", "Run ./rekam export at the station first")
        policies = put_policies(desk, arguments.folder)
    print(f"{done.receipts} entries are held and have their receipt on the stick. Take it back to the station: ./rekam import there.")
    if policies:
        print(f"The policy in force for {policies} of its stations is on the stick too.")
    if done.broken:
        print(f"{done.broken} copies are not whole: export at the station once more.")
    if done.refused:
        print(f"{done.refused} entries were refused; the district's page says why.")
    return 1 if done.broken or done.refused else 0


def _at_station(arguments: argparse.Namespace) -> int:
    with open_desk(arguments.config) as desk, on_the_stick(arguments.folder, "reading") as told:
        done = import_all(desk, arguments.folder, told)
    print(f"{done.received} receipts are new, {done.known} were known. Roster: {WORDS[done.roster]}. Policy: {WORDS[done.policy]}.")
    if done.refused:
        print(f"{done.refused} files are no receipts of this district for this station and were left alone.")
    if done.disputed:
        print(
            f"{done.disputed} receipts speak of other records than this station has under those numbers: an old card image was put back,"
            " or the card was copied. Stop recording here and tell the district."
        )
    return 1 if done.refused or done.disputed or {done.roster, done.policy} & REFUSED else 0
