"""What stands before every request: own host, own origin, small bodies, headers that keep foreign content out.

The page has no cookie and no token: whoever reaches the loopback address is the station's own browser. So a request must name one of the
station's own hosts (against DNS rebinding) and, when a browser says where it comes from, come from the page itself.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        """hosts: names and addresses, without port, under which the page is served."""
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._own(Headers(scope=scope)):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "foreign origin"})
        else:
            await self._refusal(scope)(scope, receive, _with_headers(send))

    def _own(self, headers: Headers) -> bool:
        host, origin = headers.get("host", ""), headers.get("origin")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        try:
            return urlsplit(f"//{host}").hostname in self._hosts and (origin is None or urlsplit(origin).netloc == host)
        except ValueError:  # a bracket that nothing closes
            return False

    def _refusal(self, scope: Scope) -> JSONResponse:
        connection = HTTPConnection(scope)
        refused = connection.app.state.refusal("foreign_origin")
        return JSONResponse(refused, status_code=403)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
