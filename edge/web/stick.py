"""A stick beside the running station: the page's loopback address hands out what waits and takes what came back.

    GET  /api/stick                      {"station": id}
    POST /api/stick/export               {"waiting": [{"sequence", "bytes"}, ...]}; writes the ledger event
    GET  /api/stick/entries/{sequence}   the entry's file as it goes onto the stick (protocols/stick.py)
    POST /api/stick/notice               {"notice": stick_copying | stick_done | stick_failed, "count"} -> {}; what the page tells the operator
    POST /api/stick/receipt|roster|policy   the signed bytes -> {"taken": what became of them}

Everything here is sealed or signed, so whoever reaches the loopback address learns and changes nothing that a stick in their hand would not.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from edge.clock import Clock
from edge.errors import StoreError
from edge.store.stick import FILE_BYTES_MAX, StickDesk
from edge.web.body import BadRequest, read_body

InStore = Callable[[Callable[[], Any]], Awaitable[Any]]
"""runs a function in the store's thread"""
TOLD_BYTES_MAX = 1024
SEQUENCE_MAX = 2**63 - 1
SHOWN_S = {"stick_copying": 600.0, "stick_done": 120.0, "stick_failed": 300.0}
"""how long a notice stands when nothing follows it"""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far whoever holds the stick has come."""

    notice: Literal["stick_copying", "stick_done", "stick_failed"]
    count: Annotated[int, Meta(ge=0, le=10_000_000)] = 0


class StickRoutes:
    """`changed` is called after each change."""

    def __init__(self, desk: StickDesk, in_store: InStore, changed: Callable[[], None], clock: Clock) -> None:
        self._desk, self._in_store, self._changed, self._clock = desk, in_store, changed, clock
        self._notice, self._notice_until_s = ("", 0), 0.0

    def notice(self) -> tuple[str, int]:
        """For the page: what happens with a stick, and how many entries lie on it; empty: nothing."""
        return self._notice if self._clock.monotonic_s() < self._notice_until_s else ("", 0)

    def routes(self) -> list[Route]:
        brought = {"receipt": self._desk.receipt, "roster": self._desk.roster, "policy": self._desk.policy}
        return [
            Route("/api/stick", self._who),
            Route("/api/stick/export", self._export, methods=["POST"]),
            Route("/api/stick/entries/{sequence:int}", self._entry),
            Route("/api/stick/notice", self._show, methods=["POST"]),
            *(Route(f"/api/stick/{name}", partial(self._bring, take), methods=["POST"]) for name, take in brought.items()),
        ]

    async def _who(self, _request: Request) -> Response:
        return _json({"station": self._desk.station})

    async def _export(self, _request: Request) -> Response:
        try:
            waiting = await self._in_store(self._desk.begin)
        except StoreError as error:
            return _refused(error)
        self._changed()
        return _json({"waiting": waiting})

    async def _show(self, request: Request) -> Response:
        try:
            told = msgspec.json.decode(await read_body(request, TOLD_BYTES_MAX), type=Told)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _refused(StoreError("bad_request", str(error), "Update both programs"), 422)
        self._notice = (told.notice, told.count)
        self._notice_until_s = self._clock.monotonic_s() + SHOWN_S[told.notice]
        self._changed()
        return _json({})

    async def _entry(self, request: Request) -> Response:
        if request.path_params["sequence"] > SEQUENCE_MAX:
            raise BadRequest("not_found", 404)
        try:
            size, pieces = await self._in_store(partial(self._desk.bundle, request.path_params["sequence"]))
        except StoreError as error:
            return _refused(error)
        return StreamingResponse(self._pieces(pieces), media_type="application/octet-stream", headers={"content-length": str(size)})

    async def _pieces(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Content that cannot be read ends the answer early: the length that was announced shows it."""
        with suppress(StoreError):
            while (piece := await self._in_store(partial(next, pieces, None))) is not None:
                yield piece

    async def _bring(self, take: Callable[[bytes], str], request: Request) -> Response:
        signed = await read_body(request, FILE_BYTES_MAX)
        try:
            taken = await self._in_store(partial(take, signed))
        except StoreError as error:
            return _refused(error)
        except OSError as error:
            what = f"the station cannot write it ({error.strerror})"
            return _refused(StoreError("store_failed", what, "Tell the installer: the roster's folder must be the station's own"))
        self._changed()
        return _json({"taken": taken})


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def _refused(error: StoreError, status: int = 503) -> Response:
    return _json({"error": error.code, "text": error.what, "next": error.next_step}, status)
