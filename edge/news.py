"""Which changes of a device the district hears of: each fault and each repair once, and a loose plug not ten thousand times a day."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from edge.clock import Clock
from edge.devices.interfaces import BoardStatus
from edge.devices.presence import PresenceChange
from edge.errors import DeviceError

AN_HOUR = 12
"""events of one device; with more it is enough to know how many there were"""
HOUR_S = 3600.0
WIRE_CHARACTERS = TEXT_CHARACTERS = 200
FAULT_STATES = frozenset({"absent", "faulted"})


def introduced(change: PresenceChange) -> dict[str, Any]:
    """Detail of the ledger event `equipment`: who answers as this device from now on."""
    identity = change.identity
    told = {} if identity is None else {"maker": identity.maker, "model": identity.model, "serial": identity.serial, "firmware": identity.firmware}
    return {"device": change.name, **{name: text[:TEXT_CHARACTERS] for name, text in told.items() if text}}


@dataclass(slots=True)
class _Told:
    code: str = "ready"
    """what the district believes"""
    seen: str = "ready"
    at_s: deque[float] = field(default_factory=deque)
    left_out: int = 0


LATCHED = {
    "light_stuck": ("light_fault", "the light stayed on by itself", "Take the board out of service."),
    "light_dead": ("light_dead", "the light was not seen at three pulses in a row", "Look at the light, its cable and the photodiode."),
    "over_temperature": ("board_hot", "the box was too hot for the light", "Let the box cool, then clear the fault."),
    "tamper": ("box_open", "the box was opened", "Look at the box, then clear the fault."),
    "pi_cut_limit": ("station_hangs", "the station fell silent and its power was cut three times within an hour", "Look at the station's storage and supply."),
    "task_failed": ("board_failed", "its program hung or broke and was started again", "Install it again: ./rekam flash. If it comes back, replace the board."),
}
"""what the board keeps until it is cleared: code, what happened, next step; the genset's are told where the power is watched"""


class BoardNews:
    """What the board found out about itself, each once, and that it was cleared."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()

    def heard(self, status: BoardStatus) -> tuple[list[DeviceError], bool]:
        """Faults that are new, and whether the last of them has gone."""
        now = frozenset(name for name in status.faults if name in LATCHED)
        new, cleared = sorted(now - self._told), bool(self._told and not now)
        self._told = now
        return [DeviceError(code, "board", what, next_step) for code, what, next_step in map(LATCHED.__getitem__, new)], cleared


class DeviceNews:
    """Remembers what was told of each device."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, _Told] = {}
        self._shown: dict[str, tuple[str, str | None]] = {}

    def shown(self, change: PresenceChange) -> bool:
        """Whether a page looks different now: each picture of a preview makes its device busy for a moment, which no page shows."""
        before = self._shown.get(change.name)
        self._shown[change.name] = ("ready" if change.state == "busy" else change.state, change.code)
        return self._shown[change.name] != before

    def event(self, change: PresenceChange) -> tuple[str, dict[str, Any]] | None:
        """Ledger event (fault or repaired) with its detail, or None when this says nothing new or there is no room: then the next try to open tells."""
        code = change.code if change.state in FAULT_STATES else "ready" if change.state == "ready" else None
        if code is None:
            return None
        told = self._told.setdefault(change.name, _Told())
        is_new, told.seen = code != told.seen, code
        if code == told.code or not self._room(told):
            told.left_out += is_new
            return None
        told.code = code
        detail: dict[str, Any] = {"device": change.name, "code": code}
        if wire := str(change.error.values.get("wire", ""))[-WIRE_CHARACTERS:] if change.error else "":
            detail["wire"] = wire
        if told.left_out:
            detail["left_out"], told.left_out = told.left_out, 0
        return "repaired" if code == "ready" else "fault", detail

    def _room(self, told: _Told) -> bool:
        now_s = self._clock.monotonic_s()
        while told.at_s and now_s - told.at_s[0] > HOUR_S:
            told.at_s.popleft()
        if len(told.at_s) >= AN_HOUR:
            return False
        told.at_s.append(now_s)
        return True
