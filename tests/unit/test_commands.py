"""The table of commands is true: each one exists, explains itself with an example, and a wrong call is a sentence, never a trace."""

import argparse
import importlib
from pathlib import Path

import pytest

from tools.cli import COMMANDS, GROUPS, Command, main

ALL = {**COMMANDS, **{f"{group} {kind}": command for group, members in GROUPS.items() for kind, command in members.items()}}


@pytest.mark.parametrize("name", ALL)
def test_a_command_has_what_it_needs(name: str) -> None:
    command: Command = ALL[name]
    module = importlib.import_module(command.module)
    assert module.EXAMPLE.startswith(f"./rekam {name}")
    module.add_arguments(argparse.ArgumentParser())
    assert callable(module.run)


def test_the_overview_has_one_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name:<18} {command.help}" in shown for name, command in ALL.items())
    assert max(len(line) for line in shown.splitlines()) <= 110


@pytest.mark.parametrize("name", ALL)
def test_help_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    assert f"example: ./rekam {name}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [["nonsense"], ["bench"], ["crash", "nonsense"], ["station", "--config", "/nowhere.toml"]])
def test_a_wrong_call_ends_with_2_and_a_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out + told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "words", [
        ["crash", "store", "--cuts", "0"], ["crash", "system", "--cuts", "-5"], ["crash", "forge", "--count", "0"], ["fuzz", "envelope", "--seconds", "0"],
        ["bench", "link", "--seconds", "-1"], ["bench", "power", "--days", "many"], ["quarantine", "--release", "3f9a01c2", "--discard", "3f9a01c2"],
        ["policy", "--retention-days", "-1"], ["policy", "--retention-days", "soon"],
    ],
)
def test_a_number_out_of_its_limits_starts_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "error: argument" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crash", "forge", "--json", str(tmp_path / "missing" / "out.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["crash", "forge", "--json", str(tmp_path)]) == 2
    assert "that is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("operator", ["ani", "ani:Ani:12345", "ani:Ani:12345a", "ANI:Ani:123456", "ani::123456", "ani:Ani:Lestari:123456", ":Ani:123456"])
def test_an_operator_who_could_never_log_in_is_refused_and_no_pin_is_shown(operator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--station", "s-1", "--operator", operator, str(tmp_path / "site")]) == 2
    told = capsys.readouterr().err
    assert "ani:Ani Lestari:482913" in told
    assert "12345" not in told
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("words", [["--operator", "ani:Ani:123456", "--operator", "ani:Ana:654321"], ["--public-key", "k.pem"]])
def test_keys_that_contradict_themselves_are_not_begun(words: list[str], tmp_path: Path) -> None:
    assert main(["keys", "--station", "s-1", *words, str(tmp_path / "site")]) == 2
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("words", [["--station", "../evil"], ["--station", "s-1", "--station", "s-1"], ["--district", "Po so", "--station", "s-1"]])
def test_a_site_with_impossible_names_is_not_begun(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", *words, str(tmp_path / "site")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_a_path_that_leads_nowhere_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["keys", "--station", "s-1", str(tmp_path / "file" / "site")]) == 2
    assert "Check the path" in capsys.readouterr().err
