"""`./rekam stick DEVICE`: what happens when somebody plugs a stick in. What came back goes in, what waits goes out, the page says when it may be pulled.

The station has to run: this program opens no store. Run by systemd for every USB stick whose label begins with REKAM
(station_config/systemd/rekam-stick@.service); a folder will do as well.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import StationError, StoreError
from protocols.stick import FOLDER
from station_config.load import load_station
from tools.stick import DEFAULT
from tools.stick_copy import Desk, export_entries, import_all
from tools.stick_remote import RemoteDesk

EXAMPLE = "./rekam stick /dev/sda1"
OPTIONS = "nosuid,nodev,noexec"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", type=Path, metavar="DEVICE", help="the stick's partition, or a folder")
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"the station's file (default {DEFAULT})")


def run(arguments: argparse.Namespace) -> int:
    """0 when everything that waits is on the stick. Raises StationError; the page says that the stick failed."""
    station = load_station(arguments.config).station
    desk = RemoteDesk(station.page_host, station.page_port)
    desk.show("stick_copying", 0)
    try:
        with mounted(arguments.device) as folder:
            count, unreadable = _both_ways(desk, folder)
    except BaseException:
        desk.show("stick_failed", 0)
        raise
    desk.show("stick_done", count)
    return 1 if unreadable else 0


def _both_ways(desk: Desk, folder: Path) -> tuple[int, int]:
    """How many entries are on the stick, and how many could not be read."""
    try:
        if (folder / FOLDER / desk.station).is_dir():
            came = import_all(desk, folder, _quiet)
            print(f"{came.received} receipts are new, {came.known} were known, {came.refused + came.disputed} refused.")
        done = export_entries(desk, folder, _quiet)
    except OSError as error:
        raise StationError("stick_failed", f"the stick failed ({error.strerror})", "Whatever was copied whole counts. Free or change the stick") from error
    print(f"{done.written} entries copied, {done.already} were there already, {done.unreadable} could not be read.")
    return done.written + done.already, done.unreadable


def _quiet(_done: int, _total: int) -> None:
    return None


@contextmanager
def mounted(device: Path) -> Iterator[Path]:
    """Where the stick's files are; let go of again, all written, before anybody is told that it may be pulled."""
    if device.is_dir():
        yield device
        return
    with tempfile.TemporaryDirectory(prefix="rekam-stick-") as folder:
        _call("mount", "-o", OPTIONS, str(device), folder)
        try:
            yield Path(folder)
        finally:
            _call("umount", folder)


def _call(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StoreError("stick_failed", f"{' '.join(words)}: {done.stderr.strip()}", "Try another stick, formatted as FAT or ext4")
