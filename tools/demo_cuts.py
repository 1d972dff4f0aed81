"""The demo's power cuts: the station is killed inside an enrolment, without a word, and started again."""

import asyncio
import random
from typing import Any

from tools.auto_operator import AutoOperator
from tools.demo_stage import Stage
from tools.demo_view import View

RESUMED = frozenset({"power_was_out", "power_was_out_times", "power_was_out_from"})
"""notices of a station that goes on where it was"""


def resumed(snapshot: dict[str, Any]) -> bool:
    """Has the station come back inside an enrolment?"""
    return snapshot["phase"] == "enrolling" and any(notice["id"] in RESUMED for notice in snapshot["notices"])


class Cutter:
    """Kills the station at seeded instants: in the enrolment of a drawn person, after a drawn number of saved parts."""

    def __init__(self, cuts: int, people: int, rng: random.Random, stage: Stage, view: View) -> None:
        self._plan = sorted((rng.randrange(people), rng.randrange(0, 13), rng.random() * 0.6) for _ in range(cuts))
        self._stage = stage
        self._view = view
        self._due = asyncio.Event()
        self._done: set[tuple[int, str, int]] = set()
        self._cut_ticket: int | None = None
        self._resumed = 0

    def figures(self) -> dict[str, Any]:
        return {"resumed": self._resumed}

    def look(self, person: int, snapshot: dict[str, Any]) -> None:
        """Judge each snapshot: is the next cut due, has the station come back where it was?"""
        if self._cut_ticket is not None and resumed(snapshot):
            self._resumed += int((snapshot["person"] or {}).get("ticket") == self._cut_ticket)
            self._cut_ticket = None
        done = {(person, target["kind"], target["position"]) for target in snapshot["targets"] if target["state"] in {"done", "exception"}}
        self._done = {one for one in self._done | done if one[0] == person}
        if self._plan and snapshot["phase"] == "enrolling" and (person, len(self._done)) >= self._plan[0][:2]:
            self._due.set()

    async def run(self, operator: AutoOperator) -> None:
        while self._plan:
            await self._due.wait()
            self._due.clear()
            await asyncio.sleep(self._plan.pop(0)[2])
            self._cut_ticket = (operator.snapshot.get("person") or {}).get("ticket")
            self._view.say(f"  power cut: the station is killed in {operator.snapshot.get('step') or 'between steps'} and started again")
            await self._stage.cut_station()
