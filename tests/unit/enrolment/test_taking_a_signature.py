"""When a signature is over: the pen was lifted a while ago, or somebody says so. A pen that rests on the pad is waited for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge.devices.interfaces import PenSample, SignatureSeries
from edge.enrolment import taking
from edge.enrolment.procedure import Target
from edge.enrolment.taking import Devices, Taker, Told
from tests.unit.enrolment.fakes import FakePresence, FastClock
from tests.waiting import pause, until

TOLD = Told(lambda: None, lambda: None, lambda share: None)
SIGNATURE = Target("signature", 0)


class Pad:
    """Gives what the test puts in."""

    name = "tablet"

    def __init__(self) -> None:
        self.samples: asyncio.Queue[PenSample] = asyncio.Queue()
        self.finished = False

    async def begin(self) -> None: ...

    async def strokes(self) -> AsyncIterator[PenSample]:
        while not self.finished:
            yield await self.samples.get()

    async def finish(self) -> SignatureSeries:
        self.finished = True
        self.samples.put_nowait(sample(9, False))
        return SignatureSeries((sample(1, True),), 10_000, 3_750, 1023, 100.0)


def sample(x: int, tip: bool) -> PenSample:
    return PenSample(x * 5000, x, 900, 300 * tip, tip)


@pytest.mark.parametrize("said", [False, True])
def test_a_pen_that_rests_on_the_pad_is_waited_for(said: bool) -> None:
    async def run() -> None:
        pad, clock = Pad(), FastClock(100)
        taker = Taker(Devices(tablet=FakePresence("tablet", pad)), clock)  # type: ignore[arg-type]
        task = asyncio.create_task(taker.take(SIGNATURE, False, TOLD))
        pad.samples.put_nowait(sample(1, True))
        await until(lambda: taker.pen.samples, "the pen")
        await pause(4 * taking.PEN_IDLE_S / 100)
        assert not task.done(), "it still touches"
        if said:
            taker.pen.ended.set()
        else:
            pad.samples.put_nowait(sample(2, False))
        assert (await task).samples

    asyncio.run(run())
