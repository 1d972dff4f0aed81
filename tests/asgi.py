"""A request to an ASGI application without a socket: what arrives piece by piece, breaks off or hangs can be played."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

GONE, HANGS = object(), object()
"""pieces of a body: the sender goes away; nothing more comes"""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(app: Any, method: str, path: str, pieces: Iterable[object] = (b"",), query: str = "", host: str = "127.0.0.1") -> Answer:
    """Raises what the application raises."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(), "root_path": "",
        "scheme": "http", "query_string": query.encode(), "headers": [(b"host", host.encode()), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }
    coming, status, body = list(pieces), list[int](), bytearray()

    async def receive() -> dict[str, Any]:
        piece = coming.pop(0) if coming else HANGS
        if piece is HANGS:
            await asyncio.Event().wait()
        if piece is GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(coming)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])
        body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status[0], bytes(body))
