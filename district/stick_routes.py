"""A stick beside the running district: the page's address takes in what a station signed and answers with what this district signed.

    POST /api/stick/STATION           a file of the stick (protocols/stick.py) -> {"sequence", "receipt": base64} or {"problem": broken | refused}
    GET  /api/stick/STATION/policy    the signed policy for it -> {"policy": base64 or null}

Every check is the one that the broker's messages meet, quotas included: who reaches this address can do no more than who reaches the broker.
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from district.stick import FILE_BYTES_MAX, StoreDesk

FILE_S = 60.0
InStore = Callable[[Callable[[], Any]], Awaitable[Any]]


class StickRoutes:
    """One file at a time: they may be large."""

    def __init__(self, desk: StoreDesk, in_store: InStore, file_s: float = FILE_S) -> None:
        """file_s: whoever takes longer for a file loses the turn, or one that hangs would keep the others out for ever."""
        self._desk, self._in_store, self._file_s, self._turn = desk, in_store, file_s, asyncio.Lock()

    def routes(self) -> list[Route]:
        return [Route("/api/stick/{station}", self._take_in, methods=["POST"]), Route("/api/stick/{station}/policy", self._policy)]

    async def _take_in(self, request: Request) -> Response:
        async with self._turn:
            try:
                async with asyncio.timeout(self._file_s):
                    data = await _body(request)
            except (TimeoutError, ClientDisconnect):
                return JSONResponse({"error": "stick_slow", "text": "the file did not arrive in time", "next": "Run this again"}, 408)
            offered = await self._in_store(partial(self._desk.offer, request.path_params["station"], data))
        if isinstance(offered, str):
            return JSONResponse({"problem": offered})
        return JSONResponse({"sequence": offered[0], "receipt": b64encode(offered[1]).decode()})

    async def _policy(self, request: Request) -> Response:
        signed = await self._in_store(partial(self._desk.policy, request.path_params["station"]))
        return JSONResponse({"policy": b64encode(signed).decode() if signed else None})


async def _body(request: Request) -> bytes:
    """Empty, which is no whole copy, when it is larger than any record. Raises ClientDisconnect."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > FILE_BYTES_MAX:
            return b""
    return bytes(data)
