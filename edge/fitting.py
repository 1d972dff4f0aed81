"""Which drivers a configuration asks for: one `Presence` for each device that is fitted. Constructs, and knows nothing of the procedure."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from edge.clock import Clock
from edge.devices.board import SerialBoard
from edge.devices.camera import PicameraCamera
from edge.devices.fingerprint import ZfmSensor
from edge.devices.genset_fitted import genset_maker
from edge.devices.gpio import RpiGpio
from edge.devices.interfaces import Board, BoardStatus, Camera, FingerprintSensor, Genset, Gpio, IrisModule, Printer, Pulse, SignatureTablet, Ups
from edge.devices.iris import PicameraIris
from edge.devices.presence import Presence, PresenceChange
from edge.devices.printer import EscPosPrinter
from edge.devices.supply import supply_cycle
from edge.devices.system_printer import SystemPrinter
from edge.devices.tablet import make_tablet
from edge.devices.ups import UpsdClient
from edge.errors import DeviceAbsent
from station_config import schema

LIGHT_S = 1.0
SUPPLY = "supply_"
"""an output of [devices.gpio] named supply_<device> feeds that device; high is on"""
OnChange = Callable[[PresenceChange], None]


class BoardLight:
    """The illuminator as the iris module sees it: a lease asked of whichever board is present."""

    def __init__(self, board: Presence[Board] | None) -> None:
        self._board = board
        self._pulses: tuple[Pulse, ...] = ()

    async def light(self, duration_ms: int, at_s: float | None = None) -> int:
        """Raises DeviceError; DeviceAbsent when no board is fitted."""

        async def ask(board: Board) -> int:
            lease_ms = await board.light(duration_ms, at_s)
            self._pulses = board.pulses()
            return lease_ms

        return await self._present().use(ask, LIGHT_S)

    def pulses(self) -> tuple[Pulse, ...]:
        """Of the last lease."""
        return self._pulses

    async def dark(self) -> None:
        """Raises DeviceError."""
        await self._present().use(lambda board: board.dark(), LIGHT_S)

    def _present(self) -> Presence[Board]:
        if self._board is None:
            raise DeviceAbsent("light_unavailable", "board", "no board is fitted", "Add [devices.board] to the configuration.")
        return self._board


@dataclass(frozen=True, slots=True)
class Fitted:
    """Everything that is fitted; None or empty is not."""

    camera: Presence[Camera] | None
    iris: Presence[IrisModule] | None
    fingerprint: Presence[FingerprintSensor] | None
    tablet: Presence[SignatureTablet] | None
    printer: Presence[Printer] | None
    board: Presence[Board] | None
    gpio: Presence[Gpio] | None
    genset: Presence[Genset] | None
    upses: tuple[Presence[Ups], ...]

    def all(self) -> tuple[Presence[Any], ...]:
        single = (self.camera, self.iris, self.fingerprint, self.tablet, self.printer, self.board, self.gpio, self.genset)
        return (*(presence for presence in single if presence is not None), *self.upses)

    def to_park(self) -> tuple[Presence[Any], ...]:
        """In the order of an orderly stop; what watches the power, and the board, work to the end."""
        single = (self.camera, self.iris, self.fingerprint, self.tablet, self.printer, self.gpio)
        return tuple(presence for presence in single if presence is not None)


def fit(config: schema.Devices, clock: Clock, on_change: OnChange, on_board: Callable[[BoardStatus], None] = lambda status: None) -> Fitted:
    """Nothing is opened yet: each presence's `run` does that and never gives up. on_board: each report that the board sends by itself."""
    gpio = _presence("gpio", config.gpio, _gpio, clock, on_change)
    reset = SerialBoard("board", config.board, clock).reset if config.board is not None else None
    board = _presence("board", config.board, lambda found: SerialBoard("board", found, clock, on_board), clock, on_change, reset)
    light = BoardLight(board)

    def fed(name: str, section: Any, make: Callable[[Any], Any]) -> Presence[Any] | None:
        return _presence(name, section, make, clock, on_change, _supply(config.gpio, gpio, name, clock))

    return Fitted(
        camera=fed("camera", config.camera, lambda found: PicameraCamera("camera", found, clock)),
        iris=fed("iris", config.iris, lambda found: PicameraIris("iris", found, light, clock)),
        fingerprint=fed("fingerprint", config.fingerprint, lambda found: ZfmSensor("fingerprint", found, clock)),
        tablet=fed("tablet", config.tablet, lambda found: make_tablet("tablet", found, clock)),
        printer=fed("printer", config.printer, lambda found: _printer(found, clock)),
        board=board,
        gpio=gpio,
        genset=_presence("genset", config.genset, genset_maker(config.genset), clock, on_change),
        upses=tuple(_ups(found, clock, on_change) for found in config.ups),
    )


def _presence(
    name: str, section: Any, make: Callable[[Any], Any], clock: Clock, on_change: OnChange, power_cycle: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> Presence[Any] | None:
    return None if section is None else Presence(name, lambda: make(section), clock, on_change, power_cycle=power_cycle)


def _supply(section: schema.Gpio | None, gpio: Presence[Gpio] | None, device: str, clock: Clock) -> Callable[[], Coroutine[Any, Any, None]] | None:
    """How to switch this device off and on, where a GPIO line feeds it."""
    line = SUPPLY + device
    return supply_cycle(gpio, line, clock) if section is not None and gpio is not None and line in section.outputs else None


def _gpio(section: schema.Gpio) -> RpiGpio:
    return RpiGpio(section.outputs, section.inputs, on_at_rest=[line for line in section.outputs if line.startswith(SUPPLY)])


def _printer(section: schema.Printer, clock: Clock) -> Printer:
    return SystemPrinter("printer", section, clock) if section.kind == "system" else EscPosPrinter("printer", section, clock)


def _ups(section: schema.Ups, clock: Clock, on_change: OnChange) -> Presence[Ups]:
    name = f"ups-{section.name}"
    return Presence(name, lambda: UpsdClient(section.name, section.host, section.port, name), clock, on_change)
