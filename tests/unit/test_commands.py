"""The table of commands is true: each one exists, explains itself with an example, and a wrong call is a sentence, never a trace."""

import argparse
import importlib

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
