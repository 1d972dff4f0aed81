"""`./rekam sim` as a tester calls it: which faults there are, what a wrong call is told, and one device served to a program that is not ours."""

import asyncio
import shutil
import signal
import sys
from pathlib import Path

import pytest

from simulators.registry import MODULES, faults_of
from tests.wire.nut import output_of
from tools.cli import main

EVERYWHERE = ("drop", "split", "merge", "corrupt", "stray", "stall", "late", "wrong-size", "reset-middle", "refuse", "unplug", "replug")
NO_BYTES = "whole frames or none: the sensor's own line carries checksums below libcamera"
LEVELS = "a level in a register of the Pi: no message that could come late, twice or in part"
NOT_HERE = {
    **{(device, fault): NO_BYTES for device in ("camera", "iris") for fault in ("drop", "split", "merge", "corrupt", "stray")},
    **{("gpio", fault): LEVELS for fault in EVERYWHERE if fault not in ("refuse", "unplug", "replug")},
    ("printer", "wrong-size"): "its answers are single bytes, and texts that end in NUL",
    ("ups", "wrong-size"): "lines of text tell no size; one that ends early is `truncate`",
}
"""(device, fault): why there is no such fault"""
OF_SOME = {
    "mute": {"fingerprint", "tablet", "printer", "board", "ups", "genset"},
    "stall-image": {"fingerprint"}, "dirty-lens": {"fingerprint", "camera", "iris"}, "dry-finger": {"fingerprint"},
    "lies": {"ups"}, "fail-to-start": {"genset"},
}
COMAP = str(Path(__file__).resolve().parents[3] / "station_config" / "gensets" / "comap-intelilite.toml")


@pytest.mark.parametrize("device", MODULES)
def test_every_fault_of_a_wire_is_there_for_every_device_or_there_is_a_reason(device: str) -> None:
    missing = {fault for fault in EVERYWHERE if fault not in faults_of(device)}
    assert missing == {fault for whose, fault in NOT_HERE if whose == device}


@pytest.mark.parametrize("fault", OF_SOME)
def test_faults_of_the_model_are_where_they_make_sense(fault: str) -> None:
    assert {device for device in MODULES if fault in faults_of(device)} == OF_SOME[fault]


@pytest.mark.parametrize("device", MODULES)
def test_the_list_explains_each_fault(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", device, "--list-faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"{device}:", *faults_of(device)]
    assert all(len(line.split()) > 2 for line in lines[1:])


@pytest.mark.parametrize(("words", "told"), [
    (["tablet"], "say where: --link PATH"),
    (["ups"], "--link PATH, or --tcp PORT"),
    (["tablet", "--tcp", "5000"], "a tablet speaks on a serial port"),
    (["printer", "--link", "x", "--fault", "bogus"], "unknown fault 'bogus'; known: "),
    (["tablet", "--kind", "evdev", "--link", "x", "--fault", "mute"], "unknown fault 'mute'"),
    (["printer", "--link", "x", "--model", "r503"], "--model is not for a printer"),
    (["ups", "--link", "x", "--map", COMAP], "--map is not for a ups"),
    (["genset", "--link", "x", "--map", "/nowhere.toml"], "/nowhere.toml: No such file"),
    (["genset", "--tcp", "99999"], "99999 is no port: 0 to 65535"),
    (["printer", "--link", "/proc/nowhere/printer0"], "/proc/nowhere: No such file"),
    (["printer", "--link", "/proc"], "/proc exists already: name a path that is free"),
])
def test_a_wrong_call_is_told_what_to_do(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert f"./rekam sim {words[0]} --help" in said


def test_nobodys_file_is_put_aside_for_a_simulator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter").write_text("dear")
    (tmp_path / "port").symlink_to("/dev/null")
    for name, told in (("letter", "exists already"), ("port", "is in use, it leads to /dev/null")):
        assert main(["sim", "printer", "--link", str(tmp_path / name)]) == 2
        assert told in capsys.readouterr().err
    assert (tmp_path / "letter").read_text() == "dear"
    assert (tmp_path / "port").is_symlink()


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="needs mbpoll (apt-get install mbpoll)")
def test_a_genset_by_mapping_file_serves_mbpoll_until_it_is_told_to_end() -> None:
    async def drive() -> None:
        command = (sys.executable, "-m", "tools.cli", "sim", "genset", "--tcp", "0", "--map", COMAP)
        program = await asyncio.create_subprocess_exec(*command, stdout=-1)
        assert program.stdout is not None
        said = (await program.stdout.readline()).decode()
        port = said.partition("127.0.0.1:")[2].partition(";")[0]
        assert "[1053]: \t127" in await output_of("mbpoll", "-m", "tcp", "-0", "-a", "1", "-r", "1053", "-c", "1", "-1", "-p", port, "127.0.0.1")
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0

    asyncio.run(drive())


@pytest.mark.parametrize(("place", "shows"), [
    ("genset --tcp 0", "[1024]: "), ("genset --link {folder}/genset0", "[1024]: "),
    ("ups --tcp 0", "ups.status: OL"), ("ups --link {folder}/ups0", "ups.status: OL"),
])
def test_the_program_that_it_says_to_try_it_with_works_as_written(place: str, shows: str, tmp_path: Path) -> None:
    async def drive() -> str:
        words = place.format(folder=tmp_path).split()
        program = await asyncio.create_subprocess_exec(sys.executable, "-m", "tools.cli", "sim", *words, stdout=-1)
        assert program.stdout is not None
        try:
            await program.stdout.readline()
            command = (await program.stdout.readline()).decode().removeprefix("try it with ").strip()
            if shutil.which(command.split()[0]) is None:
                pytest.skip(f"needs {command.split()[0]}")
            return await output_of("sh", "-c", command)
        finally:
            program.send_signal(signal.SIGTERM)
            assert await program.wait() == 0

    assert shows in asyncio.run(drive())


def test_all_faults_are_named_without_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--list-faults"]) == 0
    assert sum(line.endswith(":") for line in capsys.readouterr().out.splitlines()) == len(MODULES)
    assert main(["sim"]) == 2
    assert "say which device" in capsys.readouterr().err
