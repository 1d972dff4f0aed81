"""The pins of a simulated Raspberry Pi header, shared by every process that runs on the bench.

JSON lines over TCP, one answer a line: {"do": "read", "pin": 6} -> {"level": 1} or {"error": text}; "write" with "level"; "input" with
"pull" (lgpio's bits). simulators/standins/lgpio.py is the only client. Outputs are visible in `levels`; `drive` moves an input.
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from simulators.faults import PLUG_FAULTS, Active
from simulators.plug import Plug
from simulators.world import World, check_faults

FAULTS: Mapping[str, str] = {
    "unplug": "the chip cannot be reached",
    "replug": "the chip is out of reach for half a second now, and again every 4 s",
    "refuse": "every line is in use by another program (lgpio's GPIO busy)",
    "button-stuck": "the power button stays pressed",
}
PULL_UP = 32
BUTTON_PIN = 5
"""power button to ground, as on Geekworm's X728 (GPIO5)"""


class GpioPins:
    """A `SimDevice`."""

    def __init__(self, world: World, link: str, faults: Collection[str]) -> None:
        check_faults(FAULTS, faults)
        host, _, port = link.rpartition(":")
        self.address = link
        self.levels: dict[int, int] = {}
        self.history: list[tuple[float, int, int]] = []
        """(seconds, pin, level) of every write"""
        self._world = world
        self._host, self._port = host or "127.0.0.1", int(port)
        self._pulls: dict[int, int] = {}
        self._driven: dict[int, int] = {}
        self.active = Active(faults)
        self.played = self.active.played
        self._plug = Plug(self._pull, self._push, world.clock, self.played)
        self._within_reach = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._client, self._host, self._port, limit=1024)
        self._port = self._server.sockets[0].getsockname()[1]
        self.address = f"{self._host}:{self._port}"
        await self._plug.begin(self.active)

    async def stop(self) -> None:
        await self._plug.end()
        if self._server is not None:
            self._server.close()
            await self._pull()
            await self._server.wait_closed()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(FAULTS, [name])
        self.active.turn(name, on)
        if name in PLUG_FAULTS:
            self._plug.act(name, on)

    def drive(self, pin: int, level: int | None) -> None:
        """Something outside pulls an input; None lets go."""
        if level is None:
            self._driven.pop(pin, None)
        else:
            self._driven[pin] = level

    def read(self, pin: int) -> int:
        """What the pin shows: driven from outside, else its output level, else its pull."""
        if pin == BUTTON_PIN and (self.active.acts("button-stuck") or self._world.power.button_held):
            return 0
        return self._driven.get(pin, self.levels.get(pin, int(self._pulls.get(pin) == PULL_UP)))

    async def _push(self) -> None:
        self._within_reach = True

    async def _pull(self) -> None:
        self._within_reach = False
        for writer in list(self._writers):
            writer.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while self._within_reach and (line := await reader.readline()):
                writer.write(json.dumps(self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, KeyError):
            pass  # a client that talks nonsense is hung up on
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, request: Mapping[str, int | str]) -> Mapping[str, int | str]:
        if request["do"] != "read" and self.active.acts("refuse"):
            return {"error": "GPIO busy"}
        return {"level": self._act(request)}

    def _act(self, request: Mapping[str, int | str]) -> int:
        pin = int(request["pin"])
        if request["do"] == "write":
            self.levels[pin] = int(request["level"])
            self.history.append((self._world.clock.now_s(), pin, self.levels[pin]))
        elif request["do"] == "input":
            self.levels.pop(pin, None)
            self._pulls[pin] = int(request["pull"])
        return self.read(pin)


def build(world: World, link: Path | str, faults: Collection[str] = ()) -> GpioPins:
    """link: host:port to listen on."""
    return GpioPins(world, str(link), faults)
