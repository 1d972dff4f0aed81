"""A genset by mapping file, as an installer configures it: the file beside the configuration, and what is told when it is wrong."""

from pathlib import Path

import pytest

import station_config
from edge.clock import SystemClock
from edge.devices.genset_mapped import MappedGenset
from edge.errors import StationError
from edge.fitting import fit
from station_config.load import load_station
from station_config.schema import Devices, Genset
from tools.demo_site import write_toml
from tools.keys import make_site

COMAP = Path(station_config.__file__).parent / "gensets" / "comap-intelilite.toml"


def fitted(path: str) -> object:
    """The driver that this section asks for."""
    found = fit(Devices(genset=Genset(kind="map-tcp", map=path, unit=1)), SystemClock(), lambda change: None)
    assert found.genset is not None
    return found.genset._make()


def test_the_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "genset.toml").write_bytes(COMAP.read_bytes())
    keys = make_site(tmp_path / "keys", ["poso-01"], [], [])
    config = load_station(write_toml(tmp_path / "station.toml", {
        "station": {"id": "poso-01"}, "keys": keys.station_section("poso-01"),
        "devices.genset": {"kind": "map-rtu", "map": "genset.toml", "port": "/dev/ttyUSB3"},
    }))
    assert config.devices.genset is not None
    assert isinstance(fitted(config.devices.genset.map), MappedGenset)


@pytest.mark.parametrize(("content", "told"), [
    (None, "No such file"),
    (COMAP.read_bytes().replace(b"rpm = {", b"rmp = {"), "values.rmp: unknown; known here: mode, rpm"),
])
def test_a_wrong_file_ends_the_start_in_one_sentence(content: bytes | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "genset.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StationError, match=told) as caught:
        fitted(str(path))
    assert str(path) in str(caught.value)
    assert "comap-intelilite.toml" in caught.value.next_step


def test_a_kind_that_wants_a_file_and_names_none_is_told_so() -> None:
    with pytest.raises(StationError, match="none is named"):
        fitted("")
