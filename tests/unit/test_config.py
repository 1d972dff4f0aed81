"""A configuration file is refused with every error at once, and with the key it stands at."""

from pathlib import Path

import pytest

from station_config.load import SIZE_LIMIT_BYTES, ConfigError, load_district, load_station

GOOD = """
[station]
id = "kec-07"
data_dir = "data"
[keys]
station_key = "keys/station.key"
station_certificate = "/abs/station.crt"
district_certificate = "d.crt"
audience_intake = "i.pub"
audience_vault = "v.pub"
[devices.tablet]
port = "/dev/ttyUSB0"
[[devices.ups]]
name = "main"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "station.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read_and_relative_paths_count_from_its_folder(tmp_path: Path) -> None:
    config = load_station(write(tmp_path, GOOD))
    assert config.keys.station_key == str(tmp_path / "keys/station.key")
    assert config.keys.station_certificate == "/abs/station.crt"
    assert config.keys.roster == ""
    assert config.devices.ups[0].name == "main"


def test_every_error_is_told_at_once_with_its_key(tmp_path: Path) -> None:
    text = GOOD.replace('id = "kec-07"', 'id = "Kec 07"\ncolour = 1\npage_port = 99999').replace('name = "main"', "nme = 3") + "[bogus]\n"
    with pytest.raises(ConfigError) as caught:
        load_station(write(tmp_path, text))
    for key in ("bogus", "station.colour", "station.id", "station.page_port", "devices.ups.0.nme", "devices.ups.0.name"):
        assert any(problem.startswith(f"{key}:") for problem in caught.value.problems), key
    assert "Mend the file" in str(caught.value)


@pytest.mark.parametrize("text", ["[station\n", "\x00", "id = 2020-13-45", "[station]\nid = 3\n[station]\n"])
def test_what_is_no_toml_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_station(write(tmp_path, text))


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_district(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="at most"):
        load_station(write(tmp_path, "#" * (SIZE_LIMIT_BYTES + 1)))
