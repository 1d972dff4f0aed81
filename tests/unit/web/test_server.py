"""The page's HTTP interface, over a real socket: what it serves, and what it refuses."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from edge.enrolment import events as ev
from edge.enrolment.procedure import ABANDON_REASONS, BEST_REASONS, EXCEPTION_REASONS, NOT_MATCHED, STEPS
from edge.web.server import BODY_BYTES_MAX
from station_config.load import load_texts
from tests.browser.scripted import ScriptedStation, scripted

CONTRACT = (
    "version station language operator phase steps step person target targets activity progress verdict attempts actions primary "
    "notices devices power queue enrolments_left"
)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedStation]:
    with scripted(tmp_path_factory.mktemp("station")) as running:
        yield running


def call(station: ScriptedStation, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", station.port, timeout=10)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method, path, data, headers if headers is not None else (JSON if data is not None else {}))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    kind = answer.getheader("content-type", "")
    return answer.status, json.loads(content) if kind.startswith("application/json") else content, {k.lower(): v for k, v in answer.getheaders()}


def test_the_snapshot_keeps_its_contract(station: ScriptedStation) -> None:
    status, seen, headers = call(station, "GET", "/api/state")
    assert status == 200
    assert set(CONTRACT.split()) <= set(seen)
    assert [step["id"] for step in seen["steps"]] == ["letter", "data", "face", "signature", "fingers", "irises", "check", "review", "slip"]
    assert headers["cache-control"] == "no-store"


def test_every_answer_keeps_foreign_content_out(station: ScriptedStation) -> None:
    for path in ("/", "/static/app.js", "/api/state", "/nothing"):
        _, _, headers = call(station, "GET", path)
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "bad_request"),
        (b"{", 422, "bad_request"),
        (b"[]", 422, "bad_request"),
        (b"null", 422, "bad_request"),
        (b'"capture"', 422, "bad_request"),
        (b"\xff\xfe", 422, "bad_request"),
        (b"[" * 5000, 422, "bad_request"),
        (b'{"x":' + b"[" * 7000 + b"]" * 7000 + b',"event":"pause"}', 422, "bad_request"),
        ({"event": "fly"}, 422, "bad_request"),
        ({"event": 7}, 422, "bad_request"),
        ({"no": "event"}, 422, "bad_request"),
        ({"event": "capture", "extra": 1}, 422, "bad_request"),
        ({"event": "capture", "version": -1}, 422, "bad_request"),
        ({"event": "capture", "version": "1"}, 422, "bad_request"),
        ({"event": "capture", "version": 10**30}, 422, "bad_request"),
        ({"event": "next_person"}, 422, "bad_request"),
        ({"event": "next_person", "ticket": "7"}, 422, "bad_request"),
        ({"event": "next_person", "ticket": 0}, 422, "bad_request"),
        ({"event": "next_person", "ticket": 10**9}, 422, "bad_request"),
        ({"event": "next_person", "ticket": 1.5}, 422, "bad_request"),
        ({"event": "letter", "number": ""}, 422, "bad_request"),
        ({"event": "letter", "number": "x" * 65}, 422, "bad_request"),
        ({"event": "log_in", "operator": "ani", "pin": "12"}, 422, "bad_request"),
        ({"event": "log_in", "operator": "../x", "pin": "1234"}, 422, "bad_request"),
        ({"event": "log_in", "operator": "ani", "pin": "1234\n"}, 422, "bad_request"),
        ({"event": "language", "language": "fr"}, 422, "bad_request"),
        ({"event": "retake", "kind": "finger", "position": 11}, 422, "bad_request"),
        ({"event": "exception", "kind": "finger", "position": 2, "reason": "Missing!"}, 422, "bad_request"),
        ({"event": "confirm_data", "corrections": {"blood": "A"}}, 422, "bad_request"),
        ({"event": "confirm_data", "corrections": {"birth_date": "17/05/1990"}}, 422, "bad_request"),
        ({"event": "confirm_data", "corrections": {"name": "x" * 201}}, 422, "bad_request"),
        ({"event": "Resumed", "record_id": "", "ticket": 1}, 422, "bad_request"),
        ({"event": "capture"}, 409, "not_now"),
        ({"event": "finish"}, 409, "not_now"),
        ({"event": "log_in", "operator": "ani", "pin": "1234", "version": 10**9}, 409, "too_late"),
        (b"x" * (BODY_BYTES_MAX + 1), 413, "body_too_large"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_plain_answer(station: ScriptedStation, body: Any, status: int, code: str) -> None:
    before = unmoved(station)
    got, said, _ = call(station, "POST", "/api/events", body)
    assert (got, said["error"]) == (status, code)
    assert said["text"].endswith((".", "."))
    assert said["next"].endswith(".")
    assert unmoved(station) == before


def unmoved(station: ScriptedStation) -> dict[str, Any]:
    """The snapshot without what others on this machine change: the room on its disk."""
    return {name: value for name, value in station.snapshot().items() if name not in ("version", "enrolments_left")}


def test_a_half_surrogate_in_a_name_is_refused(station: ScriptedStation) -> None:
    status, said, _ = call(station, "POST", "/api/events", b'{"event": "letter", "number": "\\ud800"}')
    assert status in (409, 422), said


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
    ],
)
def test_only_json_is_taken(station: ScriptedStation, headers: dict[str, str]) -> None:
    status, said, _ = call(station, "POST", "/api/events", b'{"event": "language", "language": "en"}', headers)
    assert (status, said["error"]) == (415, "bad_request")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Host": "["},
        {"Host": "[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_foreign_pages_are_refused(station: ScriptedStation, headers: dict[str, str]) -> None:
    status, said, _ = call(station, "POST", "/api/events", {"event": "language", "language": "en"}, {**JSON, **headers})
    assert (status, said["error"]) == (403, "foreign_origin")
    assert call(station, "GET", "/api/state", headers=headers)[0] == 403
    assert station.snapshot()["language"] == "id"


def test_the_page_itself_is_taken(station: ScriptedStation) -> None:
    own = {**JSON, "Origin": f"http://127.0.0.1:{station.port}", "Sec-Fetch-Site": "same-origin"}
    for language in ("en", "id"):
        status, said, _ = call(station, "POST", "/api/events", {"event": "language", "language": language}, own)
        assert (status, said["accepted"]) == (200, True)
        assert station.snapshot()["version"] >= said["version"]


def test_refusals_speak_the_language_of_the_page(station: ScriptedStation) -> None:
    _, said, _ = call(station, "POST", "/api/events", {"event": "capture"})
    assert said["text"] == "Langkah ini tidak menawarkan itu."
    call(station, "POST", "/api/events", {"event": "language", "language": "en"})
    _, said, _ = call(station, "POST", "/api/events", {"event": "capture"})
    assert said["text"] == "This step does not offer that."
    call(station, "POST", "/api/events", {"event": "language", "language": "id"})


@pytest.mark.parametrize("path", ["/nothing", "/static/nothing.js", "/static/../server.py", "/static/%2e%2e/server.py", "/api/texts/fr", "/api/photo"])
def test_what_is_not_there_is_said_in_the_same_form(station: ScriptedStation, path: str) -> None:
    status, said, _ = call(station, "GET", path)
    assert status == 404
    assert said["error"] == "not_found"


def test_the_stream_sends_the_snapshot_and_each_change(station: ScriptedStation) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", station.port, timeout=10)
    connection.request("GET", "/api/stream")
    answer = connection.getresponse()
    assert answer.getheader("content-type", "").startswith("text/event-stream")

    def next_snapshot() -> dict[str, Any]:
        while not (line := answer.readline()).startswith(b"data: "):
            assert line
        return json.loads(line[6:])  # type: ignore[no-any-return]

    first = next_snapshot()
    call(station, "POST", "/api/events", {"event": "language", "language": "en"})
    second = next_snapshot()
    assert second["version"] > first["version"]
    assert second["language"] == "en"
    call(station, "POST", "/api/events", {"event": "language", "language": "id"})
    connection.close()


def socket(station: ScriptedStation, query: str, **options: Any) -> Any:
    return connect(f"ws://127.0.0.1:{station.port}/api/preview?{query}", proxy=None, **options)


def test_previews_are_pulled_one_by_one_and_only_while_somebody_is_at_the_desk(station: ScriptedStation) -> None:
    with socket(station, "source=camera") as line:
        line.send("next")
        assert json.loads(line.recv(10)) == {"error": "not_now"}
        station.to_step("face")
        line.send("next")
        assert line.recv(10)[:2] == b"\xff\xd8"
        station.bench.presences["camera"].unplug()
        line.send("next")
        assert json.loads(line.recv(10)) == {"error": "port_absent"}
        station.bench.presences["camera"].state = "ready"
    with socket(station, "source=tablet") as line:
        for asked in ("0", "-1", "x", "9" * 50):
            line.send(asked)
            assert json.loads(line.recv(10)) == {"start": 0, "points": []}
    with socket(station, "source=../../etc") as line:
        line.send("next")
        assert line.recv(10)[:2] == b"\xff\xd8"
    station.do(lambda bench: bench.session.post(ev.Abandon(reason="other")))


def test_a_foreign_page_gets_no_preview(station: ScriptedStation) -> None:
    with pytest.raises(InvalidStatus), socket(station, "source=camera", origin="https://evil.example"):
        pass


def test_both_languages_have_the_same_texts_and_placeholders() -> None:
    texts = load_texts()
    assert set(texts["id"]) == set(texts["en"])
    for code, text in texts["id"].items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", texts["en"][code])), code
        assert text, code


def test_every_text_that_the_page_asks_for_exists() -> None:
    pattern = re.compile(r"""\bt\("([a-zA-Z_]+)"|data-text": "([a-z_]+)\"""")
    asked = {code for path in Path("edge/web/static").glob("*.js") for found in pattern.findall(path.read_text()) for code in found if code}
    assert len(asked) > 25
    asked |= {f"step_{step.id}" for step in STEPS} | {f"say_{step.id}" for step in STEPS}
    asked |= {f"target_{t.kind}" if t.position == 0 else f"target_{t.kind}_{t.position}" for step in STEPS for t in step.targets}
    asked |= {f"reason_{reason}" for reasons in (*EXCEPTION_REASONS.values(), BEST_REASONS, ABANDON_REASONS, (NOT_MATCHED,)) for reason in reasons}
    asked |= {f"do_capture_{step.id}" for step in STEPS if step.targets and step.id != "data"} | {"do_capture_exception_photo"}
    asked |= {f"do_{kind}" for kind in ("log_in", "log_out", "next_person", "letter", "confirm_data", "done_signing", "pause", "keep", "use_best", "exception")}
    asked |= {f"do_{kind}" for kind in ("retake", "confirm_review", "print_slip", "finish", "abandon", "stop")}
    asked |= {f"group_{group}" for group in ("data", "face", "signature", "fingers", "irises", "finish")}
    asked |= {f"say_{phase}" for phase in ("locked", "idle", "stopping")}
    asked |= {f"device_state_{state}" for state in ("absent", "opening", "ready", "faulted", "recovering")}
    asked |= {f"device_{name}" for name in ("camera", "fingerprint", "tablet", "iris", "board", "printer", "ups", "genset", "gpio")}
    asked |= {f"notice_{notice}" for notice in NOTICE_IDS.split()}
    assert asked <= set(load_texts()["id"])


NOTICE_IDS = (
    "power_was_out power_was_out_times nik_birth nik_sex nik_form letter_unknown store_full store_low power_no_next device_broken "
    "index_not_checked recapture paper_out print_failed not_saved"
)
