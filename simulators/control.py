"""The control channel: a tester, the demo's operator or a test moves the world while the wires talk.

JSON lines over loopback TCP: `{"do": "sit", "person": 2}` answers `{"ok": true, ...}` or `{"ok": false, "error": sentence}`.
A line is at most 64 KiB. Not a device: nothing of the station ever speaks to it.
"""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from simulators.world import SimDevice, World

LINE_LIMIT_BYTES = 65_536
Answer = dict[str, Any]


class Control:
    """Serves the channel for one world and its devices."""

    def __init__(self, world: World, devices: Mapping[str, SimDevice]) -> None:
        self._world = world
        self._devices = devices
        self._server: asyncio.Server | None = None
        self._acts: Mapping[str, Callable[[Answer], Answer]] = {
            "people": self._people,
            "sit": self._sit,
            "finger": self._finger,
            "look": self._look,
            "sign": self._sign,
            "desk": self._desk,
            "fault": self._fault,
            "power": self._power,
            "served": self._served,
        }

    async def start(self) -> str:
        """Listen on a free loopback port; returns host:port."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=LINE_LIMIT_BYTES)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def act(self, request: Answer) -> Answer:
        """Carry out one request. Never raises for bad input: the answer says what was wrong."""
        act = self._acts.get(str(request.get("do")))
        if act is None:
            return {"ok": False, "error": f"unknown request; known: {', '.join(self._acts)}"}
        try:
            return {"ok": True, **act(request)}
        except (KeyError, ValueError, IndexError, TypeError, AttributeError) as problem:
            return {"ok": False, "error": f"{request.get('do')}: {type(problem).__name__} {problem}"}

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self.act(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError, asyncio.CancelledError) as problem:
            writer.write(json.dumps({"ok": False, "error": f"not a JSON line: {problem}"}).encode() + b"\n")
        finally:
            writer.close()

    def _people(self, _: Answer) -> Answer:
        def plain(person: Any) -> Answer:
            return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in dataclasses.asdict(person).items()}

        return {"people": [plain(person) for person in self._world.people]}

    def _sit(self, request: Answer) -> Answer:
        return {"name": self._world.sit(int(request["person"])).name}

    def _finger(self, request: Answer) -> Answer:
        position, person = request.get("position"), self._world.desk.person
        if position is not None and person is not None and position in person.missing_fingers:
            raise ValueError(f"this person has no finger {position}")
        self._world.desk.finger_on_sensor = None if position is None else int(position)
        return {}

    def _look(self, request: Answer) -> Answer:
        self._world.desk.looking_at = request.get("at")
        self._world.desk.eye = request.get("eye")
        return {}

    def _sign(self, _: Answer) -> Answer:
        self._world.desk.signing = True
        return {}

    def _desk(self, _: Answer) -> Answer:
        desk = self._world.desk
        return {"finger": desk.finger_on_sensor, "at": desk.looking_at, "signing": desk.signing}

    def _fault(self, request: Answer) -> Answer:
        self._devices[request["device"]].set_fault(str(request["name"]), bool(request.get("on", True)))
        return {}

    def _power(self, request: Answer) -> Answer:
        arguments = {key: value for key, value in request.items() if key not in {"do", "act"}}
        result = getattr(self._world.power, str(request["act"]))(**arguments)
        return {"result": result} if isinstance(result, str | int | float | bool) else {}

    def _served(self, request: Answer) -> Answer:
        return {"served": self._world.served.of(int(request["person"])), "sensor_s": self._world.served.sensor_s}


class ControlClient:
    """The other end, for the demo and for tests."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def ask(self, do: str, **arguments: Any) -> Answer:
        """One request; raises RuntimeError with the answer's sentence when the world refuses."""
        async with self._turn:
            try:
                answer = await self._exchange({"do": do, **arguments})
            except BaseException:
                await self.close()  # an answer that nobody waited for must not meet the next question
                raise
        if not answer["ok"]:
            raise RuntimeError(answer["error"])
        return answer

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            await streams[1].wait_closed()

    async def _exchange(self, request: Answer) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=LINE_LIMIT_BYTES * 16)
        reader, writer = self._streams
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        answer: Answer = json.loads(await reader.readline())
        return answer
