"""One station and one district for the demo: keys of this run alone, rosters from the world's people, two configuration files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.clock import random_bytes
from protocols.roster import RosterRow
from tools.children import free_port
from tools.keys import SiteOperator, SitePaths, make_site

STATION = "kec-poso-01"
DISTRICT = "poso"


@dataclass(frozen=True, slots=True)
class DemoSite:
    """What the rest of the demo needs to know."""

    keys: SitePaths
    station_config: Path
    district_config: Path
    station_port: int
    district_port: int
    district_data: Path
    operator: str
    pin: str


def make_demo_site(
    folder: Path, addresses: Mapping[str, str], people: list[dict[str, Any]], broker_port: int, sections: Mapping[str, Mapping[str, Any]] = {},
) -> DemoSite:
    """Write everything below `folder`; `sections` are further ones of station.toml, or take the place of those that are usual here."""
    operator = SiteOperator("ani", "Ani Lestari", f"{int.from_bytes(random_bytes(4), 'big') % 1_000_000:06d}")
    keys = make_site(folder / "keys", [STATION], [_row(person) for person in people], [operator], DISTRICT)
    station_port, district_port = free_port(), free_port()
    broker = {"host": "127.0.0.1", "port": broker_port}
    station: dict[str, Mapping[str, Any]] = {
        "station": {
            "id": STATION, "name": "Kecamatan Poso Kota", "place": "Balai desa",
            "data_dir": str(folder / "station"), "page_port": station_port, "reserve_mb": 16,
        },
        "keys": keys.station_section(STATION),
        "broker": broker,
        "clock": {"boot_id": str(new_boot(folder)), "rtc": str(folder)},
        **_devices(addresses),
        **sections,
    }
    district: dict[str, dict[str, Any]] = {
        "district": {
            "id": DISTRICT, "name": "Kabupaten Poso", "data_dir": str(folder / "district"), "page_port": district_port, "people": {STATION: len(people)},
        },
        "keys": keys.district_section(),
        "broker": broker,
    }
    return DemoSite(
        keys, write_toml(folder / "station.toml", station), write_toml(folder / "district.toml", district),
        station_port, district_port, folder / "district", operator.login, operator.pin,
    )


def new_boot(folder: Path) -> Path:
    """The station's machine is started: what the kernel of a real one names at each boot. The bench's real-time clock is the folder itself."""
    path = folder / "boot_id"
    path.write_text(random_bytes(16).hex() + "\n", encoding="ascii")
    return path


def _devices(addresses: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The simulated devices are only other ports."""
    ups_host, _, ups_port = addresses["ups"].rpartition(":")
    genset_host, _, genset_port = addresses["genset"].rpartition(":")
    return {
        "devices.camera": {"index": 0},
        "devices.iris": {"index": 1},
        "devices.fingerprint": {"port": addresses["fingerprint"], "baud": 57600, "fastest_baud": 921600},
        "devices.tablet": {"kind": "isdv4", "port": addresses["tablet"]},
        "devices.board": {"port": addresses["board"]},
        "devices.printer": {"port": addresses["printer"]},
        "devices.genset": {"kind": "gencomm-tcp", "host": genset_host, "port": genset_port},
        "devices.gpio": {"outputs": {"lamp_green": 17, "lamp_red": 27, "buzzer": 22}, "inputs": {"power_button": 5}},
        "[devices.ups]": {"name": "rekam", "host": ups_host, "port": int(ups_port)},
    }


def _row(person: Mapping[str, Any]) -> RosterRow:
    return RosterRow(
        row_id=random_bytes(16), letter=person["letter"], nik=person["nik"], name=person["name"], sex=person["sex"],
        birth_place=person["birth_place"], birth_date=person["birth_date"], address=person["address"], status="BELUM REKAM",
    )


def write_toml(path: Path, tables: Mapping[str, Mapping[str, Any]]) -> Path:
    """TOML: a JSON string or number is one as well, an inner table is written inline."""
    blocks = [f"[{name}]\n" + "\n".join(f"{key} = {_value(value)}" for key, value in table.items()) for name, table in tables.items()]
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
