"""`./rekam district`: run the district until it is told to stop."""

import argparse
import importlib
from pathlib import Path

from station_config.load import load_district

EXAMPLE = "./rekam district --config /etc/rekam/district.toml"
DEFAULT = Path("/etc/rekam/district.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the district's file (default {DEFAULT})")


def run(arguments: argparse.Namespace) -> int:
    """Exit code of the district; ConfigError says what is wrong with the file."""
    config = load_district(arguments.config)
    return int(importlib.import_module("district.app").run(config))
