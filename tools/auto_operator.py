"""An operator made of code: drives a station only through what the operator page uses, and the simulated people through the world.

It follows the page's stream of snapshots, moves the person's body, and presses the primary action: nothing it does is out of an
operator's reach. When the station is away (a power cut) it waits; when the station is back it goes on with what the screen offers.
"""

import asyncio
import http.client
import json
from collections.abc import Callable
from typing import Any

from simulators.control import ControlClient
from simulators.world import WorldClock

Snapshot = dict[str, Any]
LOOK_S = 0.25
"""a screen that stays as it is, is looked at again after this"""
SIGNING_LOOK_S = 0.02
"""while the pen writes: nothing on the screen tells when it rests"""
AWAY_S = 0.05
TIMEOUT_S = 10.0
SNAPSHOT_BYTES_MAX = 1024 * 1024
FINGERS = ("finger", "check")
READING = "reading"
"""hint: the picture is in the sensor's memory and on its way, the finger may go"""
DATA = b"data: "
PATIENCE_S = 12.0
"""how long a device may be away before the operator goes on without it"""


class StationAway(Exception):
    """Nothing answers at the station's address."""


class StationPage:
    """The operator page's HTTP interface: GET /api/state, GET /api/stream, POST /api/events."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._seen: Snapshot = {}
        self._posted = 0
        """version of the snapshot that shows the effect of the last touch"""

    async def state(self) -> Snapshot:
        """The snapshot. Raises StationAway."""
        status, body = await asyncio.to_thread(self._call, "GET", "/api/state", None)
        if status != http.client.OK:
            raise StationAway(f"/api/state answered {status}")
        return body

    async def post(self, event: str, **fields: Any) -> Snapshot:
        """One event; the answer says whether it was accepted. Raises StationAway."""
        _, body = await asyncio.to_thread(self._call, "POST", "/api/events", {"event": event, **fields})
        self._posted = body.get("version", 0)
        return body

    async def next_state(self, wait_s: float) -> Snapshot:
        """The newest snapshot, as soon as it shows what was touched and is new; after `wait_s` the one that stands. Raises StationAway."""
        try:
            async with asyncio.timeout(None if not self._seen else wait_s) as patience:
                while True:
                    self._seen = await self._received()
                    if self._seen["version"] >= self._posted:
                        patience.reschedule(0)  # only what has arrived already
        except TimeoutError:
            return self._seen
        except (OSError, ValueError) as problem:
            await self.close()
            raise StationAway(str(problem)) from problem

    async def close(self) -> None:
        """End the stream; the next snapshot opens another."""
        stream, self._stream, self._seen, self._posted = self._stream, None, {}, 0
        if stream is not None:
            stream[1].close()
            await asyncio.gather(stream[1].wait_closed(), return_exceptions=True)

    async def _received(self) -> Snapshot:
        """The next snapshot of the stream, which is opened when it is not. Raises OSError."""
        if self._stream is None:
            self._stream = await asyncio.open_connection(*self._address, limit=SNAPSHOT_BYTES_MAX)
            self._stream[1].write(f"GET /api/stream HTTP/1.1\r\nHost: {self._address[0]}:{self._address[1]}\r\n\r\n".encode())
        while line := await self._stream[0].readline():
            if line.startswith(DATA):
                snapshot: Snapshot = json.loads(line[len(DATA) :])
                return snapshot
        raise ConnectionResetError("the stream ended")

    def _call(self, method: str, path: str, body: Snapshot | None) -> tuple[int, Snapshot]:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise StationAway(str(problem)) from problem
        finally:
            connection.close()


class AutoOperator:
    """Records every person of the world, one after the other."""

    def __init__(self, page: StationPage, world: ControlClient, operator: str, pin: str, clock: WorldClock | None = None) -> None:
        self._page = page
        self._world = world
        self._login = {"operator": operator, "pin": pin}
        self._clock = clock or WorldClock()
        self._people: list[dict[str, Any]] = []
        self.current = 0
        """index of the person at the desk, or the next one"""
        self._signing = False
        self._broken_since_s: float | None = None
        self._saved = False
        """the screen has said so of the current person"""
        self.snapshot: Snapshot = {}
        self.watch: Callable[[Snapshot], None] = lambda snapshot: None
        """told of every snapshot seen"""
        self.may_call: Callable[[int], bool] = lambda person: True
        """whether the operator calls this person now"""

    async def record_all(self) -> None:
        """Return when the last person has gone home."""
        self._people = (await self._world.ask("people"))["people"]
        try:
            while not self._finished():
                try:
                    await self._look_and_act()
                except StationAway:
                    self.snapshot, self._signing = {}, False
                    await self._clock.sleep_s(AWAY_S)
        finally:
            await self._page.close()

    def _finished(self) -> bool:
        return self.current >= len(self._people)

    async def _look_and_act(self) -> None:
        self.snapshot = await self._page.next_state(SIGNING_LOOK_S if self._signing else LOOK_S)
        self.watch(self.snapshot)
        if "log_in" in self.snapshot["actions"] and self.snapshot["operator"] is None:
            await self._page.post("log_in", **self._login)
        elif self.snapshot["phase"] == "enrolling":
            self._saved = self._saved or bool(self.snapshot["saved"])
            await self._go_on()
        elif self._saved and self.snapshot["phase"] != "stopping":
            self.current, self._saved = self.current + 1, False
        elif "next_person" in self.snapshot["actions"] and self.may_call(self.current):
            await self._next_person()

    async def _next_person(self) -> None:
        """Call the person, also once more when a cut came before the journal was opened."""
        await self._world.ask("sit", person=self.current)
        await self._page.post("next_person", ticket=self._people[self.current]["ticket"])

    async def _go_on(self) -> None:
        actions, person = self.snapshot["actions"], self._people[self.current]
        if await self._body(person) or self.snapshot["activity"] is not None:
            return
        primary = self.snapshot["primary"]
        if "use_best" in actions:  # offered after several tries: hands that work hard do not get better by more of them
            await self._page.post("use_best", reason=self.snapshot["reasons"]["use_best"][0])
        elif primary in actions:
            await self._page.post(primary, **{"number": person["letter"]} if primary == "letter" else {})

    async def _body(self, person: dict[str, Any]) -> bool:
        """Move eyes, hand and pen to what the screen asks for; True when an exception was reported instead."""
        target = self.snapshot["target"] or {}
        kind, position = target.get("kind"), target.get("position")
        lacking = {"finger": person["missing_fingers"], "iris": person["missing_eyes"]}.get(str(kind), [])
        if "exception" in self.snapshot["actions"] and (reason := self._excuse(position in lacking)):
            await self._page.post("exception", kind=kind, position=position, reason=reason)
            return True
        on_sensor = kind in FINGERS and position not in lacking and self.snapshot["hint"] != READING
        await self._world.ask("finger", position=position if on_sensor else None)
        await self._world.ask("look", at=_gaze(kind), eye=position if kind == "iris" else None)
        if kind == "signature":
            await self._sign()
        return False

    def _excuse(self, lacking: bool) -> str:
        """Why this capture is left out; empty when it is not."""
        if self.snapshot["activity"] is None:
            broken = (self.snapshot["verdict"] or {}).get("reason") == "device_unavailable"
            self._broken_since_s = (self._broken_since_s or self._clock.now_s()) if broken else None
        away_s = 0.0 if self._broken_since_s is None else self._clock.now_s() - self._broken_since_s
        return "missing" if lacking else "device_unavailable" if away_s > PATIENCE_S else ""

    async def _sign(self) -> None:
        """The resident signs once the pad is live, then the operator says so; the pen's own pause would do as well."""
        capturing = self.snapshot["activity"] == "capturing"
        if capturing and not self._signing:
            await self._world.ask("sign")
        elif capturing and "done_signing" in self.snapshot["actions"] and not (await self._world.ask("desk"))["signing"]:
            await self._page.post("done_signing")
        self._signing = capturing


def _gaze(kind: str | None) -> str | None:
    return {"face": "camera", "exception_photo": "camera", "iris": "iris"}.get(str(kind))
