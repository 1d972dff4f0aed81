"""What `./rekam export` and `./rekam import` share: a station's or district's configuration, somebody to talk to, progress.

A station that runs is asked over its page's loopback address, a stopped one's store is opened for the moment; a district
in the same way.
"""

import argparse
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress

from district.clock import SystemClock as DistrictClock
from district.database import DistrictBusy, DistrictError
from district.keys import KeyFileError, Stations, load_signer, load_stations
from district.policies import Policies
from district.quota import Limits
from district.stick import Desk as DistrictDesk
from district.stick import StoreDesk
from district.store import DistrictStore
from edge.clock import SystemClock, boot_id
from edge.errors import StationError, StoreBusy
from edge.keys import StationKeys, load_station_keys
from edge.policy import StationPolicy
from edge.store.ledger import Ledger
from edge.store.stick import StickDesk
from edge.store.store import Store
from station_config.load import load_district, load_station
from station_config.schema import DistrictConfig, StationConfig
from tools.stick_copy import Desk
from tools.stick_remote import RemoteDesk, RemoteDistrict

DEFAULT = Path("/etc/rekam/station.toml")
MB = 1024 * 1024


class OpenStation(NamedTuple):
    """A stopped station's store and keys."""

    desk: StickDesk
    store: Store
    ledger: Ledger
    keys: StationKeys


class OpenDistrict(NamedTuple):
    """A stopped district's store, and what goes onto the stick beside receipts."""

    store: DistrictStore
    policies: Policies
    stations: Stations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the stick, or any folder on it")
    parser.add_argument("--config", type=Path, default=DEFAULT, help=f"a station's or a district's file (default {DEFAULT})")


def is_district(path: Path) -> bool:
    """Whether the file configures a district; what is wrong with it is said when it is loaded."""
    try:
        return "district" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


@contextmanager
def open_desk(path: Path) -> Iterator[Desk]:
    """Of the station as it is: running or stopped. Raises ConfigError, StationError."""
    with ExitStack() as stack:
        try:
            desk: Desk = stack.enter_context(open_station(path)).desk
        except StoreBusy:
            section = load_station(path).station
            desk = RemoteDesk(section.page_host, section.page_port)
        yield desk


@contextmanager
def open_station(path: Path) -> Iterator[OpenStation]:
    """Raises ConfigError, StationError (StoreBusy while the station runs)."""
    config: StationConfig = load_station(path)
    keys = load_station_keys(config.keys, config.station.id)
    store = Store.open(Path(config.station.data_dir) / "store", config.station.reserve_mb * MB)
    try:
        ledger = Ledger(store, keys.signer, config.station.id, SystemClock(), boot_id())
        policy = StationPolicy(store, ledger, config.station.id, keys.district_key)
        policy.load()
        roster = Path(config.keys.roster) if config.keys.roster else None
        yield OpenStation(StickDesk(store, ledger, config.station.id, keys.district_key, roster, policy.take), store, ledger, keys)
    finally:
        store.close()


@contextmanager
def open_district(path: Path) -> Iterator[OpenDistrict]:
    """Raises ConfigError, StationError (StoreBusy while the district runs)."""
    config: DistrictConfig = load_district(path)
    district = config.district
    try:
        stations = load_stations(config.keys)
        store = DistrictStore.open(
            Path(district.data_dir), stations, load_signer(config.keys, district.id), district.id, DistrictClock(),
            Limits(district.quota_records_day, district.quota_events_day),
        )
    except DistrictBusy as error:
        raise StoreBusy("district_busy", str(error).rstrip("."), "Stop the district program first") from error
    except (DistrictError, KeyFileError) as error:
        raise StationError("district_store", str(error).rstrip("."), "Mend that, then run this again") from error
    try:
        yield OpenDistrict(store, Policies(Path(district.data_dir)), stations)
    finally:
        store.close()


@contextmanager
def open_district_desk(path: Path) -> Iterator[DistrictDesk]:
    """Of the district as it is: running or stopped. Raises ConfigError, StationError."""
    with ExitStack() as stack:
        try:
            district = stack.enter_context(open_district(path))
            desk: DistrictDesk = StoreDesk(district.store, district.policies)
        except StoreBusy:
            section = load_district(path).district
            host = section.page_host if section.page_host not in {"0.0.0.0", "::"} else "127.0.0.1"
            desk = RemoteDistrict(host, section.page_port)
        yield desk


@contextmanager
def on_the_stick(folder: Path, doing: str) -> Iterator[Callable[[int, int], None]]:
    """Progress to report to, and a plain sentence when the stick is not there, full or pulled out."""
    if not folder.is_dir():
        raise StationError("stick_missing", f"{folder} is not there", "Put the stick in, wait until its folder shows, then run this again")
    try:
        with Progress() as progress:
            task = progress.add_task(doing)
            yield lambda done, total: progress.update(task, completed=done, total=total)
    except OSError as error:
        raise StationError(
            "stick_failed", f"the stick in {folder} failed ({error.strerror})",
            "Whatever was copied whole counts. Free or change the stick, then run this again",
        ) from error
