"""Child processes of a command: started with a log of their own, ended by name of their process id, never by pattern."""

import asyncio
import ctypes
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 10.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def free_port() -> int:
    """A loopback TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """In the child: SIGTERM when the command that started it is gone, however it went (prctl(2), PR_SET_PDEATHSIG)."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One program in its own process group."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True,
                preexec_fn=die_with_parent,
            )

    async def kill(self) -> None:
        """SIGKILL: as sudden as a program can end."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            await self._wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not listen."""
        if not self.running:
            return
        os.killpg(self.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(self._wait(), GRACE_S)
        except TimeoutError:
            await self.kill()

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        await self._wait()
        assert self._process is not None
        return self._process.returncode or 0

    def tail(self, lines: int = 6) -> str:
        """The last lines of its log, for a message."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    async def _wait(self) -> None:
        assert self._process is not None
        await self._process.wait()
