"""Take one thing with one device: picture, finger, eye or signature. Not responsible for judging or for what comes next."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from edge.clock import Clock
from edge.devices.interfaces import Camera, FingerprintSensor, Frame, IrisModule, PenSample, Printer, SignatureSeries, SignatureTablet
from edge.devices.presence import Presence
from edge.enrolment.procedure import DEVICE_OF_KIND, Target
from edge.errors import DeviceAbsent, DeviceError, DeviceTimeout

Subject = Frame | SignatureSeries
T = TypeVar("T")

PICTURE_S = 8.0
FINGER_S = 75.0
"""15 s for the finger to come and 38 s for the image at the slowest rate, 9,600 baud"""
LIFT_S = 10.0
"""a sensor that still sees a finger after this is dirty: take what comes and let the judgement say so"""
LIFT_POLL_S = 0.1
FIRST_LIFT_POLL_S = 0.005
EAGER = 4
"""pauses grow from the first by this part of the wait so far: a lifted finger is seen at once"""
REACTION_S = 0.012
"""nobody lays down the next finger sooner after the screen has changed; a look begun before would only be in the way of the next"""
PREVIEW_S = 2.0
READY_S = 3.0
"""what a touch on `capture` gives a device that was just plugged in again"""
SIGNING_S = 120.0
PEN_IDLE_S = 2.0
PEN_POLL_S = 0.03

PERSON_CODES = frozenset({"finger_missing", "finger_unclear", "nothing_signed", "light_limit", "light_missed"})
"""failures that tell about the person or the moment, not about the device"""


@dataclass(frozen=True, slots=True)
class Devices:
    """What the procedure drives, and what the page only shows; None is not fitted."""

    camera: Presence[Camera] | None = None
    fingerprint: Presence[FingerprintSensor] | None = None
    tablet: Presence[SignatureTablet] | None = None
    iris: Presence[IrisModule] | None = None
    printer: Presence[Printer] | None = None
    others: tuple[Presence[Any], ...] = ()

    def by_name(self) -> dict[str, Presence[Any]]:
        """All that are fitted."""
        own = (self.camera, self.fingerprint, self.tablet, self.iris, self.printer)
        return {presence.name: presence for presence in (*own, *self.others) if presence is not None}


@dataclass(slots=True)
class Pen:
    """What was drawn in the running signature, for the page."""

    samples: list[PenSample] = field(default_factory=list)
    last_touch_s: float | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """the operator says that the signature is done"""


@dataclass(frozen=True, slots=True)
class Told:
    """What the taking reports while it goes on."""

    lifted: Callable[[], None]
    reading: Callable[[], None]
    """the person has begun to give it; may be told more than once"""
    progress: Callable[[float], None]


class Taker:
    """Drives the devices of the configuration for the session."""

    def __init__(self, devices: Devices, clock: Clock) -> None:
        self.pen = Pen()
        self._devices = devices
        self._clock = clock

    async def take(self, target: Target, after_lift: bool, told: Told) -> Subject:
        """Raises DeviceError; code `nothing_signed` when the pad stayed empty."""
        match target.kind:
            case "finger" | "check":
                return await self._use(self._devices.fingerprint, target, partial(self._finger, after_lift, told), FINGER_S)
            case "iris":
                return await self._use(self._devices.iris, target, lambda iris: iris.capture(target.position), PICTURE_S)
            case "signature":
                self.pen = Pen()
                return await self._use(self._devices.tablet, target, partial(self._signature, told), SIGNING_S + PICTURE_S)
            case _:
                return await self._use(self._devices.camera, target, lambda camera: camera.still(), PICTURE_S)

    async def preview(self, source: str) -> Frame:
        """A small recent frame of `camera` or `iris`. Raises DeviceError."""
        presence = self._devices.iris if source == "iris" else self._devices.camera
        if presence is None:
            raise DeviceAbsent("device_absent", source, "not fitted", "Go on without it.")
        return await presence.use(lambda device: device.preview(), PREVIEW_S)

    async def _use(self, presence: Presence[Any] | None, target: Target, action: Callable[[Any], Coroutine[Any, Any, T]], deadline_s: float) -> T:
        if presence is None:
            raise DeviceAbsent("device_absent", DEVICE_OF_KIND[target.kind], "not fitted", "Go on without it.")
        if presence.state not in ("ready", "busy"):
            presence.nudge()
            await presence.when_ready(READY_S)
        return await presence.use(action, deadline_s)

    async def _finger(self, after_lift: bool, told: Told, sensor: FingerprintSensor) -> Frame:
        began_s = self._clock.monotonic_s()
        while after_lift and (waited_s := self._clock.monotonic_s() - began_s) < LIFT_S and await sensor.finger_present():
            await self._clock.sleep_s(min(LIFT_POLL_S, FIRST_LIFT_POLL_S + waited_s / EAGER))
        told.lifted()
        if after_lift:
            await self._clock.sleep_s(REACTION_S)
        return await sensor.capture(told.progress)

    async def _signature(self, told: Told, tablet: SignatureTablet) -> SignatureSeries:
        await tablet.begin()
        end_s = self._clock.monotonic_s() + SIGNING_S
        reading = asyncio.create_task(self._follow(tablet, self.pen, told))
        try:
            while not reading.done() and not self._signed() and self._clock.monotonic_s() < end_s:
                await self._clock.sleep_s(PEN_POLL_S)
            series = await tablet.finish()
            await reading
        finally:
            reading.cancel()
        if not series.samples:
            raise DeviceTimeout("nothing_signed", tablet.name, "the pad stayed empty", "Ask for the signature on the pad.")
        return series

    async def _follow(self, tablet: SignatureTablet, pen: Pen, told: Told) -> None:
        async for sample in tablet.strokes():
            pen.samples.append(sample)
            if sample.tip:
                told.reading()
                pen.last_touch_s = self._clock.monotonic_s()

    def _signed(self) -> bool:
        """Said to be done, or the pen was lifted a while ago: one that rests on the pad is waited for."""
        last_s = self.pen.last_touch_s
        lifted = last_s is not None and not self.pen.samples[-1].tip and self._clock.monotonic_s() - last_s >= PEN_IDLE_S
        return self.pen.ended.is_set() or lifted


def person_at_fault(error: DeviceError) -> bool:
    """A failure that another try by the person may mend."""
    return error.code in PERSON_CODES
