"""Brightness of screen and lamp, each by a command of the machine, such as brightnessctl or a PWM tool: they differ, and what has no dimmer needs none."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

log = logging.getLogger(__name__)

DEADLINE_S = 3.0
PERCENT = "{percent}"


class Dimmer:
    """Told what power permits; what does not dim stops nobody."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        """name: screen or lamp; command: {percent} in it becomes the brightness; empty: there is no dimmer."""
        self._name, self._command = name, tuple(command)
        self._percent = 100

    async def set(self, percent: int) -> None:
        """Once for each change, tried once."""
        if not self._command or percent == self._percent:
            return
        self._percent = percent
        words = [word.replace(PERCENT, str(percent)) for word in self._command]
        try:
            code = await _run(words)
        except (OSError, TimeoutError) as error:
            log.warning("the %s cannot be dimmed: %s", self._name, str(error) or "too slow")
        else:
            if code != 0:
                log.warning("the %s cannot be dimmed: %s ended with %d", self._name, words[0], code)


async def _run(words: Sequence[str]) -> int:
    program = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await program.wait()
    finally:
        with suppress(ProcessLookupError):
            program.kill()
            await program.wait()
