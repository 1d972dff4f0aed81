"""Signature tablets: Wacom ISDv4 on a serial port, and whatever Linux offers as a pen (evdev). Which one: `[devices.tablet] kind`.

Both keep every report with the station's time and hand the series over unchanged (`pad.py`). Not here: drawing, exports
(protocols/signature.py), judging.
"""

from edge.clock import Clock
from edge.devices.tablet_evdev import EvdevTablet
from edge.devices.tablet_isdv4 import SerialTablet
from station_config.schema import Tablet


def make_tablet(name: str, config: Tablet, clock: Clock) -> SerialTablet | EvdevTablet:
    """The driver that the configuration asks for."""
    return SerialTablet(name, config, clock) if config.kind == "isdv4" else EvdevTablet(name, config, clock)
