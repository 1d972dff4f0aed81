"""The Pi's own complaints: under-voltage and temperature, from sysfs. On another machine both are unknown."""

from pathlib import Path

from edge.power.picture import HostView

THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""hexadecimal flags of the firmware; bit 0: under-voltage now (vcgencmd get_throttled)"""
TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
"""thousandths of a degree"""


def read_host(throttled: Path = THROTTLED, temperature: Path = TEMPERATURE) -> HostView:
    """What the kernel tells now."""
    flags, millidegrees = _number(throttled, 16), _number(temperature, 10)
    return HostView(
        under_voltage=None if flags is None else bool(flags & 1),
        temperature_c=None if millidegrees is None else millidegrees / 1000,
    )


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), base)
    except (OSError, ValueError):
        return None
