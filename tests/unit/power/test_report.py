"""The power report: days, months, outages, CSV, the event of a day, the few bytes for the health document; kept over a cut."""

import csv
import io
import json

import pytest

from edge.power.page import power_page
from edge.power.picture import Source
from edge.power.report import DAYS_KEPT, OUTAGES_KEPT, Report, Stretch, day_event, to_csv
from protocols.record import Header, LedgerEvent, decode_entry, encode_event
from simulators.power import UpsBattery
from tests.faults.site import site


def observe(report: Report, day: str, source: Source, dt_s: float, watts: float = 140, volts: float | None = None, wall_s: float = 0.0) -> None:
    low = volts is not None and volts < 198
    report.observe(day, Stretch(source, dt_s, wall_s, watts, volts, low=low))


def month() -> Report:
    report = Report()
    for day in range(1, 4):
        name = f"2026-06-{day:02d}"
        observe(report, name, Source.MAINS, 3600, 150, 231.0)
        observe(report, name, Source.BATTERY, 600)
        observe(report, name, Source.GENSET, 1200)
        observe(report, name, Source.MAINS, 600, 150, 185.0)
        report.day(name).people += 12
    return report


def test_an_outage_goes_on_from_battery_to_genset() -> None:
    day = month().days["2026-06-01"]
    assert (day.outages, day.outage_s, day.longest_outage_s, day.battery_s, day.genset_s) == (1, 1800, 1800, 600, 1200)
    assert (day.lowest_v, day.highest_v, day.low_voltage_s) == (185.0, 231.0, 600)
    assert day.mean_v == pytest.approx((231 * 3600 + 185 * 600) / 4200)


def test_an_outage_over_midnight_is_one_outage() -> None:
    report = Report()
    observe(report, "2026-06-01", Source.BATTERY, 60)
    observe(report, "2026-06-02", Source.BATTERY, 60)
    assert [day.outages for day in report.days.values()] == [1, 0]


def test_an_hour_of_flicker_is_one_outage_and_an_hour_of_flicker() -> None:
    here = site()
    here.world.flicker(1.0)
    here.run(3600)
    here.world.restore()
    here.run(60)
    day = here.watch.report.days[here.wall().day]
    assert day.outages == 1
    assert day.flicker_s == pytest.approx(3660, abs=90)
    assert day.outage_s == pytest.approx(1800, rel=0.1)
    assert here.watch.report.outage is None, "over once the mains are steady"


def test_months_add_up() -> None:
    total = month().months()[0]
    assert (total.day, total.outages, total.people, total.lowest_v) == ("2026-06", 3, 36, 185.0)


def test_csv_has_energy_per_person_and_empty_cells_for_the_unknown() -> None:
    report = month()
    report.day("2026-06-04")
    rows = list(csv.DictReader(io.StringIO(to_csv(list(report.days.values())))))
    wh = (150 * 3600 + 140 * 1800 + 150 * 600) / 3600
    assert rows[0]["wh_per_person"] == f"{wh / 12:.1f}"
    assert (rows[0]["outage_s"], rows[0]["genset_s"], rows[0]["lowest_v"]) == ("1800.0", "1200.0", "185.0")
    assert (rows[3]["lowest_v"], rows[3]["mean_v"], rows[3]["wh_per_person"]) == ("", "", "")
    assert "told" not in rows[0]


def test_old_days_and_outages_are_dropped_and_the_health_part_stays_small() -> None:
    report = Report()
    for number in range(100):
        name = f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}"
        observe(report, name, Source.BATTERY, 10)
        observe(report, name, Source.MAINS, 10)
    assert len(report.days) == DAYS_KEPT
    assert len(report.outages) == OUTAGES_KEPT
    assert len(json.dumps(month().for_health())) < 150


def test_a_day_that_is_over_is_told_once_and_fits_an_event() -> None:
    here = site()
    here.world.voltage(185)
    here.run(1800, step_s=5)
    here.world.restore()
    yesterday = here.wall().day
    here.run(86_400, step_s=20)
    assert here.did("day") == [yesterday]
    here.run(600, step_s=5)
    here.restart()
    here.run(600, step_s=5)
    assert here.did("day") == [yesterday], "also not again after a restart"
    detail = day_event(here.watch.report.days[yesterday])
    assert detail["day"] == yesterday
    assert detail["low_voltage_s"] == pytest.approx(1800, abs=5)
    header = Header(kind="event", station="s", sequence=1, previous=bytes(32), boot_id=bytes(16), monotonic_ms=1, wall_s=1, trust="rtc")
    event = LedgerEvent(header=header, event="power_day", detail=detail)
    assert decode_entry(encode_event(event)) == event


def test_the_report_survives_a_cut_and_knows_how_long_it_was_dark() -> None:
    here = site()
    here.world.upses[0] = UpsBattery(capacity_wh=30.0, lies=True)
    here.watch.person_done(200, here.wall().day)
    here.world.outage()
    here.run(30)
    here.now_s += 1740  # dark
    here.world.restore()
    here.restart()
    here.run(60)
    day = here.watch.report.days[here.wall().day]
    assert (day.people, day.outages, day.unplanned_stops, day.orderly_stops) == (1, 1, 1, 0)
    assert day.dark_s == pytest.approx(1740, abs=32), "the last sign of life was at most half a minute before"
    assert day.outage_s == pytest.approx(1770, abs=32)
    outage = here.watch.report.outages[-1]
    assert outage.ended_s is not None
    assert outage.dark_s == day.dark_s


def test_a_clock_that_woke_up_ten_years_later_makes_no_outage_of_ten_years() -> None:
    here = site()
    here.world.outage()
    here.run(30)
    here.now_s += 10 * 365 * 86_400
    here.world.restore()
    here.restart()
    here.run(60)
    assert here.watch.report.outages[-1].s < 60
    assert sum(day.dark_s for day in here.watch.report.days.values()) == 0


def test_what_an_older_station_kept_is_still_read() -> None:
    report = Report()
    report.restore({"days": [{"day": "2026-05-01", "outages": 2, "outage_s": 60.0, "people": 7, "gone": 1}], "outage_began": None})
    assert report.days["2026-05-01"].people == 7
    assert report.days["2026-05-01"].dark_s == 0


def test_the_page_tells_unknown_as_unknown() -> None:
    here = site(genset=True)
    here.silences.figures = True
    here.silences.genset = True
    here.run(30)
    told = power_page(here.watch, here.wall().day)
    assert json.loads(json.dumps(told)) == told
    assert told["now"]["upses"][0]["load_w"]["value"] is None
    assert told["now"]["upses"][0]["health_percent"] is None
    assert told["now"]["genset"]["fuel_hours"] is None
    assert told["now"]["person"] == {"seconds": 240, "wh": None, "measured": False}
    assert told["days"][0]["day"] == told["today"]


def test_a_day_that_a_wrong_clock_named_is_told_too_and_does_not_hide_today() -> None:
    report = Report()
    for name in ("2026-06-01", "2036-06-02", "2026-06-02"):
        report.observe(name, Stretch(Source.MAINS, 60.0, 0.0))
    assert report.untold("2026-06-02") == ["2026-06-01", "2036-06-02"]
    assert list(report.for_health()) == ["2026-06-01", "2026-06-02"]
    report.observe("2026-06-01", Stretch(Source.MAINS, 60.0, 0.0))
    assert report.untold("2026-06-02") == ["2026-06-01"], "it went on: told again, and the later word holds"
