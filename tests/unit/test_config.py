"""A configuration file is refused with every error at once, and with the key it stands at."""

import datetime
import math
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest

import station_config
from station_config.load import SIZE_LIMIT_BYTES, ConfigError, _absolute, _problems, load_district, load_station
from station_config.schema import Broker, Devices, Keys, Power, Station, StationConfig

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


SENSELESS = {
    "conserve_below_percent = 20\nfinish_only_below_percent = 60\nstop_below_percent = 80": "power.conserve_below_percent, finish_only_below_percent and stop",
    "finish_only_below_percent = 15": "power.conserve_below_percent, finish_only_below_percent and stop",
    "conserve_below_percent = 99\nfinish_only_below_percent = 98\nstop_below_percent = 95": "power.stop_below_percent: 95",
    "low_v = 250\nhigh_v = 210": "power.low_v and high_v: 250 V is not below 210 V",
    "stop_below_percent = inf": "power.stop_below_percent: inf",
    "stop_below_percent = nan": "power.stop_below_percent: nan",
    "hysteresis_percent = 0": "power.hysteresis_percent",
    "poll_s = 60": "power.stale_on_battery_s and poll_s",
    'halt_command = [""]': "power.halt_command",
    'screen_command = ["set", " "]': "power.screen_command",
    'lamp_command = ["set", " "]': "power.lamp_command",
    "[power.genset]\nlow_v = 250\nhigh_v = 200": "power.genset.low_v and high_v",
    "[power.genset]\nlow_hz = 52\nhigh_hz = 48": "power.genset.low_hz and high_hz",
    "[power.genset]\nstable_s = 100": "power.genset.stable_s and warm_up_timeout_s",
    '[power.genset]\nhours = ["06:00-07:00", "25:00-26:00"]': "power.genset.hours.1",
    '[power.genset]\nhours = ["06:00-06:60"]': "power.genset.hours.0",
    '[power.genset]\nquiet = "22:00-24:01"': "power.genset.quiet",
    '[power.genset]\nquiet = "08:00-08:00"': "power.genset.quiet",
    "[power.genset]\ntank_l = inf": "power.genset.tank_l: inf",
}


@pytest.mark.parametrize(("text", "told"), SENSELESS.items())
def test_thresholds_that_make_no_sense_together_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_station(write(tmp_path, f"{GOOD}[power]\n{text}\n"))
    (problem,) = caught.value.problems
    assert problem.startswith(told)
    assert "; give " in problem or "; exchange" in problem, "the next step"


def test_senseless_thresholds_are_told_beside_every_other_error(tmp_path: Path) -> None:
    text = f'{GOOD}[power]\nlow_v = -5\nbogus = 1\nstop_below_percent = 60\n[power.genset]\nattempts = 0\nlow_hz = 55\nquiet = "99:00-10:00"\n'
    with pytest.raises(ConfigError) as caught:
        load_station(write(tmp_path, text))
    keys = [problem.split(":")[0] for problem in caught.value.problems]
    together = ["power.conserve_below_percent, finish_only_below_percent and stop_below_percent", "power.genset.low_hz and high_hz", "power.genset.quiet"]
    assert sorted(keys) == sorted(["power.low_v", "power.bogus", "power.genset.attempts", *together])


CONTRADICTIONS = {
    '[devices.board]\nport = "/dev/ttyUSB0"': "devices.tablet.port and board.port: serial port /dev/ttyUSB0",
    '[devices.genset]\nkind = "gencomm-rtu"\nport = "/dev/ttyUSB0"': "devices.tablet.port and genset.port",
    "[devices.camera]\nindex = 1\n[devices.iris]": "devices.camera.index and iris.index: camera 1",
    '[[devices.ups]]\nname = "main"': "devices.ups.0 and ups.1: UPS main@127.0.0.1:3493",
    "[devices.gpio.outputs]\nlamp_red = 17\n[devices.gpio.inputs]\npower_button = 17": "devices.gpio.outputs.lamp_red and inputs.power_button: pin 17",
    '[broker]\ntls_certificate = "c.pem"\ntls_key = "k.pem"': "broker.tls_certificate: without tls_ca",
    '[broker]\ntls_ca = "ca.pem"\ntls_key = "k.pem"': "broker.tls_key: it belongs to a tls_certificate",
    '[broker]\npassword = "secret"': "broker.password: nobody is sent it",
}


@pytest.mark.parametrize(("text", "told"), CONTRADICTIONS.items())
def test_what_two_devices_cannot_share_and_half_a_secret_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_station(write(tmp_path, f"{GOOD}{text}\n"))
    (problem,) = caught.value.problems
    assert problem.startswith(told)
    assert "; give " in problem, "the next step"
    assert "secret" not in problem


@pytest.mark.parametrize("text", [
    '[devices.printer]\nkind = "system"\nport = "/dev/ttyUSB0"', '[devices.genset]\nport = "502"\n[devices.board]\nport = "/dev/ttyACM0"',
    '[[devices.ups]]\nname = "main"\nhost = "10.0.0.2"', "[devices.camera]\n[devices.iris]",
])
def test_names_that_only_look_alike_pass(tmp_path: Path, text: str) -> None:
    load_station(write(tmp_path, f"{GOOD}{text}\n"))


WRONG: tuple[object, ...] = (
    -1, 10**30, 1e308, math.inf, math.nan, True, "", "\0", "a\nb", "kec-07\n", "x" * 5000, "\u202e", [], [[]], ["x", 1], {}, {"x": "y"}, {"": -1},
    datetime.date(2026, 1, 1),
)
KEYS = [
    *(("station", name) for name in Station.__struct_fields__), *(("keys", name) for name in Keys.__struct_fields__),
    *(("broker", name) for name in Broker.__struct_fields__), *(("power", name) for name in Power.__struct_fields__),
    *(("devices", name) for name in Devices.__struct_fields__), ("quality", "limits"), ("clock", "boot_id"), ("capture", "automatic"),
]


@pytest.mark.parametrize(("table", "key"), KEYS, ids=".".join)
def test_no_value_of_any_key_is_more_than_a_sentence(table: str, key: str) -> None:
    for value in WRONG:
        tables: dict[str, Any] = tomllib.loads(GOOD)
        tables.setdefault(table, {})[key] = value
        problems = list(_problems(tables, StationConfig, ""))
        assert all(re.match(r"[a-z_0-9.]+[^:]*: .", problem) for problem in problems)
        if not problems:
            msgspec.convert(_absolute(tables, StationConfig, Path("/etc/rekam")), StationConfig)
        if isinstance(value, str) and not value.isprintable():
            assert problems, f"{value!r} came through"


@pytest.mark.parametrize("text", ["", 'halt_command = ["systemctl", "poweroff"]', '[power.genset]\nhours = ["00:00-24:00"]\nquiet = "22:00-06:00"'])
def test_sensible_thresholds_pass(tmp_path: Path, text: str) -> None:
    load_station(write(tmp_path, f"{GOOD}[power]\n{text}\n"))


KITS = sorted((Path(station_config.__file__).parent / "kits").glob("*.toml"))


@pytest.mark.parametrize("kit", KITS, ids=lambda path: path.stem)
def test_a_kit_is_a_whole_station_file_and_its_ports_are_named_by_udev(kit: Path) -> None:
    config = load_station(kit)
    rules = (kit.parent.parent / "udev" / "70-rekam-devices.rules").read_text(encoding="utf-8")
    named = {f"/dev/{name}" for name in re.findall(r'SYMLINK\+="(rekam/\w+)"', rules)}
    ports = set(re.findall(r'^port = "(/dev/\S+)"', kit.read_text(encoding="utf-8"), re.MULTILINE))
    assert ports
    assert ports <= named
    assert config.devices.fingerprint is not None


def test_each_socket_of_the_hub_has_one_name() -> None:
    rules = (KITS[0].parent.parent / "udev" / "70-rekam-devices.rules").read_text(encoding="utf-8")
    patterns = dict(re.findall(r'^ENV\{ID_PATH\}=="([^"]+)", SYMLINK\+="rekam/(\w+)"', rules, re.MULTILINE))
    raspberry_4 = "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.{}:1.0"
    hub_on_a_5 = "platform-xhci-hcd.0-usb-0:1.{}:1.0"
    for path in (raspberry_4, hub_on_a_5):
        found = [[name for pattern, name in patterns.items() if fnmatch(path.format(socket), pattern)] for socket in (1, 2, 3, 4)]
        assert found == [["fingerprint"], ["tablet"], ["printer"], ["genset"]]
