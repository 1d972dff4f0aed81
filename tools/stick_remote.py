"""The desk of a station that is running, over its page's loopback address: the operator need not stop anything to use a stick.

Only sealed and signed bytes cross; the station checks all that comes back. This program alone touches the stick, so the station's
service needs no right to write anywhere.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from edge.errors import StationError, StoreError
from edge.store.stick import Waiting

TIMEOUT_S = 60.0
PIECE = 256 * 1024


class RemoteDesk:
    """See tools/stick_copy.py. Raises StationError when no station answers, StoreError for what the station's store says."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self.station = str(self._json("GET", "/api/stick")["station"])

    def begin(self) -> list[Waiting]:
        return [Waiting(int(item["sequence"]), int(item["bytes"])) for item in self._json("POST", "/api/stick/export")["waiting"]]

    def bundle(self, sequence: int) -> tuple[int, Iterator[bytes]]:
        connection = self._connect()
        answer = self._ask(connection, "GET", f"/api/stick/entries/{sequence}", b"")
        size = int(answer.getheader("content-length") or 0)
        return size, _pieces(connection, answer, size)

    def receipt(self, signed: bytes) -> str:
        return self._bring("receipt", signed)

    def roster(self, signed: bytes) -> str:
        return self._bring("roster", signed)

    def policy(self, signed: bytes) -> str:
        return self._bring("policy", signed)

    def show(self, notice: str, count: int) -> None:
        """Tell the operator through the page."""
        self._json("POST", "/api/stick/notice", json.dumps({"notice": notice, "count": count}).encode())

    def _bring(self, what: str, signed: bytes) -> str:
        return str(self._json("POST", f"/api/stick/{what}", signed)["taken"])

    def _json(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        with closing(self._connect()) as connection:
            found: dict[str, Any] = json.loads(self._ask(connection, method, path, body).read())
        return found

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> http.client.HTTPResponse:
        try:
            connection.request(method, path, body, {"content-type": "application/octet-stream"})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            place = ":".join(map(str, self._address))
            what = f"the station on {place} uses the store and does not answer ({error})"
            raise StationError("stick_station", what, "Wait a minute, then run this again") from error
        if answer.status == 200:
            return answer
        said = json.loads(answer.read() or b"{}")
        raise StoreError(str(said.get("error", "store_failed")), str(said.get("text", answer.reason)), str(said.get("next", "Run this again")))


def _pieces(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, size: int) -> Iterator[bytes]:
    """Raises StoreError when the station could not read all of it."""
    with closing(connection):
        while size and (piece := answer.read(min(size, PIECE))):
            size -= len(piece)
            yield piece
    if size:
        raise StoreError("content_unreadable", "the station could not read all of an entry", "Tell the district, and change the card")
