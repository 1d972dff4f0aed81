"""Linux input events of a pen, read from any descriptor: /dev/input/event*, or a pipe.

Source: Documentation/input/event-codes.rst, include/uapi/linux/input.h. One event on a 64-bit machine, native order:

    byte 0..7   seconds      8..15  microseconds      16..17 type      18..19 code      20..23 value, signed
"""

import errno
import fcntl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

EVENT = struct.Struct("@qqHHi")
ABSINFO = struct.Struct("@6i")
"""struct input_absinfo: value, minimum, maximum, fuzz, flat, resolution (units a millimetre)"""

EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
SYN_REPORT, SYN_DROPPED = 0, 3
BTN_TOOL_PEN, BTN_TOUCH = 0x140, 0x14A
ABS_X, ABS_Y, ABS_PRESSURE, ABS_TILT_X, ABS_TILT_Y = 0x00, 0x01, 0x18, 0x1A, 0x1B
EVIOCGRAB = 0x40044590
EVIOCGABS = 0x80184540
"""plus the axis' code"""
EVIOCGNAME_256 = 0x81004506
EVIOCGBIT_KEYS = 0x80604521
"""96 bytes, a bit for each key or button"""
EVIOCGKEY_ALL = 0x80604518
"""96 bytes, a bit for each key or button that is down"""
EVIOCGPROP_8 = 0x80084509
"""8 bytes, a bit for each property"""
INPUT_PROP_DIRECT = 0x01
"""what is touched is what is seen"""
EVIOCSCLOCKID = 0x400445A0
CLOCK_MONOTONIC = 1
ASSUMED_WIDTH_MM = 100.0
"""of a tablet that does not tell its resolution"""


@dataclass(frozen=True, slots=True)
class Axis:
    """Range and resolution of one axis."""

    minimum: int
    maximum: int
    units_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Axes:
    """What a pen's coordinates mean."""

    x: Axis
    y: Axis
    pressure: Axis


@dataclass(frozen=True, slots=True)
class Report:
    """All axes at one SYN_REPORT, counted from the axis' minimum."""

    t_us: int
    """time of the event, some epoch of the kernel's"""
    x: int
    y: int
    pressure: int
    tip: bool
    tilt_x: int
    tilt_y: int


class Decoder:
    """Gathers events into reports. After SYN_DROPPED everything up to the next report is unknown and dropped."""

    def __init__(self, axes: Axes, touch: bool = True, values: Mapping[int, int] | None = None, tip: bool = False) -> None:
        """touch: the pen tells when it touches; else where it presses. values, tip: where the axes stand, whether it touches."""
        self.dropped = 0
        """how often the kernel's queue ran over"""
        self._axes = axes
        self._touch = touch
        self._held = b""
        self._values: dict[int, int] = dict(values or {})
        self._tip = tip
        self._skipping = False

    def feed(self, data: bytes) -> list[Report]:
        """Reports that these bytes complete; an event may come in pieces."""
        self._held += data
        whole = len(self._held) - len(self._held) % EVENT.size
        events, self._held = self._held[:whole], self._held[whole:]
        return [report for event in EVENT.iter_unpack(events) if (report := self._take(*event))]

    def _take(self, seconds: int, micros: int, kind: int, code: int, value: int) -> Report | None:
        if kind == EV_SYN:
            return self._synchronise(seconds * 1_000_000 + micros, code)
        if kind == EV_ABS:
            self._values[code] = value
        elif kind == EV_KEY and code == BTN_TOUCH:
            self._tip = bool(value)
        elif kind == EV_KEY and code == BTN_TOOL_PEN and not value:
            self._tip, self._values[ABS_PRESSURE] = False, self._axes.pressure.minimum  # out of reach: it touches nothing
        return None

    def _synchronise(self, t_us: int, code: int) -> Report | None:
        if code == SYN_DROPPED:
            self.dropped += 1
            self._skipping = True
        elif code == SYN_REPORT and self._skipping:
            self._skipping = False
        elif code == SYN_REPORT:
            return self._report(t_us)
        return None

    def _report(self, t_us: int) -> Report:
        axes, value = self._axes, self._values.get
        pressure = value(ABS_PRESSURE, axes.pressure.minimum) - axes.pressure.minimum
        return Report(
            t_us,
            value(ABS_X, axes.x.minimum) - axes.x.minimum,
            value(ABS_Y, axes.y.minimum) - axes.y.minimum,
            pressure,
            self._tip if self._touch else pressure > 0,
            value(ABS_TILT_X, 0),
            value(ABS_TILT_Y, 0),
        )


def read_axes(descriptor: int) -> Axes:
    """Ask the kernel; pressure is 0..0 where the tablet has none. Raises OSError ENOTTY when the descriptor is no input device, EINVAL when it is no pen."""
    x, y, pressure = (_axis(descriptor, code) for code in (ABS_X, ABS_Y, ABS_PRESSURE))
    if x.maximum <= x.minimum or y.maximum <= y.minimum:
        raise OSError(errno.EINVAL, "has no coordinates: it is no pen")
    units_mm = x.units_mm or (x.maximum - x.minimum) / ASSUMED_WIDTH_MM
    return Axes(replace(x, units_mm=units_mm), y, pressure)


def _axis(descriptor: int, code: int) -> Axis:
    _, minimum, maximum, _, _, resolution = _absinfo(descriptor, code)
    return Axis(minimum, maximum, float(resolution))


def present_values(descriptor: int) -> dict[int, int]:
    """Where each axis stands now. Raises OSError."""
    return {code: _absinfo(descriptor, code)[0] for code in (ABS_X, ABS_Y, ABS_PRESSURE, ABS_TILT_X, ABS_TILT_Y)}


def _absinfo(descriptor: int, code: int) -> tuple[int, ...]:
    return ABSINFO.unpack(fcntl.ioctl(descriptor, EVIOCGABS + code, bytes(ABSINFO.size)))


def tells_touch(descriptor: int) -> bool:
    """Whether it has BTN_TOUCH; a pen without it touches where it presses. Raises OSError."""
    return _has_bit(fcntl.ioctl(descriptor, EVIOCGBIT_KEYS, bytes(96)), BTN_TOUCH)


def touches_now(descriptor: int) -> bool:
    """Whether BTN_TOUCH is down. Raises OSError."""
    return _has_bit(fcntl.ioctl(descriptor, EVIOCGKEY_ALL, bytes(96)), BTN_TOUCH)


def is_touch_screen(descriptor: int) -> bool:
    """A screen for fingers. Raises OSError."""
    has_pen = _has_bit(fcntl.ioctl(descriptor, EVIOCGBIT_KEYS, bytes(96)), BTN_TOOL_PEN)
    return not has_pen and _has_bit(fcntl.ioctl(descriptor, EVIOCGPROP_8, bytes(8)), INPUT_PROP_DIRECT)


def _has_bit(bits: bytes, number: int) -> bool:
    return bool(bits[number // 8] >> number % 8 & 1)


def read_name(descriptor: int) -> str:
    """The device's name. Raises OSError."""
    return fcntl.ioctl(descriptor, EVIOCGNAME_256, bytes(256)).split(b"\0", 1)[0].decode("utf-8", "replace")


def grab(descriptor: int) -> None:
    """Keep the pen from moving the pointer on the operator's screen. Raises OSError."""
    fcntl.ioctl(descriptor, EVIOCGRAB, 1)


def use_monotonic_time(descriptor: int) -> None:
    """Else the events' times jump when the date is set. Raises OSError."""
    fcntl.ioctl(descriptor, EVIOCSCLOCKID, struct.pack("@i", CLOCK_MONOTONIC))
