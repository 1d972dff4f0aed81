"""Expected failures of the station, typed. A programming error is never one of these: it crashes and systemd restarts.

Each carries a `code` (also the message id of the text that people read, station_config/id.toml), what failed, and the next step
in plain words for logs and commands. `values` fill the text's placeholders, with units in their names.
"""

import logging

log = logging.getLogger(__name__)


class StationError(Exception):
    """Base of everything the station expects to go wrong."""

    def __init__(self, code: str, what: str, next_step: str, **values: object) -> None:
        super().__init__(f"{what}. {next_step}")
        self.code = code
        self.what = what
        self.next_step = next_step
        self.values = values


class DeviceError(StationError):
    """A device did not do what was asked; `device` is its name in the configuration."""

    def __init__(self, code: str, device: str, what: str, next_step: str, **values: object) -> None:
        super().__init__(code, f"{device}: {what}", next_step, device=device, **values)
        self.device = device


class DeviceAbsent(DeviceError):
    """The port is not there, or nothing answers on it."""


class DeviceTimeout(DeviceError):
    """An exchange did not end within its deadline."""


class DeviceProtocolError(DeviceError):
    """Bytes arrived that the device's manual does not allow, or a checksum was wrong."""


class DeviceRefused(DeviceError):
    """The device answered in good form that it will not."""


def driver_failed(device: str, error: BaseException) -> DeviceProtocolError:
    """A driver, or a library below it, raised what no driver should: this device's trouble, not the station's end. Logged with its trace."""
    log.error("%s: the driver failed in a way it does not know", device, exc_info=error)
    kind, next_step = type(error).__name__, "It is restarted by itself; tell the technician if it goes on."
    return DeviceProtocolError("driver_failed", device, f"the driver failed ({kind}: {error})", next_step, kind=kind)


class StoreError(StationError):
    """The durable store cannot keep its promise."""


class StoreFull(StoreError):
    """The reserve is reached: nothing new may be begun, sending and pruning still work."""


class StoreBusy(StoreError):
    """Another station process holds the store."""


class RefusedEvent(StationError):
    """The operator asked for something that the present step does not offer."""
