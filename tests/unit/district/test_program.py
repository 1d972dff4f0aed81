"""The district as a program: starts without a broker, answers its page, stops in order, refuses what it cannot run with."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from district.web import STATIC, read_texts
from tests.waiting import wait_until
from tools.keys import make_site

WRONG_QUERIES = ("limit=x", "limit=-1", "limit=", "before=1.5", f"before={2**64}", f"before={'9' * 5000}", "before=%D9%A1", "state=x")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, page_port: int, **keys: str) -> Path:
    site = make_site(folder / "keys", ["s-1"], district="poso")
    section = site.district_section() | keys
    lines = [
        "[district]", 'id = "poso"', f'data_dir = "{folder / "data"}"', f"page_port = {page_port}", "people = { s-1 = 200 }",
        "[keys]", *(f'{key} = "{value}"' for key, value in section.items()), "[broker]", f"port = {free_port()}",
    ]
    path = folder / "district.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@contextmanager
def running(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        child = subprocess.Popen([sys.executable, "-m", "tools.cli", "district", "--config", str(config)], stdout=output, stderr=output)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def get(port: int, path: str) -> Any:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.loads(answer.read()) if path.startswith("/api") else answer.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (urllib.error.URLError, ConnectionError):
        return None


def test_it_runs_without_a_broker_and_stops_in_order(tmp_path: Path) -> None:
    port = free_port()
    with running(write_config(tmp_path, port), tmp_path / "log") as child:
        wait_until(lambda: get(port, "/api/summary") is not None, "the page")
        summary = get(port, "/api/summary")
        assert (summary["district"], summary["stored"], summary["waiting"], summary["link"]["connected"]) == ("poso", 0, 0, False)
        assert get(port, "/api/records") == get(port, "/api/alarms") == get(port, "/api/events") == []
        assert get(port, "/api/equipment") == get(port, "/api/power") == get(port, "/api/records?state=held") == []
        (station,) = get(port, "/api/stations")
        assert station | {"station": "s-1", "certified": True, "stored": 0, "missing": [], "health": None, "alive": None, "people": 200} == station
        assert [get(port, f"/api/records?{query}") for query in WRONG_QUERIES] == [422] * len(WRONG_QUERIES)
        assert get(port, "/api/texts/xx") == 404
        assert "page.js" in get(port, "/")
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0


def test_a_missing_key_is_one_sentence(tmp_path: Path) -> None:
    config = write_config(tmp_path, free_port(), signing_key=str(tmp_path / "nowhere.key"))
    with running(config, tmp_path / "log") as child:
        assert child.wait(timeout=20) == 2
    assert "nowhere.key cannot be read" in (tmp_path / "log").read_text(encoding="utf-8")


def test_without_its_authority_it_does_not_start(tmp_path: Path) -> None:
    config = write_config(tmp_path, free_port(), authority=str(tmp_path / "nowhere.pem"))
    with running(config, tmp_path / "log") as child:
        assert child.wait(timeout=20) == 2
    assert "nowhere.pem cannot be read (No such file or directory). Give the right path" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_certificate_that_does_not_hold_is_an_alarm_until_it_is_mended(tmp_path: Path) -> None:
    port = free_port()
    config = write_config(tmp_path, port)
    file = tmp_path / "keys" / "district" / "stations" / "s-1.pem"
    good = file.read_bytes()
    file.write_bytes(b"no certificate")
    with running(config, tmp_path / "log"):
        wait_until(lambda: get(port, "/api/summary") is not None, "the page")
        (alarm,) = get(port, "/api/alarms")
        assert (alarm["station"], alarm["kind"], alarm["count"]) == ("s-1", "certificate", 1)
        assert get(port, "/api/summary")["alarms"] == 1
        assert all(f"alarm_{alarm['kind']}" in read_texts(language) for language in ("id", "en"))
        assert not any(station["certified"] for station in get(port, "/api/stations"))
        file.write_bytes(good)
        assert (get(port, "/api/alarms"), get(port, "/api/summary")["alarms"]) == ([], 0)
    assert "s-1.pem is not believed: not a PEM certificate" in (tmp_path / "log").read_text(encoding="utf-8")


def test_an_open_key_file_is_refused(tmp_path: Path) -> None:
    config = write_config(tmp_path, free_port())
    os.chmod(tmp_path / "keys" / "district" / "district.key", 0o644)
    with running(config, tmp_path / "log") as child:
        assert child.wait(timeout=20) == 2
    assert "chmod 600" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_taken_page_port_ends_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with running(write_config(tmp_path, taken.getsockname()[1]), tmp_path / "log") as child:
            assert child.wait(timeout=20) == 1
    assert "is taken" in (tmp_path / "log").read_text(encoding="utf-8")


def test_every_word_of_the_page_exists_in_both_languages() -> None:
    script = (STATIC / "page.js").read_text(encoding="utf-8")
    used = set(re.findall(r'say\("(\w+)"', script)) | set(re.findall(r'data-text="(\w+)"', (STATIC / "index.html").read_text(encoding="utf-8")))
    used |= {f"column_{name}" for name in re.findall(r'"(\w+)"', " ".join(re.findall(r"_COLUMNS = (.*);", script)))}
    used |= {"summary_alarms", "summary_waiting", "summary_good", *(f"state_{name}" for name in ("stored", "waiting", "quarantined", "rejected"))}
    for language in ("id", "en"):
        assert used - read_texts(language).keys() == set()
