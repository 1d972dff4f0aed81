"""The desk of a station or district that is running, over its page's loopback address: nobody need stop anything to use a stick.

Only sealed and signed bytes cross; each checks all that it gets. This program alone touches the stick, so their
services need no right to write anywhere.
"""

import http.client
import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

from edge.errors import StationError, StoreError
from edge.store.stick import Waiting

TIMEOUT_S = 60.0
PIECE = 256 * 1024


class _Page:
    """Asks a page on loopback. Raises StationError when nobody answers, StoreError for what the store behind it says."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port

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
            what = f"the program on {place} does not answer ({error})"
            raise StationError("stick_station", what, "Start it, or wait a minute if it has just started, then run this again") from error
        if answer.status == 200:
            return answer
        said = _said(answer.read())
        raise StoreError(str(said.get("error", "store_failed")), str(said.get("text", answer.reason)), str(said.get("next", "Run this again")))


class RemoteDistrict(_Page):
    """The desk of a district that is running; see district/stick.py."""

    def offer(self, station: str, data: bytes) -> tuple[int, bytes] | str:
        found = self._json("POST", f"/api/stick/{quote(station, safe='')}", data)
        return str(found["problem"]) if "problem" in found else (int(found["sequence"]), b64decode(found["receipt"]))

    def policy(self, station: str) -> bytes | None:
        signed = self._json("GET", f"/api/stick/{quote(station, safe='')}/policy")["policy"]
        return b64decode(signed) if signed else None


class RemoteDesk(_Page):
    """The desk of a station; see tools/stick_copy.py. Raises StationError when no station answers, StoreError for what the station's store says."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
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


def _said(body: bytes) -> dict[str, Any]:
    """What a refusal explains; a program that fell over says nothing of use."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pieces(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, size: int) -> Iterator[bytes]:
    """Raises StoreError when the station could not read all of it."""
    with closing(connection):
        while size and (piece := answer.read(min(size, PIECE))):
            size -= len(piece)
            yield piece
    if size:
        raise StoreError("content_unreadable", "the station could not read all of an entry", "Tell the district, and change the card")
