"""What was not measured is unknown, never zero; energy of a person is counted from the call to the record."""

import csv
import io

import pytest

from edge.power.page import power_page
from edge.power.report import Report, day_event, to_csv, totals
from tests.faults.site import site


def test_energy_without_a_load_figure_is_unknown_everywhere() -> None:
    here = site()
    report = here.watch.report = Report()
    here.silences.figures = True
    here.run(600)
    here.watch.person_called(here.wall().day)
    here.run(240)
    here.watch.person_done(240.0, here.wall().day)
    row = report.days[here.wall().day]
    assert (row.people, row.row()["energy_wh"], row.row()["wh_per_person"]) == (1, None, None)
    page = power_page(here.watch, here.wall().day)
    assert [each[0]["energy_wh"] for each in (page["days"], page["months"])] == [None, None]
    assert page["now"]["person"]["wh"] is None
    assert totals(row)[3] is None
    assert "energy_wh" not in day_event(row)
    cells = next(csv.DictReader(io.StringIO(to_csv([row]))))
    assert (cells["energy_wh"], cells["wh_per_person"]) == ("", "")


def test_months_add_what_is_known() -> None:
    report = Report()
    report.day("2026-06-01")
    report.day("2026-06-02").energy_wh = 120.0
    report.day("2026-06-03").energy_wh = 30.0
    assert [month.energy_wh for month in report.months()] == [150.0]


def test_a_night_is_no_persons_energy() -> None:
    here = site()
    here.world.load(140)
    here.run(15 * 3600, step_s=10)
    here.watch.person_called(here.wall().day)
    here.run(240)
    here.watch.person_done(240.0, here.wall().day)
    assert here.watch.work.person_wh == pytest.approx(140 * 240 / 3600, rel=0.03), "140 W for four minutes"


def test_whoever_left_unrecorded_is_not_put_on_the_next_ones_bill() -> None:
    here = site()
    here.world.load(140)
    for seconds in (1800, 240):
        here.watch.person_called(here.wall().day)
        here.run(seconds)
    here.watch.person_done(240.0, here.wall().day)
    assert here.watch.work.person_wh == pytest.approx(140 * 240 / 3600, rel=0.03)


def test_energy_with_a_gap_is_not_learnt() -> None:
    here = site()
    here.watch.person_called(here.wall().day)
    here.silences.upsd = True
    here.run(120)
    here.silences.upsd = False
    here.run(120)
    here.watch.person_done(240.0, here.wall().day)
    assert here.watch.work.person_wh is None
