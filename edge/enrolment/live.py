"""Live pictures for the page, and a quick look at what they show of the target that is due.

Judging what was taken comes first: while anything is on its way no live picture is looked at. Nothing here decides.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable

from edge.clock import Clock
from edge.devices.interfaces import Frame
from edge.enrolment import events as ev
from edge.enrolment import parts
from edge.enrolment.opinion import Opinion
from edge.enrolment.procedure import AIMED_KINDS, DEVICE_OF_KIND, Target
from edge.enrolment.state import Enrolment, due, under_way
from edge.enrolment.taking import Taker
from edge.errors import DeviceError

LOOK_S = 0.4
"""between two looks at the face: 20 ms of processor here, a tenth of a second on a Pi"""
EYE_S = 1.0
"""between two pictures of an eye: the light may pulse so often without counting as a burst"""


class Live:
    """What a page sees of `camera` and `iris` before a capture."""

    def __init__(
        self, taker: Taker, clock: Clock, judge: Callable[[Target, Frame], Awaitable[Opinion]], enrolment: Callable[[], Enrolment | None],
        tell: Callable[[ev.Happening], None],
    ) -> None:
        self._taker, self._clock, self._judge, self._enrolment, self._tell = taker, clock, judge, enrolment, tell
        self._eye: bytes | None = None
        self._eye_until_s = 0.0
        self._next_look_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def picture(self, source: str) -> bytes:
        """A JPEG of what `camera` or `iris` sees. Raises DeviceError."""
        if source == "iris" and self._eye is not None and self._clock.monotonic_s() < self._eye_until_s:
            return self._eye
        target = self._aimed_at(source)
        try:
            frame = await self._taker.preview(source)
        except DeviceError:
            if target is not None:
                self._tell(ev.Aimed(target, good=False))
            raise
        if target is not None:
            self._look(target, frame)
        jpeg = await asyncio.to_thread(parts.jpeg, frame)
        if source == "iris":
            self._eye, self._eye_until_s = jpeg if target else None, self._clock.monotonic_s() + EYE_S
        return jpeg

    def forget(self) -> None:
        """The person has gone."""
        self._eye = None
        if self._looking is not None:
            self._looking.cancel()

    async def close(self) -> None:
        """Nothing is looked at any more."""
        self._next_look_s = math.inf
        self.forget()
        if self._looking is not None:
            await asyncio.gather(self._looking, return_exceptions=True)

    def _aimed_at(self, source: str) -> Target | None:
        """What the picture of that source would be taken for, if it would be now."""
        enrolment = self._enrolment()
        if enrolment is None or enrolment.capture is not None:
            return None
        target = due(enrolment)
        return target if target is not None and target.kind in AIMED_KINDS and DEVICE_OF_KIND[target.kind] == source else None

    def _look(self, target: Target, frame: Frame) -> None:
        enrolment, now_s = self._enrolment(), self._clock.monotonic_s()
        busy = enrolment is None or under_way(enrolment) or (self._looking is not None and not self._looking.done())
        if busy or now_s < self._next_look_s:
            return
        self._next_look_s = now_s + LOOK_S
        self._looking = asyncio.ensure_future(self._say(target, frame))

    async def _say(self, target: Target, frame: Frame) -> None:
        if frame.metadata.get("light_ms") == 0:
            self._tell(ev.Aimed(target, good=False))
            return
        opinion = await self._judge(target, frame)
        known = opinion.quality.get("judged", 1) > 0
        self._tell(ev.Aimed(target, good=opinion.passed and known, reason=opinion.reason if known else "", fix=opinion.fix if known else ""))
