"""A few days of the bench: what it promises for a month holds for a week as well, the same seed gives the same week, and a policy or a
store that is broken on purpose is found out."""

import pytest

from tools import bench_power
from tools.bench_power_desk import Journal, Steps
from tools.virtual_site import VirtualSite


class Reckless(bench_power.WithPolicy):
    """Begins people at one percent, whatever the policy says, and never stops in good order."""

    def may(self) -> tuple[bool, bool]:
        return True, True

    def _stop_and_start(self, site: VirtualSite, dt_s: float) -> None:
        if self.dark and self.supply_good and self.world.ups_ok:
            self._start(site, bench_power.UNCLEAN_BOOT_S)


class LosesRecords(Journal):
    """Says "saved" and forgets every tenth record."""

    def record(self) -> None:
        if self._begun % 10:
            super().record()
        else:
            self.abandon()
            self._recorded.append(self._record_id)


class LosesSteps(Journal):
    """Notes no step, so a person begins anew after a cut."""

    def step(self, left: Steps) -> None:
        pass


class LosesPeople(Journal):
    """Knows of nobody after a cut."""

    def resume(self) -> Steps | None:
        if super().resume() is not None:
            self.abandon()
        return None


@pytest.mark.parametrize("genset", [True, False])
def test_a_week_of_a_bad_site(genset: bool) -> None:
    site = bench_power.station(bench_power.WithPolicy, 4, 7, 100, genset)
    site.month(7)
    assert site.desk.lost == 0
    assert site.desk.in_vain == 0
    assert site.unplanned == 0
    assert site.desk.done > 600


def test_a_policy_that_begins_at_one_percent_is_found_out() -> None:
    site = bench_power.station(Reckless, 4, 7, 100, genset=False)
    site.month(7)
    assert site.unplanned > 0
    assert site.desk.in_vain > 0
    assert site.desk.begun_short > 0


@pytest.mark.parametrize("store", [LosesRecords, LosesSteps, LosesPeople])
def test_a_store_that_loses_something_is_found_out(store: type[Journal]) -> None:
    site = bench_power.station(bench_power.StopOnBattery, 4, 3, 100)
    site.month(3, store)
    assert site.desk.lost > 0


def test_the_same_seed_gives_the_same_week() -> None:
    weeks = [bench_power.station(bench_power.StopOnBattery, 5, 3, 100) for _ in range(2)]
    for week in weeks:
        week.month(3)
    assert weeks[0].desk.done == weeks[1].desk.done
