"""The operator page over HTTP: snapshots out (JSON, server-sent events), events in, previews over one WebSocket, static files.

    GET  /                     the page                      GET /power         the power report      GET /static/...
    GET  /api/state            snapshot                      GET /api/stream    snapshots as they change (SSE)
    POST /api/events           {"event": kind, ...} -> 200 {"accepted": true, "version": n} | 4xx {"error": code, "text": ..., "next": ...}
    GET  /api/texts/{language} code -> text                  GET /api/photo     small JPEG of the person at the desk
    GET  /api/power            the supply now, outages, voltage and energy by day and month (edge/power/page.py)
    GET  /api/power.csv        the same by day, with ?by=month by month
    WS   /api/preview?source=camera|iris|tablet              the page asks for each picture: a slow page is never flooded

Decides nothing: the session does.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.enrolment.events import PageEvent
from edge.enrolment.session import Session
from edge.errors import DeviceError, RefusedEvent
from edge.web.body import BadRequest, read_body
from edge.web.guard import Guard

STATIC = Path(__file__).parent / "static"
BODY_BYTES_MAX = 16 * 1024
"""the largest event, corrected population data, has 2 KB"""
HEARTBEAT_S = 10.0
RECONNECT_MS = 700
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Texts = Mapping[str, Mapping[str, str]]

_decode_event = msgspec.json.Decoder(PageEvent).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class PowerAnswers:
    """What is told of power beside the snapshot."""

    page: Callable[[], Mapping[str, Any]] = dict
    csv: Callable[[str], str] = str
    """by day or month"""


def build_app(
    session: Session, texts: Texts, hosts: Collection[str] = LOOPBACK, power: PowerAnswers = PowerAnswers(),
    more: Sequence[Route] = (),
) -> Starlette:
    """The ASGI application; `hosts` are the names under which it is served, `more` are routes behind the same guard."""
    page = Page(session, texts, power)
    app = Starlette(
        routes=[
            Route("/", page.index),
            Route("/power", page.report),
            Route("/api/state", page.state),
            Route("/api/stream", page.stream),
            Route("/api/events", page.events, methods=["POST"]),
            Route("/api/texts/{language}", page.texts),
            Route("/api/photo", page.photo),
            Route("/api/power", page.power),
            Route("/api/power.csv", page.power_csv),
            WebSocketRoute("/api/preview", page.preview),
            *more,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={404: page.not_found, 405: page.not_found, BadRequest: page.bad_request, RefusedEvent: page.refused},
    )
    app.state.refusal = page.refusal
    return app


class Page:
    """The handlers."""

    def __init__(self, session: Session, texts: Texts, power: PowerAnswers) -> None:
        self._session = session
        self._texts = texts
        self._power = power

    async def index(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def report(self, request: Request) -> Response:
        return FileResponse(STATIC / "power.html")

    async def state(self, request: Request) -> Response:
        return _json(self._session.snapshot())

    async def texts(self, request: Request) -> Response:
        found = self._texts.get(request.path_params["language"])
        return _json(found) if found is not None else _json(self.refusal("not_found"), 404)

    async def photo(self, request: Request) -> Response:
        photo = self._session.photo
        return Response(photo, media_type="image/jpeg") if photo else _json(self.refusal("not_found"), 404)

    async def power(self, request: Request) -> Response:
        return _json(self._power.page())

    async def power_csv(self, request: Request) -> Response:
        by = "month" if request.query_params.get("by") == "month" else "day"
        headers = {"Content-Disposition": f'attachment; filename="listrik-{"bulan" if by == "month" else "hari"}.csv"'}
        return Response(self._power.csv(by), media_type="text/csv; charset=utf-8", headers=headers)

    async def events(self, request: Request) -> Response:
        _only_json(request)
        event = _event_of(await read_body(request, BODY_BYTES_MAX))
        return _json({"accepted": True, "version": await self._session.post(event)})

    async def stream(self, request: Request) -> Response:
        return StreamingResponse(self._lines(), media_type="text/event-stream")

    async def _lines(self) -> AsyncIterator[bytes]:
        yield f"retry: {RECONNECT_MS}\n\n".encode()
        changes = self._session.changes()
        following = asyncio.ensure_future(anext(changes, None))
        try:
            while True:
                done, _ = await asyncio.wait({following}, timeout=HEARTBEAT_S)
                if not done:
                    yield b": still here\n\n"
                    continue
                if (snapshot := following.result()) is None:
                    return
                yield b"id: %d\ndata: %s\n\n" % (snapshot["version"], _encode(snapshot))
                following = asyncio.ensure_future(anext(changes, None))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await changes.aclose()

    async def preview(self, socket: WebSocket) -> None:
        """One message from the page, one picture back: JPEG, or JSON {"error": code}; for the tablet JSON points from the asked number on."""
        await socket.accept()
        source = socket.query_params.get("source", "camera")
        try:
            while True:
                asked = await socket.receive_text()
                await self._show(socket, source, asked)
        except (WebSocketDisconnect, KeyError):
            return

    async def _show(self, socket: WebSocket, source: str, asked: str) -> None:
        if source == "tablet":
            await socket.send_text(json.dumps(self._points(asked)))
            return
        if self._session.snapshot()["phase"] != "enrolling":
            await socket.send_text('{"error": "not_now"}')
            return
        try:
            await socket.send_bytes(await self._session.preview(source))
        except DeviceError as error:
            await socket.send_text(json.dumps({"error": error.code}))

    def _points(self, asked: str) -> dict[str, Any]:
        start = int(asked) if asked.isdecimal() and len(asked) < 9 else 0
        return {"start": start, "points": [[pen.x, pen.y, pen.pressure, int(pen.tip)] for pen in self._session.pen(start)]}

    # --- refusals ---

    async def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedEvent)
        return _json(self.refusal(error.code, error.values), 409)

    async def bad_request(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, BadRequest)
        return _json(self.refusal(error.code), error.status)

    async def not_found(self, request: Request, error: Exception) -> Response:
        return _json(self.refusal("not_found"), 404)

    def refusal(self, code: str, values: Mapping[str, object] | None = None) -> dict[str, str]:
        """The answer in the language of the page: what is wrong, and what to do next."""
        texts = self._texts[self._session.state.language]
        words = {name: _worded(value, texts) for name, value in (values or {}).items()}
        return {
            "error": code,
            "text": texts.get(code, texts["refused"]).format_map(words),
            "next": texts.get(f"{code}_next", texts["refused_next"]).format_map(words),
        }


def _worded(value: object, texts: Mapping[str, str]) -> str:
    """Names of fields in the page's words."""
    if isinstance(value, tuple | list):
        return ", ".join(texts.get(str(item), str(item)) for item in value)
    return str(value)


def _json(value: Any, status: int = 200) -> Response:
    return Response(_encode(value), status_code=status, media_type="application/json")


def _only_json(request: Request) -> None:
    """A form of a foreign page can be sent without asking first; JSON cannot. Raises BadRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadRequest("bad_request", 415)


def _event_of(body: bytes) -> Any:
    try:
        return _decode_event(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("bad_request", 422) from error
