"""A stick at a running station and at a running district: what no stick would ever send is refused, and nobody else waits for it."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse

from district.clock import SystemClock
from district.keys import Stations
from district.policies import Policies, blank
from district.stick import FILE_BYTES_MAX, StoreDesk
from district.stick_routes import StickRoutes as DistrictRoutes
from edge.store.ledger import Ledger
from edge.store.stick import FILE_BYTES_MAX as STATION_BYTES_MAX
from edge.store.stick import StickDesk
from edge.store.store import Store
from edge.web.body import BadRequest
from edge.web.stick import StickRoutes
from protocols.stick import read_bundle
from tests.asgi import GONE, HANGS, Answer, ask
from tests.records import StillClock, new_signer
from tests.unit.store.stored import STATION, make_ledger, record_one


class Hall:
    """A station's routes over a real store; `notices` are what its page would show."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder / "store", 0)
        self.ledger: Ledger = make_ledger(self.store)
        desk = StickDesk(self.store, self.ledger, STATION, lambda _: None, folder / "roster", lambda _: "refused")
        self.clock = StillClock()
        self.routes = StickRoutes(desk, run_here, lambda: None, self.clock)  # type: ignore[arg-type]  # knows no trust
        self.app = Starlette(routes=self.routes.routes(), exception_handlers={BadRequest: refuse})

    def ask(self, method: str, path: str, *pieces: object) -> Answer:
        return asyncio.run(ask(self.app, method, path, pieces or (b"",)))


async def run_here(work: Callable[[], Any]) -> Any:
    return work()


async def refuse(_request: object, error: Exception) -> JSONResponse:
    assert isinstance(error, BadRequest)
    return JSONResponse({"error": error.code}, error.status)


@pytest.fixture
def hall(tmp_path: Path) -> Any:
    opened = Hall(tmp_path)
    yield opened
    opened.store.close()


def test_what_waits_is_listed_and_handed_out_as_the_file_that_a_stick_holds(hall: Hall) -> None:
    record_one(hall.store, hall.ledger)
    waiting = hall.ask("POST", "/api/stick/export").json()["waiting"]
    assert [item["sequence"] for item in waiting] == [1, 2]
    answer = hall.ask("GET", "/api/stick/entries/1")
    assert len(answer.body) == waiting[0]["bytes"]
    assert read_bundle(answer.body).envelope == hall.store.envelope(1)


@pytest.mark.parametrize(("path", "status"), [("0", 503), ("77", 503), (str(2**63), 404), ("9" * 40, 404), ("-1", 404), ("x", 404)])
def test_an_entry_that_there_is_not(hall: Hall, path: str, status: int) -> None:
    assert hall.ask("GET", f"/api/stick/entries/{path}").status == status


@pytest.mark.parametrize("name", ["receipt", "roster", "policy"])
@pytest.mark.parametrize("pieces", [(b"",), (b"\xd2", b"\x84"), (bytes(5000),)])
def test_what_the_district_did_not_sign_is_refused(hall: Hall, name: str, pieces: tuple[bytes, ...]) -> None:
    assert hall.ask("POST", f"/api/stick/{name}", *pieces).json() == {"taken": "refused"}


@pytest.mark.parametrize(("pieces", "status"), [((bytes(STATION_BYTES_MAX), b"x"), 413), ((b"half", GONE), 400)])
def test_too_much_and_half_of_something(hall: Hall, pieces: tuple[object, ...], status: int) -> None:
    assert hall.ask("POST", "/api/stick/roster", *pieces).status == status


@pytest.mark.parametrize("told", [b"", b"[]", b"\xff", b'{"notice":"free"}', b'{"notice":"stick_done","count":-1}', b"[" * 1000, b'{"x":' + b"[" * 900])
def test_a_notice_that_is_none_shows_nothing(hall: Hall, told: bytes) -> None:
    assert hall.ask("POST", "/api/stick/notice", told).status == 422
    assert hall.routes.notice() == ("", 0)


def test_a_notice_stands_until_its_time_is_over(hall: Hall) -> None:
    assert hall.ask("POST", "/api/stick/notice", b'{"notice":"stick_done","count":3}').status == 200
    assert hall.routes.notice() == ("stick_done", 3)
    hall.clock.monotonic += 121
    assert hall.routes.notice() == ("", 0)


class Shelf:
    """A district's store that serves s-1 and refuses all."""

    def known_station(self, station: str) -> bool:
        return station == "s-1"


def district(folder: Path) -> Starlette:
    store: Any = Shelf()
    return Starlette(routes=DistrictRoutes(StoreDesk(store, Policies(folder)), run_here, file_s=0.05).routes())


def test_a_district_hands_out_the_policy_of_its_stations_alone(tmp_path: Path) -> None:
    signed = Policies(tmp_path).add(blank("poso", None, 1, SystemClock()), new_signer())
    app = district(tmp_path)
    assert b64decode(asyncio.run(ask(app, "GET", "/api/stick/s-1/policy")).json()["policy"]) == signed
    assert asyncio.run(ask(app, "GET", "/api/stick/s-2/policy")).json() == {"policy": None}


@pytest.mark.parametrize(
    ("pieces", "status", "said"), [
        ((b"REKAM1",), 200, {"problem": "broken"}), ((bytes(FILE_BYTES_MAX), b"x"), 200, {"problem": "broken"}),
        ((b"half", GONE), 408, None), ((b"half", HANGS), 408, None),
    ],
)
def test_a_district_is_offered_what_is_no_file(tmp_path: Path, pieces: tuple[object, ...], status: int, said: object) -> None:
    answer = asyncio.run(ask(district(tmp_path), "POST", "/api/stick/s-1", pieces))
    assert answer.status == status
    assert said in (None, answer.json())


def test_a_sender_that_hangs_keeps_nobody_else_from_the_district(tmp_path: Path) -> None:
    async def both() -> list[Answer]:
        offer = partial(ask, district(tmp_path), "POST", "/api/stick/s-1")
        return await asyncio.gather(offer((b"half", HANGS)), offer((b"whole",)))

    assert [answer.status for answer in asyncio.run(both())] == [408, 200]


def test_a_name_that_no_file_can_have_is_no_station(tmp_path: Path) -> None:
    stations = Stations(tmp_path)
    assert not any(stations.known(name) for name in ("\0", "s-1\0", "a" * 5000, ".."))
