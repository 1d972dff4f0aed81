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

SERIAL = ("fingerprint", "tablet", "printer", "board", "ups", "genset")
OF_EVERY_WIRE = {"drop", "mute", "split", "merge", "corrupt", "stray", "stall", "late", "truncate", "reset-middle", "unplug", "replug"}
OF_SOME = {
    "refuse": {"fingerprint", "tablet", "printer", "ups", "genset"}, "wrong-size": {"fingerprint", "genset", "camera", "iris"},
    "stall-image": {"fingerprint"}, "dirty-lens": {"fingerprint", "camera", "iris"}, "dry-finger": {"fingerprint"},
    "lies": {"ups"}, "fail-to-start": {"genset"}, "unplug": set(MODULES),
}
COMAP = str(Path(__file__).resolve().parents[3] / "station_config" / "gensets" / "comap-intelilite.toml")


@pytest.mark.parametrize("device", SERIAL)
def test_every_fault_of_a_wire_is_there_for_every_serial_device(device: str) -> None:
    assert set(faults_of(device)) >= OF_EVERY_WIRE


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
    (["genset", "--link", "x", "--map", "/nowhere.toml"], "No such file"),
])
def test_a_wrong_call_is_told_what_to_do(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert f"./rekam sim {words[0]} --help" in said


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


def test_all_faults_are_named_without_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--list-faults"]) == 0
    assert sum(line.endswith(":") for line in capsys.readouterr().out.splitlines()) == len(MODULES)
    assert main(["sim"]) == 2
    assert "say which device" in capsys.readouterr().err
