"""Who the district believes: certificates are looked at again whenever the file is another, and one that does not hold is told."""

import logging
import shutil
from pathlib import Path

import pytest

from district.keys import KeyFileError, Stations, load_stations
from protocols.certificates import read_certificate
from station_config.schema import DistrictKeys
from tools.keys import SitePaths, add_station, make_site


@pytest.fixture
def site(tmp_path: Path) -> SitePaths:
    return make_site(tmp_path / "keys", ["s-1", "s-2"], district="poso")


@pytest.fixture
def stations(site: SitePaths) -> Stations:
    return load_stations(keys_of(site))


def keys_of(site: SitePaths, **changes: str) -> DistrictKeys:
    return DistrictKeys(**(site.district_section() | changes))


def key_again(site: SitePaths, station: str) -> None:
    """The station was stolen: a new key under its name, the certificate's file is replaced."""
    site.station_certificate(station).unlink()
    shutil.rmtree(site.station_key(station).parent)
    (site.station_certificates / f"{station}.pem").unlink()
    add_station(site, station)


def test_a_replaced_certificate_ends_the_old_key_at_once(site: SitePaths, stations: Stations) -> None:
    file = site.station_certificates / "s-1.pem"
    old = read_certificate(file.read_bytes()).kid
    assert stations.key("s-1", old) is not None
    key_again(site, "s-1")
    assert stations.key("s-1", old) is None, "the thief's key"
    assert stations.key("s-1", read_certificate(file.read_bytes()).kid) is not None
    assert stations.key("s-1", old) is None


def test_a_removed_certificate_takes_the_station_out_and_a_new_one_lets_it_in(site: SitePaths, stations: Stations) -> None:
    file = site.station_certificates / "s-1.pem"
    pem = file.read_bytes()
    assert stations.known("s-1")
    file.unlink()
    assert not stations.known("s-1")
    file.write_bytes(pem)
    assert stations.known("s-1")
    assert stations.problems() == []


def test_a_certificate_that_does_not_hold_is_logged_once_and_told_until_it_is_mended(
    site: SitePaths, stations: Stations, caplog: pytest.LogCaptureFixture,
) -> None:
    file = site.station_certificates / "s-1.pem"
    good = file.read_bytes()
    file.write_bytes(b"no certificate")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            (problem,) = stations.problems()
    assert (problem.station, problem.kind) == ("s-1", "certificate")
    assert "s-1.pem" in problem.detail
    assert len(caplog.records) == 1
    assert stations.believed() == ["s-2"]
    file.write_bytes(good)
    assert stations.problems() == []
    assert stations.believed() == ["s-1", "s-2"]


def test_another_authority_is_not_believed(site: SitePaths, tmp_path: Path) -> None:
    other = make_site(tmp_path / "other", ["s-1"], district="poso")
    shutil.copy(other.station_certificates / "s-1.pem", site.station_certificates / "s-1.pem")
    stations = load_stations(keys_of(site))
    assert stations.believed() == ["s-2"]
    assert "not issued by this authority" in stations.problems()[0].detail


def test_without_the_authority_nobody_starts(site: SitePaths, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"nowhere.pem cannot be read.*Give the right path"):
        load_stations(keys_of(site, authority=str(tmp_path / "nowhere.pem")))
    (tmp_path / "empty.pem").write_bytes(b"")
    with pytest.raises(KeyFileError, match=r"empty.pem is not the authority's certificate"):
        load_stations(keys_of(site, authority=str(tmp_path / "empty.pem")))


def test_without_the_folder_nobody_starts_and_a_folder_that_goes_away_is_told(site: SitePaths, stations: Stations, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"nowhere is no folder"):
        load_stations(keys_of(site, station_certificates=str(tmp_path / "nowhere")))
    shutil.rmtree(site.station_certificates)
    assert [problem.kind for problem in stations.problems()] == ["certificates"]
