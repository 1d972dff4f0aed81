"""A few days of the bench: what it promises for a month holds for a week as well, and the same seed gives the same week."""

from tools import bench_power


def test_a_week_of_a_bad_site() -> None:
    site = bench_power.station(bench_power.WithPolicy, 4, 7, 100)
    site.month(7)
    assert isinstance(site, bench_power.WithPolicy)
    assert site.desk.lost == 0
    assert site.desk.unfinished == 0
    assert site.unplanned == 0
    assert site.desk.done > 600


def test_the_same_seed_gives_the_same_week() -> None:
    weeks = [bench_power.station(bench_power.StopOnBattery, 5, 3, 100) for _ in range(2)]
    for week in weeks:
        week.month(3)
    assert weeks[0].desk.done == weeks[1].desk.done
