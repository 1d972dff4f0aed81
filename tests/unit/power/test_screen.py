"""The screen dims by the machine's own command, once for each change; one that cannot be dimmed stops nobody."""

import asyncio
import logging
import sys
from pathlib import Path

import pytest

from edge.power import screen
from edge.power.screen import Screen

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + ' ')"


def dim(command: list[str], *percents: int) -> None:
    async def drive() -> None:
        panel = Screen(command)
        for percent in percents:
            await panel.set(percent)

    asyncio.run(drive())


def test_once_for_each_change(tmp_path: Path) -> None:
    told = tmp_path / "told"
    dim([sys.executable, "-c", WRITE, str(told), "{percent}%"], 100, 70, 70, 50, 100)
    assert told.read_text() == "70% 50% 100% "


@pytest.mark.parametrize("command", [["/nonexistent/dimmer"], [sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", "input()"]])
def test_a_command_that_fails_is_logged_and_forgotten(command: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        dim(command, 70)
    assert "cannot be dimmed" in caplog.text


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(screen, "DEADLINE_S", 0.3)
    with caplog.at_level(logging.WARNING):
        dim([sys.executable, "-c", "import signal; signal.pause()"], 70)
    assert "too slow" in caplog.text


def test_without_a_dimmer_nothing_happens() -> None:
    dim([], 50)
