"""What the station asks of each device. Drivers stand beside this file and never import each other.

Every call ends: it returns, or raises a `DeviceError` within its deadline. Nothing here blocks the event loop; a driver whose
library blocks runs it in a thread of its own. Nothing here judges quality or knows the procedure.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Progress = Callable[[float], None]
"""Called with 0.0 .. 1.0 while a long transfer runs; must return at once."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the device says it is, for the equipment register."""

    maker: str
    model: str
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture as the device delivered it."""

    pixels: Pixels
    """(rows, columns) grey or (rows, columns, 3) red-green-blue, uint8"""
    ppi: float | None = None
    """pixels an inch on the subject, where the sensor fixes it (fingerprint: 508)"""
    metadata: Mapping[str, float | str] = field(default_factory=dict)
    """exposure_us, gain, focus ..., as the driver read them"""


@dataclass(frozen=True, slots=True)
class PenSample:
    """One report of the signature tablet."""

    t_us: int
    """microseconds since the capture began (station's clock)"""
    x: int
    y: int
    """tablet units, origin top left, see `SignatureSeries`"""
    pressure: int
    tip: bool
    """pen touches"""
    tilt_x: int = 0
    tilt_y: int = 0


@dataclass(frozen=True, slots=True)
class SignatureSeries:
    """The whole time series, from first to last touch of the pen: the master, kept lossless."""

    samples: tuple[PenSample, ...]
    x_max: int
    y_max: int
    pressure_max: int
    units_mm: float
    """tablet units per millimetre"""


@dataclass(frozen=True, slots=True)
class UpsReading:
    """One poll of the UPS (NUT variable names); None is unknown, never zero."""

    status: frozenset[str]
    """ups.status words: OL, OB, LB, CHRG, DISCHRG, RB, FSD ..."""
    charge_percent: float | None
    runtime_s: float | None
    load_percent: float | None
    input_v: float | None
    input_hz: float | None
    battery_v: float | None
    power_nominal_w: float | None = None
    stale: bool = False
    """upsd answered DATA-STALE: the driver below it is silent"""


@dataclass(frozen=True, slots=True)
class GensetReading:
    """One poll of the genset's controller; None is unknown, broken transducer or not fitted."""

    mode: str | None
    rpm: float | None
    frequency_hz: float | None
    l1_v: float | None
    fuel_percent: float | None
    oil_kpa: float | None
    coolant_c: float | None
    battery_v: float | None
    run_hours: float | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """The board's last report."""

    mains_ok: bool
    ups_ok: bool
    genset_running: bool
    genset_state: str
    light_on: bool
    tamper: bool
    supply_mv: int | None
    temperature_c: float | None
    uptime_ms: int
    faults: tuple[str, ...] = ()
    watchdog_state: str = "unarmed"
    power_cycles: int = 0
    """of the Pi by the board, within the last hour"""
    genset_failures: int = 0
    """starts that failed in a row"""
    garbage: int = 0
    """frames that the board could not read"""
    configured: bool = True


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """ESC/POS real-time status."""

    online: bool
    paper_low: bool
    paper_out: bool
    cover_open: bool


class Device(Protocol):
    """What all have in common."""

    name: str

    async def open(self) -> Identity:
        """Find the device, make it ready, say who it is. Raises DeviceAbsent, DeviceTimeout, DeviceProtocolError."""

    async def health(self) -> None:
        """Return if a cheap exchange works; raise a DeviceError otherwise."""

    async def close(self) -> None:
        """Let go of the port; never raises."""

    def wire(self) -> str:
        """The last bytes on its wire for the report of a fault, without what a body gave; empty where it has none."""


class Camera(Device, Protocol):
    """Face camera."""

    async def preview(self) -> Frame:
        """A small recent frame (640x480) for the operator page."""

    async def still(self) -> Frame:
        """A full-resolution frame whose exposure began after this call."""


class FingerprintSensor(Device, Protocol):
    """ZFM / R30x / R50x."""

    async def finger_present(self) -> bool:
        """One poll (GenImg); the image stays in the sensor's buffer."""

    async def capture(self, progress: Progress) -> Frame:
        """Wait (bounded) for a finger, fetch its image: grey, true ppi. DeviceTimeout code `finger_missing` when none came."""


class SignatureTablet(Device, Protocol):
    """Linux evdev or ISDv4 serial."""

    def strokes(self) -> AsyncIterator[PenSample]:
        """Samples as they come, for the live drawing, from `begin` on."""

    async def begin(self) -> None:
        """Forget what was drawn and start a new series."""

    async def finish(self) -> SignatureSeries:
        """The series since `begin`, trimmed to first .. last touch; empty when nothing was drawn."""


class IrisModule(Device, Protocol):
    """Second camera with the board's illuminator."""

    async def preview(self) -> Frame:
        """A small frame for aiming, lit by one pulse: ask once a second at most. Metadata `light_ms` 0: no light was given."""

    async def capture(self, eye: int) -> Frame:
        """eye: 1 right, 2 left (ISO/IEC 19794-6). A grey frame exposed while the illuminator was on."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One pulse of the illuminator, on the station's monotonic clock."""

    begin_s: float
    end_s: float


class Illuminator(Protocol):
    """The near-infrared light, a lease on the board (never a switch)."""

    async def light(self, duration_ms: int, at_s: float | None = None) -> int:
        """Ask for light; returns the lease granted, ms. The board ends it by itself and may refuse (DeviceRefused `light_limit`).

        `at_s` places the first pulse on the station's monotonic clock.
        """

    def pulses(self) -> tuple[Pulse, ...]:
        """When it shines under that lease."""

    async def dark(self) -> None:
        """End the lease now."""


class Board(Device, Illuminator, Protocol):
    """The MicroPython board."""

    async def status(self) -> BoardStatus:
        """The board's present report."""

    async def heartbeat(self) -> None:
        """Tell the board's watchdog that the station makes progress."""

    async def genset(self, run: bool, test: bool = False) -> None:
        """Ask for the genset by the two-wire start contact (leased, renewed by the heartbeat), or let it go; `test` also with mains present."""

    async def stopping(self, seconds: int, back: bool = False, charge_s: int = 0) -> None:
        """Announce an orderly stop: the watchdog holds, then power is cut; `back`: and returns as soon as it is steady."""

    async def updating(self, seconds: int) -> None:
        """Announce a silence that is meant: the watchdog holds."""

    async def clear(self) -> tuple[str, ...]:
        """Forget latched faults (lock-out too) whose cause is gone; returns those that stay."""


class Ups(Device, Protocol):
    """One UPS behind upsd."""

    async def reading(self) -> UpsReading:
        """Poll upsd."""


class Genset(Device, Protocol):
    """Genset controller behind Modbus."""

    async def reading(self) -> GensetReading:
        """Poll the controller."""

    async def start(self) -> None:
        """Telemetry start (GenComm control key 35732)."""

    async def stop(self) -> None:
        """Cancel telemetry start (35733)."""

    async def transfer(self, to_genset: bool) -> None:
        """Put the load on the genset (35708) or back on the mains (35709)."""

    async def reset(self) -> None:
        """Reset the controller's alarms (35707) after a failed start; it may refuse while their cause lasts."""


class Gpio(Device, Protocol):
    """Stack light, buzzer, backdrop lamp, supply lines, power button."""

    def write(self, line: str, on: bool) -> None:
        """Set one named output."""

    def read(self, line: str) -> bool:
        """Read one named input."""


class Printer(Device, Protocol):
    """ESC/POS slip printer."""

    async def status(self) -> PrinterStatus:
        """DLE EOT status."""

    async def print(self, document: bytes) -> PrinterStatus:
        """Send ready ESC/POS bytes; what the printer said of itself last. DeviceRefused `paper_out`, `cover_open`, `printer_offline`."""


Settings = Mapping[str, Any]
