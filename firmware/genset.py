"""Genset by its two-wire start contact: asks, waits, judges. Cranking is the genset controller's work, never ours.

The request is leased: when the station falls silent the contact stays closed for the lease, then through minimum run and cool-down. Three failures in a
row lock it out until somebody clears the fault.
"""

import power
import state

from protocols import board_link as wire

IDLE, MAINS_DEBOUNCE, REQUEST, STARTING, WARMUP, RUNNING, RETURN_WAIT, COOLDOWN, STOPPING, FAILED, MANUAL = range(len(wire.GENSET_STATES))
AFTER_FAILURE = -1
"""in the table: count one failure, then STOPPING or, after the third, FAILED"""
FAILURES = 3
SAFETY_ON_MS = 10_000
"""oil and charge alarms are normal while an engine starts"""
STEADY_MS = 2_000
"""voltage present this long counts as running: a dying engine gives it for a moment"""
BY_HAND_MS = 5_000
CLOSED = (STARTING, WARMUP, RUNNING, RETURN_WAIT, COOLDOWN)
COUNTED = (RUNNING, RETURN_WAIT)
"""made here once: a tuple written into a step would be allocated on every turn"""


def _by_hand(genset: "Genset") -> bool:
    return genset.inputs.on_for_ms(power.GENSET_RUNNING) >= BY_HAND_MS


def _stands(genset: "Genset") -> bool:
    return not genset.inputs.on(power.GENSET_RUNNING)


def _stands_and_rested(genset: "Genset") -> bool:
    return _stands(genset) and genset.in_state_ms >= genset.pause_ms


def _test_asked(genset: "Genset") -> bool:
    return genset.asked == wire.GENSET_TEST


def _outage_asked(genset: "Genset") -> bool:
    return genset.asked == wire.GENSET_ON_OUTAGE and not genset.inputs.on(power.MAINS_OK)


def _not_wanted(genset: "Genset") -> bool:
    return not _test_asked(genset) and not _outage_asked(genset)


def _outage_lasted(genset: "Genset") -> bool:
    return genset.inputs.off_for_ms(power.MAINS_OK) >= genset.settings.mains_debounce_ms


def _start_allowed(genset: "Genset") -> bool:
    return genset.starts.count() < genset.settings.starts_an_hour and genset.contact.ready()


def _voltage_steady(genset: "Genset") -> bool:
    return genset.inputs.on_for_ms(power.GENSET_RUNNING) >= STEADY_MS


def _alarmed(genset: "Genset") -> bool:
    return genset.in_state_ms >= SAFETY_ON_MS and genset.inputs.on(power.GENSET_ALARM)


def _start_overdue(genset: "Genset") -> bool:
    return genset.in_state_ms >= genset.settings.start_timeout_ms


def _warm(genset: "Genset") -> bool:
    return genset.in_state_ms >= genset.settings.warmup_ms


def _mains_back(genset: "Genset") -> bool:
    return genset.asked == wire.GENSET_ON_OUTAGE and genset.inputs.on(power.MAINS_OK)


def _mains_out(genset: "Genset") -> bool:
    return not genset.inputs.on(power.MAINS_OK)


def _ran_enough(genset: "Genset") -> bool:
    return genset.ran_ms >= genset.settings.min_run_ms


def _let_go(genset: "Genset") -> bool:
    return genset.asked == wire.GENSET_OFF and _ran_enough(genset)


def _mains_steady(genset: "Genset") -> bool:
    return genset.inputs.on_for_ms(power.MAINS_OK) >= genset.settings.return_ms and _ran_enough(genset)


def _cooled(genset: "Genset") -> bool:
    return genset.in_state_ms >= genset.settings.cooldown_ms


def _stop_overdue(genset: "Genset") -> bool:
    return genset.in_state_ms >= genset.settings.stop_timeout_ms and not _stands(genset)


TABLE = (
    # in this state, when this is true, go there; the first row that fits wins
    (IDLE, _by_hand, MANUAL),
    (IDLE, _test_asked, REQUEST),
    (IDLE, _outage_asked, MAINS_DEBOUNCE),
    (MAINS_DEBOUNCE, _not_wanted, IDLE),
    (MAINS_DEBOUNCE, _outage_lasted, REQUEST),
    (REQUEST, _not_wanted, IDLE),
    (REQUEST, _start_allowed, STARTING),
    (STARTING, _not_wanted, STOPPING),
    (STARTING, _voltage_steady, WARMUP),
    (STARTING, _alarmed, AFTER_FAILURE),
    (STARTING, _start_overdue, AFTER_FAILURE),
    (WARMUP, _stands, AFTER_FAILURE),
    (WARMUP, _warm, RUNNING),
    (RUNNING, _stands, AFTER_FAILURE),
    (RUNNING, _mains_back, RETURN_WAIT),
    (RUNNING, _let_go, COOLDOWN),
    (RETURN_WAIT, _stands, AFTER_FAILURE),
    (RETURN_WAIT, _mains_out, RUNNING),
    (RETURN_WAIT, _let_go, COOLDOWN),
    (RETURN_WAIT, _mains_steady, COOLDOWN),
    (COOLDOWN, _stands, STOPPING),
    (COOLDOWN, _outage_asked, RUNNING),
    (COOLDOWN, _test_asked, RUNNING),
    (COOLDOWN, _cooled, STOPPING),
    (STOPPING, _stands_and_rested, IDLE),
    (STOPPING, _stop_overdue, FAILED),
    (MANUAL, _stands, IDLE),
)


class Genset(state.Machine):
    """The table at work."""

    TABLE = TABLE

    def __init__(self, outputs, inputs: power.Inputs, settings, faults: state.Faults) -> None:
        state.Machine.__init__(self, IDLE)
        self.ran_ms = 0
        self.pause_ms = 0
        self.asked = wire.GENSET_OFF
        self.failures = 0
        self.inputs = inputs
        self.settings = settings
        self.starts = state.LastHour(12)
        self.contact = outputs.start_contact
        self._faults = faults
        self._lease_ms = 0

    def ask(self, run: int) -> int:
        """GENSET_ON_OUTAGE or GENSET_TEST for one lease (its length is returned), GENSET_OFF lets go."""
        self.asked = run
        self._lease_ms = self.settings.genset_lease_ms if run else 0
        return self._lease_ms

    def acknowledge(self) -> None:
        """Somebody has looked at the genset: leave the lock-out."""
        self.failures = 0
        if self.state == FAILED:
            self._enter(IDLE)

    def _count(self, dt_ms: int) -> None:
        self.starts.step(dt_ms)
        self._lease_ms = state.shorter(self._lease_ms, dt_ms)
        if self._lease_ms == 0:
            self.asked = wire.GENSET_OFF
        if self.state in COUNTED:
            self.ran_ms = state.longer(self.ran_ms, dt_ms)
        if self.state in CLOSED and self.contact.level == self.contact.safe:
            self._enter(STOPPING)  # the longest time of the contact is over

    def _enter(self, to: int) -> None:
        if to == AFTER_FAILURE:
            self.failures += 1
            to = FAILED if self.failures >= FAILURES else STOPPING
            self.pause_ms = self.settings.retry_ms
        self._note(to)
        state.Machine._enter(self, to)
        if to in CLOSED:
            self.contact.set(1)
        else:
            self.contact.rest()

    def _note(self, to: int) -> None:
        if to == STARTING:
            self.starts.add()
            self.ran_ms = 0
            self.pause_ms = 0
        elif to == RUNNING:
            self.failures = 0
        elif to == FAILED:
            self._faults.latch(state.GENSET_WILL_NOT_STOP if self.state == STOPPING else state.GENSET_LOCKOUT)
