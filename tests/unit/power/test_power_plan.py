"""The power plan: the project's figures, arithmetic that adds up, one page of PDF, refusals in one sentence."""

import argparse
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from edge.power.page import power_page
from edge.power.report import Day, to_csv
from tests.faults.site import site
from tools import power_plan
from tools.power_plan import Site, connection_w, plan


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    power_plan.add_arguments(parser)
    return parser.parse_args(words)


@contextlib.contextmanager
def answering(body: bytes) -> Iterator[str]:
    """The address of a page that always gives `body`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("sets", "watts"), [(1, 3500), (2, 3850), (5, 4900)])
def test_connection_is_3500_watts_and_350_for_each_further_set(sets: int, watts: float) -> None:
    assert connection_w(sets) == watts
    assert plan(Site(sets))[0].result == f"{watts:,} W"


def test_breaker_carries_the_current_and_cable_carries_the_breaker() -> None:
    lines = {line.what: line for line in plan(Site(1, cable_m=20))}
    assert lines["Current"].result == "16.9 A"
    assert lines["Breaker"].result.startswith("20 A")
    assert lines["Cable"].result == "3 x 4 mm2 copper"
    far = {line.what: line for line in plan(Site(1, cable_m=80))}
    assert far["Cable"].result == "3 x 16 mm2 copper", "a long way needs copper for the voltage, not for the heat"


def test_battery_is_hours_times_watts_through_its_losses() -> None:
    lines = {line.what: line for line in plan(Site(1, outage_h=1.0, draw_w=160))}
    assert lines["UPS battery"].result == f"{160 / 0.85 / 0.6:,.0f} Wh"


@pytest.mark.parametrize(("wh_per_h", "hours", "bought"), [(100, 1, "1 x 12 V 18 Ah"), (320, 2, "2 x 12 V 65 Ah"), (1920, 5, "8 x 12 V 200 Ah")])
def test_batteries_are_told_as_an_installer_buys_them(wh_per_h: float, hours: float, bought: str) -> None:
    lines = {line.what: line for line in plan(Site(1, outage_h=hours, draw_w=wh_per_h))}
    assert lines["That is"].result == bought


@pytest.mark.parametrize(("sets", "sold"), [(1, "4,400 VA"), (4, "5,500 VA")])
def test_the_connection_is_one_that_pln_sells(sets: int, sold: str) -> None:
    assert {line.what: line for line in plan(Site(sets))}["From PLN"].result == sold


def test_the_draw_comes_from_a_running_station(capsys: pytest.CaptureFixture[str]) -> None:
    here = site()
    here.watch.activity = "capture"
    here.world.load(212)
    here.run(3600, step_s=5)

    with answering(json.dumps(power_page(here.watch, "2026-06-01")).encode()) as address:
        assert power_plan.run(arguments("--station", f"{address}/")) == 0
    told = capsys.readouterr().out
    assert re.search(r"Draw at work +21\d W", told), told
    assert "measured at http://127.0.0.1" in told


def test_the_draw_comes_from_a_stations_report(tmp_path: Path) -> None:
    report = tmp_path / "power.csv"
    report.write_text(to_csv([Day("2026-06-01", mains_s=3600 * 9, battery_s=3600, energy_wh=1420)]))
    assert power_plan.measured_draw_w(report) == 142


def test_one_page_of_pdf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pdf, data = tmp_path / "plan.pdf", tmp_path / "plan.json"
    assert power_plan.run(arguments("--sets", "2", "--pdf", str(pdf), "--json", str(data))) == 0
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert b"/Count 1" in pdf.read_bytes()
    assert "3,850 W" in capsys.readouterr().out
    assert data.stat().st_size > 100


def test_days_without_measured_energy_do_not_thin_the_mean(tmp_path: Path) -> None:
    report = tmp_path / "power.csv"
    report.write_text(to_csv([Day("2026-06-01", mains_s=3600 * 10, energy_wh=1420), Day("2026-06-02", mains_s=3600 * 10)]))
    assert power_plan.measured_draw_w(report) == 142


def test_where_no_cable_fits_none_is_recommended() -> None:
    line = {line.what: line for line in plan(Site(1, cable_m=5000))}["Cable"]
    assert "none fits" in line.result
    assert "16 mm2 loses 122 % over 5000 m (limit 3 %)" in line.arithmetic


BEYOND = (
    *(("--hours", text) for text in ("nan", "30", "0", "x")), *(("--draw", text) for text in ("nan", "inf", "-5", "1e9")),
    *(("--outage", text) for text in ("inf", "nan", "-1")), *(("--cable", text) for text in ("nan", "inf", "-1")), ("--genset-hours", "nan"), ("--sets", "0"),
)


@pytest.mark.parametrize("words", BEYOND)
def test_a_number_beyond_its_limits_is_refused_with_the_limits(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments(f"{words[0]}={words[1]}")
    assert caught.value.code == 2
    assert re.search(rf"argument {words[0]}: '{words[1]}' is not a (whole )?number from \S+ to \S+", capsys.readouterr().err)


@pytest.mark.parametrize("body", [b"[]", b"<html>", b'{"now": {"draws": [1]}}', b'{"now": {"draws": {"capture": NaN}}}', b'{"now": {"draws": {"print": "x"}}}'])
def test_an_answer_that_is_no_stations_is_refused_in_one_sentence(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(body) as address:
        assert power_plan.run(arguments("--station", address)) == 2
    assert capsys.readouterr().out.startswith("No plan can be made: ")


NONSENSE = (
    ("--report", "/nonexistent.csv"), ("--report", __file__), ("--station", "ftp://x"), ("--station", "http://[::1"), ("--station", "http://127.0.0.1:abc"),
    ("--station", "http://127.0.0.1:1"), ("--station", "http://127.0.0.1:99999"), ("--station", "http://a b"),
)


@pytest.mark.parametrize("words", NONSENSE)
def test_nonsense_is_refused_in_one_sentence(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert power_plan.run(arguments(*words)) == 2
    assert capsys.readouterr().out.startswith("No plan can be made: ")
