"""`python -m simulators.halt HOST:PORT`: the bench's halt command. Once its caller has ended, the world's Pi has halted.

A real one is `systemctl poweroff`: it answers at once, services end, then the kernel halts and the Pi's alive line goes low.
"""

import asyncio
import os
import select
import sys

from simulators.control import ControlClient


def main(address: str) -> None:
    """Leaves a child behind that waits for the caller's end."""
    caller = os.pidfd_open(os.getppid())
    if os.fork():
        return
    os.setsid()
    select.select([caller], [], [])
    asyncio.run(_halted(address))


async def _halted(address: str) -> None:
    control = ControlClient(address)
    await control.ask("power", act="pi", runs=False)
    await control.close()


if __name__ == "__main__":
    main(sys.argv[1])
