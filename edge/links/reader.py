"""A task that reads for a driver, beside its commands. However it dies, the driver is told with a typed error: silence would look like a quiet device."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from edge.errors import DeviceError, driver_failed


def start_reader(device: str, reading: Coroutine[Any, Any, None], broken: Callable[[DeviceError], None]) -> asyncio.Task[None]:
    """Until cancelled. broken: called once with what ended it."""

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        broken(error if isinstance(error, DeviceError) else driver_failed(device, error))

    task = asyncio.create_task(reading, name=f"read {device}")
    task.add_done_callback(ended)
    return task


async def stop_reader(task: asyncio.Task[None] | None) -> None:
    """Returns when it has ended and was told of; never raises."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
