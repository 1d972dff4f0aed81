"""The power plan: the project's figures, arithmetic that adds up, one page of PDF, refusals in one sentence, in both languages."""

import argparse
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from edge.power.page import power_page
from edge.power.report import Day, to_csv
from station_config.load import load_texts
from tests.faults.site import site
from tools import power_plan
from tools.power_plan_sizes import Site, connection_w, sizes
from tools.power_plan_words import Line, asked, line, write_pdf


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    power_plan.add_arguments(parser)
    return parser.parse_args(words)


def english(*words: str) -> argparse.Namespace:
    return arguments("--language", "en", *words)


def plan(of: Site, language: str = "en") -> dict[str, Line]:
    """The lines by code."""
    return {size.code: line(size, load_texts()[language], language) for size in sizes(of)}


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
    assert plan(Site(sets))["connection"].result == f"{watts:,} W"


def test_breaker_carries_the_current_and_cable_carries_the_breaker() -> None:
    lines = plan(Site(1, cable_m=20))
    assert lines["current"].result == "16.9 A"
    assert lines["breaker"].result.startswith("20 A")
    assert lines["cable"].result == "3 x 4 mm2 copper"
    far = plan(Site(1, cable_m=80))
    assert far["cable"].result == "3 x 16 mm2 copper", "a long way needs copper for the voltage, not for the heat"


def test_battery_is_hours_times_watts_through_its_losses() -> None:
    lines = plan(Site(1, outage_h=1.0, draw_w=160))
    assert lines["battery"].result == f"{160 / 0.85 / 0.6:,.0f} Wh"


@pytest.mark.parametrize(("wh_per_h", "hours", "bought"), [(100, 1, "1 x 12 V 18 Ah"), (320, 2, "2 x 12 V 65 Ah"), (1920, 5, "8 x 12 V 200 Ah")])
def test_batteries_are_told_as_an_installer_buys_them(wh_per_h: float, hours: float, bought: str) -> None:
    lines = plan(Site(1, outage_h=hours, draw_w=wh_per_h))
    assert lines["batteries"].result == bought


@pytest.mark.parametrize(("sets", "sold"), [(1, "4,400 VA"), (4, "5,500 VA")])
def test_the_connection_is_one_that_pln_sells(sets: int, sold: str) -> None:
    assert plan(Site(sets))["pln"].result == sold


def test_the_draw_comes_from_a_running_station(capsys: pytest.CaptureFixture[str]) -> None:
    here = site()
    here.watch.activity = "capture"
    here.world.load(212)
    here.run(3600, step_s=5)

    with answering(json.dumps(power_page(here.watch, "2026-06-01")).encode()) as address:
        assert power_plan.run(english("--station", f"{address}/")) == 0
    told = capsys.readouterr().out
    assert re.search(r"Draw at work +21\d W", told), told
    assert "measured at http://127.0.0.1" in told


def test_the_draw_comes_from_a_stations_report(tmp_path: Path) -> None:
    report = tmp_path / "power.csv"
    report.write_text(to_csv([Day("2026-06-01", mains_s=3600 * 9, battery_s=3600, energy_wh=1420)]))
    assert power_plan.measured_draw_w(report) == 142


def test_one_page_of_pdf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pdf, data = tmp_path / "plan.pdf", tmp_path / "plan.json"
    assert power_plan.run(english("--sets", "2", "--pdf", str(pdf), "--json", str(data))) == 0
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert b"/Count 1" in pdf.read_bytes()
    assert "3,850 W" in capsys.readouterr().out
    assert data.stat().st_size > 100


def test_days_without_measured_energy_do_not_thin_the_mean(tmp_path: Path) -> None:
    report = tmp_path / "power.csv"
    report.write_text(to_csv([Day("2026-06-01", mains_s=3600 * 10, energy_wh=1420), Day("2026-06-02", mains_s=3600 * 10)]))
    assert power_plan.measured_draw_w(report) == 142


def test_where_no_cable_fits_none_is_recommended() -> None:
    cable = plan(Site(1, cable_m=5000))["cable"]
    assert "none fits" in cable.result
    assert "16 mm2 loses 122 % over 5000 m (limit 3 %)" in cable.arithmetic


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
        assert power_plan.run(english("--station", address)) == 2
    assert capsys.readouterr().out.startswith("No plan can be made: ")


NONSENSE = (
    ("--report", "/nonexistent.csv"), ("--report", __file__), ("--station", "ftp://x"), ("--station", "http://[::1"), ("--station", "http://127.0.0.1:abc"),
    ("--station", "http://127.0.0.1:1"), ("--station", "http://127.0.0.1:99999"), ("--station", "http://a b"),
)


@pytest.mark.parametrize("words", NONSENSE)
def test_nonsense_is_refused_in_one_sentence(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert power_plan.run(english(*words)) == 2
    assert capsys.readouterr().out.startswith("No plan can be made: ")


EVERY = (
    Site(1), Site(20, outage_h=72, cable_m=5000), Site(2, draw_from="plan_measured", draw_source="http://127.0.0.1:8080"),
    Site(2, draw_from="plan_mean", draw_source="listrik.csv"), Site(2, draw_from="plan_given"),
)


@pytest.mark.parametrize("of", EVERY)
def test_an_indonesian_installer_reads_indonesian_words_and_numbers(of: Site) -> None:
    english_plan, indonesian = plan(of, "en"), plan(of, "id")
    for code, told in indonesian.items():
        assert "{" not in told.result + told.arithmetic
        digits = re.findall(r"[\d.,]*\d", told.arithmetic)
        swapped = str.maketrans(",.", ".,")
        named = of.draw_source and of.draw_source in told.arithmetic
        assert named or digits == [number.translate(swapped) for number in re.findall(r"[\d.,]*\d", english_plan[code].arithmetic)], code
    assert indonesian["connection"].what == "Daya sambungan"


def test_indonesian_is_the_language_unless_another_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert power_plan.run(arguments("--sets", "2", "--draw", "1000")) == 0
    told = capsys.readouterr().out
    assert told.startswith("Rencana listrik: 2 set alat, 7 jam sehari\n")
    assert "3.850 W" in told
    assert "18,6 A" in told
    assert power_plan.run(arguments("--station", "ftp://x")) == 2
    assert capsys.readouterr().out == "Rencana tidak dapat dibuat: --station meminta alamat seperti http://127.0.0.1:8080.\n"


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("of", EVERY)
def test_every_line_of_the_page_ends_before_its_edge(language: str, of: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []

    def draw(page: Any, x: float, y: float, text: str) -> None:
        drawn.append((x + page.stringWidth(text, page._fontname, page._fontsize), y))

    monkeypatch.setattr(Canvas, "drawString", draw)
    texts = load_texts()[language]
    write_pdf(tmp_path / "plan.pdf", asked(of, texts, language), list(plan(of, language).values()), texts["plan_warning"])
    assert len(drawn) > 40
    assert max(right for right, _ in drawn) <= 546
    assert min(y for _, y in drawn) == 45, "nothing runs over the foot"
    assert sorted(y for _, y in drawn)[1] > 60


def test_a_file_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--pdf", "--json"):
        assert power_plan.run(english(option, str(tmp_path / "none" / "plan"))) == 2
        assert capsys.readouterr().out.splitlines()[-1].endswith("(No such file or directory); choose another place.")
