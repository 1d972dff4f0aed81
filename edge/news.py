"""Which changes of a device the district hears of: each fault and each repair once, and a loose plug not ten thousand times a day."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from edge.clock import Clock
from edge.devices.presence import PresenceChange

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
    code: str | None = "ready"
    at_s: deque[float] = field(default_factory=deque)
    left_out: int = 0


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
        """Ledger event (fault or repaired) with its detail, or None when this says nothing new."""
        code = change.code if change.state in FAULT_STATES else "ready" if change.state == "ready" else None
        told = self._told.setdefault(change.name, _Told())
        if code is None or code == told.code:
            return None
        told.code = code
        if not self._room(told):
            told.left_out += 1
            return None
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
