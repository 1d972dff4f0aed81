"""The genset over raw HTTP at a wrong time: refused with a reason, and nobody is told. A stop needs no log-in, the rest does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.enrolment.hooks import Hooks
from tests.browser.scripted import ScriptedStation, scripted
from tests.faults.site import site
from tests.unit.enrolment.desk import log_in
from tests.unit.web.test_server import call
from tools.virtual_site import VirtualSite


class AtSite:
    """A scripted desk at a virtual site with a genset."""

    def __init__(self, folder: Path) -> None:
        self.site: VirtualSite = site(genset=True)
        self.told: list[str] = []
        keeper = self.site.watch.genset
        assert keeper is not None
        self.keeper = keeper
        self.hooks = Hooks(genset=self._tell, genset_refusal=keeper.refusal, genset_fitted=True)

    def _tell(self, act: str) -> None:
        self.told.append(act)
        self.site.watch.genset_by_hand(act)

    def post(self, station: ScriptedStation, act: str) -> tuple[int, Any]:
        status, body, _ = call(station, "POST", "/api/events", {"event": "genset", "act": act})
        return status, body


@pytest.fixture
def at_site(tmp_path: Path) -> Iterator[tuple[AtSite, ScriptedStation]]:
    here = AtSite(tmp_path)
    with scripted(tmp_path, hooks=here.hooks) as station:
        yield here, station


def test_only_a_stop_needs_no_log_in(at_site: tuple[AtSite, ScriptedStation]) -> None:
    here, station = at_site
    status, body = here.post(station, "start")
    assert (status, body["error"]) == (409, "genset_log_in")
    assert body["next"] == "Masuk dulu dengan PIN, lalu coba lagi."
    here.site.watch.genset_by_hand("start")
    here.site.run(60)
    assert here.post(station, "stop")[0] == 200
    assert here.told == ["stop"]


def test_wrong_states_are_refused_with_their_reason(at_site: tuple[AtSite, ScriptedStation]) -> None:
    here, station = at_site
    station.do(log_in)
    for act, code in (("stop", "genset_stands"), ("acknowledge", "genset_not_locked"), ("serviced", "genset_service_not_due")):
        status, body = here.post(station, act)
        assert (status, body["error"]) == (409, code)
        assert body["text"]
        assert "{" not in body["text"]
    here.site.world.genset_fails(9)
    assert here.post(station, "start")[0] == 200
    assert here.site.run(900, until=lambda: here.site.watch.plan.state == "locked")
    assert here.post(station, "start")[1]["error"] == "genset_is_locked"
    assert here.post(station, "stop")[1]["error"] == "genset_is_locked"
    assert here.post(station, "acknowledge")[0] == 200
    assert here.told == ["start", "acknowledge"]


def test_a_service_is_taken_when_it_is_due_and_not_when_the_hours_are_unknown(at_site: tuple[AtSite, ScriptedStation]) -> None:
    here, station = at_site
    station.do(log_in)
    here.site.world.genset.run_time_s, here.site.world.genset.fuel_l = 513 * 3600.0, 40.0
    here.site.run(5)
    assert here.post(station, "serviced")[0] == 200
    here.site.run(5)
    assert here.keeper.service_in_h == 250
    assert here.post(station, "serviced")[1]["error"] == "genset_service_not_due"
