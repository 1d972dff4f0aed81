"""The process may be killed at any instant: the same procedure with a kill before and after every single command, over one store."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge.enrolment import events as ev
from edge.enrolment.errands import Errands
from edge.errors import RefusedEvent
from edge.store.store import Store
from tests.unit.enrolment.desk import act, manifest, opened, run, running, to_step
from tests.unit.enrolment.fakes import DeskBench
from tests.waiting import until


class Kill(Exception):
    """The power goes."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int, before: bool) -> None:
    """Kill the process around its command of that number, counted over all power lives."""
    done = Errands.do
    count = 0

    async def do(self: Errands, command: ev.Command) -> ev.Happening | None:
        nonlocal count
        count += 1
        mine = count
        if mine == number and before:
            raise Kill
        happened = await done(self, command)
        if mine == number:
            raise Kill
        return happened

    monkeypatch.setattr(Errands, "do", do)


async def life(folder: Path) -> Any:
    """One power life; the manifest when the person has gone home in it, None after a cut."""
    with suppress(BaseExceptionGroup, RefusedEvent):  # the power may go between two looks at the screen
        async with running(folder) as bench:
            with suppress(BaseExceptionGroup):
                await finish_or_begin(bench)
                counts = await bench.worker.call(Store.counts)
                assert counts.saved == 1
                found = await manifest(bench)
                return found, [await opened(bench, found, index) for index in range(len(found.parts))]
    return None


async def finish_or_begin(bench: DeskBench) -> None:
    counts = await bench.worker.call(Store.counts)
    if counts.saved and bench.session.snapshot()["phase"] != "enrolling":
        return
    if bench.session.snapshot()["person"] is None:
        await to_step(bench, "letter")
    while bench.session.snapshot()["phase"] == "enrolling":
        seen = bench.session.snapshot()
        if seen["primary"] is None and seen["step"] == "check" and seen["target"] is None:
            await until(lambda seen=seen: bench.changed(seen), "the check")  # type: ignore[misc]
        await act(bench, seen)


def test_a_kill_around_every_command_loses_and_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = 0

    async def count(folder: Path) -> None:
        nonlocal commands
        done = Errands.do

        async def do(self: Errands, command: ev.Command) -> ev.Happening | None:
            nonlocal commands
            commands += 1
            return await done(self, command)

        with monkeypatch.context() as patch:
            patch.setattr(Errands, "do", do)
            assert await life(folder) is not None

    run(count(tmp_path / "whole"))
    assert commands > 60

    async def cut(number: int, before: bool) -> None:
        folder = tmp_path / f"{number}-{before}"
        with monkeypatch.context() as patch:
            cut_at(patch, number, before)
            for _ in range(3):
                if result := await life(folder):
                    found, plain = result
                    kinds = [(part.kind, part.position) for part in found.parts]
                    assert len(kinds) == len(set(kinds)) == 15, (number, before, kinds)
                    assert len(plain) == 15
                    assert found.exceptions == (), (number, before)
                    return
        raise AssertionError(f"no record after a cut {'before' if before else 'after'} command {number}")

    for number in range(1, commands + 1, 4):
        run(cut(number, before=True))
        run(cut(number + 2, before=False))
