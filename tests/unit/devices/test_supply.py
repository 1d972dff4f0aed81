"""A device that does not recover gets its supply switched off and on."""

import asyncio

from edge.clock import SystemClock
from edge.devices import supply
from edge.devices.interfaces import Identity
from edge.devices.presence import Presence
from edge.devices.retries import Limits
from edge.errors import DeviceTimeout
from edge.fitting import fit
from station_config.schema import Camera, Devices, Fingerprint, Gpio, Iris, Printer, Tablet
from tests.waiting import until


class QuickClock(SystemClock):
    """A supply is off for no time at all; everything else takes its time."""

    async def sleep_s(self, seconds: float) -> None:
        await super().sleep_s(0 if seconds == supply.OFF_S else seconds)


class Pins:
    name = "gpio"

    def __init__(self) -> None:
        self.written: list[tuple[str, bool]] = []

    async def open(self) -> Identity:
        return Identity("Pi", "header")

    async def health(self) -> None: ...

    async def close(self) -> None: ...

    def wire(self) -> str:
        return ""

    def write(self, line: str, on: bool) -> None:
        self.written.append((line, on))

    def read(self, line: str) -> bool:
        return False


class Stuck:
    """Answers only after its supply was off."""

    name = "fingerprint"

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    async def open(self) -> Identity:
        await self.health()
        return Identity("ZFM", "R307")

    async def health(self) -> None:
        if ("supply_fingerprint", False) not in self._pins.written:
            raise DeviceTimeout("device_silent", self.name, "no answer", "Check it.")

    async def close(self) -> None: ...

    def wire(self) -> str:
        return ""


def test_a_stuck_device_is_ready_after_its_supply_was_cycled() -> None:
    async def run() -> None:
        pins, clock = Pins(), QuickClock()
        gpio = Presence("gpio", lambda: pins, clock, lambda change: None)
        cycle = supply.supply_cycle(gpio, "supply_fingerprint", clock)
        limits = Limits(first_retry_s=0.01, longest_retry_s=0.02)
        sensor = Presence("fingerprint", lambda: Stuck(pins), clock, lambda change: None, power_cycle=cycle, limits=limits)
        tasks = [asyncio.create_task(presence.run()) for presence in (gpio, sensor)]
        await until(lambda: sensor.state == "ready", "the sensor to come back")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pins.written == [("supply_fingerprint", False), ("supply_fingerprint", True)]

    asyncio.run(run())


def test_each_device_that_a_line_feeds_is_switched_by_it_and_supplies_are_on_at_rest() -> None:
    """`supply_<device>` in [devices.gpio] is all that an installer writes."""
    lines = {f"supply_{name}": 10 + number for number, name in enumerate(("camera", "iris", "fingerprint", "tablet", "printer"))}
    section = Devices(
        gpio=Gpio(outputs=lines | {"lamp_red": 27}), camera=Camera(), iris=Iris(),
        fingerprint=Fingerprint(port="a"), tablet=Tablet(port="b"), printer=Printer(port="c"),
    )
    found = fit(section, clock := QuickClock(), lambda change: None)
    for name in ("camera", "iris", "fingerprint", "tablet", "printer"):
        assert getattr(found, name)._power_cycle is not None, name
    assert fit(Devices(gpio=Gpio(outputs={"lamp_red": 27}), camera=Camera()), clock, lambda change: None).camera._power_cycle is None  # type: ignore[union-attr]
    assert found.gpio is not None
    assert found.gpio._make()._on_at_rest == set(lines)  # type: ignore[attr-defined]
