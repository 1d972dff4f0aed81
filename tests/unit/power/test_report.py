"""The power report: days, months, CSV, and the few bytes for the health document."""

import json

from edge.power.picture import Source
from edge.power.report import DAYS_KEPT, Report, to_csv


def month() -> Report:
    report = Report()
    for day in range(1, 4):
        name = f"2026-06-{day:02d}"
        report.observe(name, 0.0, Source.MAINS, 3600, 150, 231.0, 198)
        report.observe(name, 100.0, Source.BATTERY, 600, 140, None, 198)
        report.observe(name, 200.0, Source.GENSET, 1200, 140, None, 198)
        report.observe(name, 300.0, Source.MAINS, 600, 150, 185.0, 198)
        report.day(name).people += 12
    return report


def test_an_outage_goes_on_from_battery_to_genset() -> None:
    day = month().days["2026-06-01"]
    assert (day.outages, day.outage_s, day.longest_outage_s, day.battery_s, day.genset_s) == (1, 1800, 1800, 600, 1200)
    assert (day.lowest_v, day.highest_v, day.low_voltage_s) == (185.0, 231.0, 600)


def test_an_outage_over_midnight_is_one_outage() -> None:
    report = Report()
    report.observe("2026-06-01", 0, Source.BATTERY, 60, 100, None, 198)
    report.observe("2026-06-02", 0, Source.BATTERY, 60, 100, None, 198)
    assert [day.outages for day in report.days.values()] == [1, 0]


def test_months_add_up() -> None:
    total = month().months()["2026-06"]
    assert (total.outages, total.people, total.lowest_v) == (3, 36, 185.0)


def test_csv_has_energy_per_person_and_empty_cells_for_the_unknown() -> None:
    report = month()
    report.day("2026-06-04")
    lines = to_csv(list(report.days.values())).splitlines()
    assert lines[0].endswith(",unplanned_stops,wh_per_person")
    wh = (150 * 3600 + 140 * 1800 + 150 * 600) / 3600
    assert lines[1].endswith(f",0,{wh / 12:.1f}")
    assert lines[4].split(",")[8:10] == ["", ""]
    assert lines[4].endswith(",")


def test_old_days_are_dropped_and_the_health_part_stays_small() -> None:
    report = Report()
    for number in range(100):
        report.day(f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}")
    assert len(report.days) == DAYS_KEPT
    assert len(json.dumps(month().for_health())) < 150
