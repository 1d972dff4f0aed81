"""The district's page and its JSON: records, stations, alarms. Reads, and takes in what stations signed (stick_routes.py).

Not responsible for who may look: put a proxy with log-in in front before it leaves the machine. Nothing here is personal data.
"""

import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"
LANGUAGES = ("id", "en")
TEXT_PREFIX = "district_"
HEADERS = ((b"content-security-policy", b"default-src 'self'"), (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))

Ask = Callable[[Mapping[str, str]], Awaitable[Any]]
"""query parameters -> what the address answers"""


def make_page(answers: Mapping[str, Ask], more: Sequence[Route] = ()) -> Starlette:
    """`answers`: name below /api -> who answers it; `more`: other routes."""
    routes = [Route(f"/api/{name}", _endpoint(ask)) for name, ask in answers.items()]
    routes += [Route("/api/texts/{language}", _texts), Route("/", _index)]
    return Starlette(routes=[*routes, *more, Mount("/static", StaticFiles(directory=STATIC))], middleware=[Middleware(_Headers)])


def _endpoint(ask: Ask) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await ask(request.query_params))
        except ValueError as error:
            raise HTTPException(422, str(error)) from error

    return answer


async def _index(_request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _texts(request: Request) -> Response:
    language = request.path_params["language"]
    if language not in LANGUAGES:
        raise HTTPException(404)
    return JSONResponse(read_texts(language))


def read_texts(language: str) -> dict[str, str]:
    """The page's words, without the prefix that marks them in the file, over those of the stations: codes and reasons have one text."""
    table = tomllib.loads(files("station_config").joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    return {**table, **{code.removeprefix(TEXT_PREFIX): text for code, text in table.items() if code.startswith(TEXT_PREFIX)}}


class _Headers:
    """Adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, send_more)
