"""Screen and lamp dim by the machine's own command, once for each change; one that cannot be dimmed stops nobody."""

import asyncio
import logging
import sys
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.power import screen
from edge.power.manager import PowerManager
from edge.power.picture import State
from edge.power.screen import Dimmer
from station_config.schema import Power

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + ' ')"


def dim(command: list[str], *percents: int) -> None:
    async def drive() -> None:
        panel = Dimmer("screen", command)
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


def test_lamp_and_screen_follow_the_policy_at_the_station(tmp_path: Path) -> None:
    commands = {name: (sys.executable, "-c", WRITE, str(tmp_path / name), "{percent}") for name in ("lamp", "screen")}
    power = Power(screen_command=commands["screen"], lamp_command=commands["lamp"])

    async def drive() -> None:
        manager = PowerManager([], None, None, SystemClock(), power, lambda name, detail: None, lambda why: None)
        for state in (State.NORMAL, State.ON_BATTERY, State.CONSERVE, State.FINISH_ONLY, State.NORMAL):
            manager.watch.state = state
            await manager.poll()

    asyncio.run(drive())
    assert (tmp_path / "screen").read_text() == "70 50 40 100 "
    assert (tmp_path / "lamp").read_text() == "60 100 "
