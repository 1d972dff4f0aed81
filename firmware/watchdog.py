"""Outer watchdog over the Pi: warns, asks it to stop, cuts and restores its 5 V in order, at most three times an hour.

Armed by the first heartbeat. Two leases hold it: "stopping" (orderly power-off: cut when the Pi is down, back when power is) and "updating".
"""

import power
import state

from protocols import board_link as wire

UNARMED, WATCHING, WARNED, ASKED, LEASED, CUTTING, OFF, RESTORING, GIVEN_UP = range(len(wire.WATCHDOG_STATES))
CUTS_AN_HOUR = 3
BOOT_MS = 120_000
"""a Pi with a slow card and a file system check needs this before its first heartbeat"""
HALTED_MS = 2_000
"""the alive line stays low this long only after the kernel has halted"""
HUB_LATER_MS = 500
PI_LATER_MS = 2_000
"""USB devices have their power before the Pi looks for them"""
IN_ORDER_MS = 10_000
PRESS_MS = 500
LONGEST_STOPPING_S = 600
LONGEST_UPDATING_S = 3_600
LONGEST_CHARGE_S = 14_400
NONE, STOPPING, UPDATING = range(3)
SWITCHING = (CUTTING, OFF, RESTORING)
ALARM = (WARNED, GIVEN_UP)


def _beating(dog: "Watchdog") -> bool:
    return dog.silent_ms < dog.settings.wd_warn_ms


def _warn_due(dog: "Watchdog") -> bool:
    return dog.silent_ms >= dog.settings.wd_warn_ms


def _ask_due(dog: "Watchdog") -> bool:
    return dog.silent_ms >= dog.settings.wd_ask_ms


def _cut_due(dog: "Watchdog") -> bool:
    return dog.silent_ms >= dog.settings.wd_cut_ms and _cut_again(dog)


def _cut_refused(dog: "Watchdog") -> bool:
    return dog.silent_ms >= dog.settings.wd_cut_ms and dog.cuts.count() >= CUTS_AN_HOUR


def _cut_again(dog: "Watchdog") -> bool:
    return dog.cuts.count() < CUTS_AN_HOUR and dog.pi_power.ready()


def _stopped(dog: "Watchdog") -> bool:
    halted = dog.seen_alive and dog.inputs.off_for_ms(power.PI_ALIVE) >= HALTED_MS
    return dog.lease == STOPPING and (halted or dog.lease_ms == 0) and dog.pi_power.ready()


def _update_over(dog: "Watchdog") -> bool:
    return dog.lease == UPDATING and dog.lease_ms == 0


def _no_lease(dog: "Watchdog") -> bool:
    return dog.lease == NONE


def _hub_due(dog: "Watchdog") -> bool:
    return dog.in_state_ms >= HUB_LATER_MS


def _back_due(dog: "Watchdog") -> bool:
    if dog.pi_power.left_ms <= IN_ORDER_MS:
        return True  # the longest time off is nearly over, and the Pi's devices come first
    if dog.lease != STOPPING:
        return dog.in_state_ms >= dog.settings.off_ms
    steady_ms = max(dog.inputs.on_for_ms(power.MAINS_OK), dog.inputs.on_for_ms(power.GENSET_RUNNING))
    return dog.may_return and dog.charge_ms == 0 and dog.in_state_ms >= dog.settings.off_ms and steady_ms >= dog.settings.mains_stable_ms


def _pi_due(dog: "Watchdog") -> bool:
    return dog.in_state_ms >= PI_LATER_MS


TABLE = (
    # in this state, when this is true, go there; the first row that fits wins
    (WATCHING, _warn_due, WARNED),
    (WARNED, _beating, WATCHING),
    (WARNED, _ask_due, ASKED),
    (ASKED, _beating, WATCHING),
    (ASKED, _cut_due, CUTTING),
    (ASKED, _cut_refused, GIVEN_UP),
    (GIVEN_UP, _beating, WATCHING),
    (GIVEN_UP, _cut_again, CUTTING),
    (LEASED, _no_lease, WATCHING),
    (LEASED, _update_over, WATCHING),
    (LEASED, _stopped, CUTTING),
    (CUTTING, _hub_due, OFF),
    (OFF, _back_due, RESTORING),
    (RESTORING, _pi_due, WATCHING),
)


class Watchdog(state.Machine):
    """The table at work."""

    TABLE = TABLE

    def __init__(self, outputs, inputs: power.Inputs, settings, faults: state.Faults) -> None:
        state.Machine.__init__(self, UNARMED)
        self.silent_ms = 0
        self.lease = NONE
        self.lease_ms = 0
        self.charge_ms = 0
        """after an orderly stop: how long the charger still needs mains or genset before the Pi may have its power again"""
        self.may_return = False
        """after an orderly stop: asked for, or the mains has been away meanwhile"""
        self.may_call_off = False
        self.seen_alive = False
        """the alive line is wired: it has been high"""
        self.cuts = state.LastHour(CUTS_AN_HOUR)
        self.inputs = inputs
        self.settings = settings
        self.pi_power = outputs.pi_power
        self._outputs = outputs
        self._faults = faults

    def greet(self) -> None:
        """A station has opened the link: it may take back the stop that the one before announced."""
        self.may_call_off = True

    def beat(self) -> None:
        """The station makes progress. From one that was opened since, it ends a "stopping" lease; the stopping one's last beats do not."""
        self.silent_ms = 0
        if self.lease == STOPPING and self.state == LEASED and self.may_call_off:
            self.lease = NONE
        if self.state == UNARMED:
            self._enter(WATCHING)

    def hold(self, lease: int, seconds: int, back: bool = False, charge_s: int = 0) -> int:
        """Begin a lease; returns its length in seconds, or 0 when the Pi's power is being switched."""
        if self.state in SWITCHING:
            return 0
        seconds = min(seconds, LONGEST_STOPPING_S if lease == STOPPING else LONGEST_UPDATING_S)
        self.lease = lease
        self.lease_ms = seconds * 1000
        self.charge_ms = min(charge_s, LONGEST_CHARGE_S) * 1000
        self.may_call_off = False
        self.may_return = back
        self._enter(LEASED)
        return seconds

    def _count(self, dt_ms: int) -> None:
        self.cuts.step(dt_ms)
        self.silent_ms = state.longer(self.silent_ms, dt_ms)
        self.lease_ms = state.shorter(self.lease_ms, dt_ms)
        self.seen_alive = self.seen_alive or self.inputs.on(power.PI_ALIVE)
        if self.inputs.on(power.MAINS_OK) or self.inputs.on(power.GENSET_RUNNING):
            self.charge_ms = state.shorter(self.charge_ms, dt_ms)
        if self.lease == STOPPING and not self.inputs.on(power.MAINS_OK):
            self.may_return = True

    def _enter(self, to: int) -> None:
        state.Machine._enter(self, to)
        if to == WATCHING:
            self._watch_again()
        elif to in ALARM:
            self._outputs.lamp_alarm.set(1)
            if to == GIVEN_UP:
                self._faults.latch(state.PI_CUT_LIMIT)
        elif to == ASKED:
            self._outputs.pi_stop.set(1, PRESS_MS)
        elif to == CUTTING:
            self._cut()
        elif to == OFF:
            self._outputs.hub_power.set(0)
        elif to == RESTORING:
            self._outputs.hub_power.rest()

    def _watch_again(self) -> None:
        """After a restart the Pi has time to boot: the counter starts below zero."""
        if self.pi_power.level != self.pi_power.safe or self.lease == UPDATING:
            self.silent_ms = -BOOT_MS if self.lease != UPDATING else 0
        self.lease = NONE
        self.pi_power.rest()
        self._outputs.lamp_alarm.rest()

    def _cut(self) -> None:
        if self.lease != STOPPING:
            self.cuts.add()
        self.pi_power.set(0)
