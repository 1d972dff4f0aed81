"""Feeds the watchdogs, and only with real progress: each part of the station must have moved within its own limit.

The chain behind it: systemd restarts the station (WatchdogSec), the Pi's hardware watchdog restarts the Pi, the board cuts and
restores the Pi's supply. A part that hangs starves all three. Not a health page: it knows only silence.
"""

import os
import socket
from collections.abc import Callable, Mapping

from edge.clock import Clock

FEED_EVERY_S = 5.0
"""well inside WatchdogSec=20 of the unit"""


def sd_notify(text: str) -> None:
    """Tell systemd (sd_notify protocol, one datagram); nothing where there is none."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.connect("\0" + path[1:] if path.startswith("@") else path)
        link.send(text.encode("utf-8"))


class Supervisor:
    """Knows when each part last moved."""

    def __init__(
        self, clock: Clock, limits_s: Mapping[str, float], say: Callable[[str], None] = sd_notify,
        hangs: Callable[[tuple[str, ...]], None] = lambda _: None,
    ) -> None:
        """limits_s: part -> longest silence; say: systemd; hangs: told which parts are silent when that changes."""
        self._clock = clock
        self._limits_s = dict(limits_s)
        self._moved_s = dict.fromkeys(limits_s, clock.monotonic_s())
        self._say = say
        self._hangs = hangs
        self._told: tuple[str, ...] = ()

    def progress(self, part: str) -> None:
        """`part` finished a turn of its loop."""
        assert part in self._limits_s, part
        self._moved_s[part] = self._clock.monotonic_s()

    def late(self) -> tuple[str, ...]:
        """Parts that were silent for longer than they may."""
        now_s = self._clock.monotonic_s()
        return tuple(part for part, limit_s in self._limits_s.items() if now_s - self._moved_s[part] > limit_s)

    @property
    def healthy(self) -> bool:
        return not self.late()

    async def run(self) -> None:
        """READY=1, then feed while all move, until cancelled."""
        self._say("READY=1")
        while True:
            self.turn()
            await self._clock.sleep_s(FEED_EVERY_S)

    def turn(self) -> None:
        """Feed once, or say who hangs (once)."""
        late = self.late()
        if not late:
            self._say("WATCHDOG=1")
        if late != self._told:
            self._told = late
            self._hangs(late)
            self._say(f"STATUS={'waiting for ' + ', '.join(late) if late else 'working'}")
