"""`./rekam station`: run a station until it is told to stop."""

import argparse
import importlib
from pathlib import Path

from station_config.load import load_station

EXAMPLE = "./rekam station --config /etc/rekam/station.toml"
DEFAULT = Path("/etc/rekam/station.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the station's file (default {DEFAULT})")


def run(arguments: argparse.Namespace) -> int:
    """Exit code of the station; ConfigError and StationError say what is wrong."""
    config = load_station(arguments.config)
    return int(importlib.import_module("edge.app").run(config))
