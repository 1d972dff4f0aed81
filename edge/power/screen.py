"""Screen brightness by a command of the machine, such as brightnessctl or ddcutil: panels differ, and one without a dimmer needs none."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

log = logging.getLogger(__name__)

DEADLINE_S = 3.0
PERCENT = "{percent}"


class Screen:
    """Told what power permits; a screen that does not dim stops nobody."""

    def __init__(self, command: Sequence[str]) -> None:
        """command: {percent} in it becomes the brightness; empty: the screen has no dimmer."""
        self._command = tuple(command)
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
            log.warning("the screen cannot be dimmed: %s", str(error) or "too slow")
        else:
            if code != 0:
                log.warning("the screen cannot be dimmed: %s ended with %d", words[0], code)


async def _run(words: Sequence[str]) -> int:
    program = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await program.wait()
    finally:
        with suppress(ProcessLookupError):
            program.kill()
            await program.wait()
