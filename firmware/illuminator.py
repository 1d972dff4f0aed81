"""Near-infrared light on an eye: pulses inside a lease, never a switch. The limits stand here and no message can raise them.

Pulse <= 20 ms, duty <= 15 %, burst <= 10 s then >= 20 s off, lease <= 250 ms; off on link loss (the lease runs out), reset and
over-temperature; a photodiode tells whether the light is really on. After OSRAM AN097, IEC 62471, ICNIRP. A pulse is ended by the hardware
(outputs.Light) and only followed here. Not responsible for distance and optics: the housing's eye stop (>= 10 cm) and the current limit are
the other half of eye safety.
"""

import outputs
import power
import state

from protocols import board_link as wire

PULSE_MS = 19
"""longest pulse given out, a little less than the hardware would let through"""
DUTY_PERCENT = 15
BURST_MS = 10_000
REST_MS = 20_000
GAP_MS = 300
"""pulses that follow within this are one burst; single ones at 1 Hz (aiming) are none"""
LEASE_MS = 250
SETTLE_MS = 3
"""photodiode and its amplifier, rise and fall"""
STUCK_MS = 100
"""light seen this long while off is not an echo of the pulse"""
DEAD_PULSES = 3
"""pulses in a row that the photodiode did not see"""

LIGHT_REST, LIGHT_DUTY, LIGHT_FAULT, BAD_VALUE, OVER_TEMPERATURE = [
    wire.REASONS.index(name) for name in ("light_rest", "light_duty", "light_fault", "bad_value", "over_temperature")
]
GRANTED = -1


def least_period_ms(pulse_ms: int) -> int:
    """From one pulse's begin to the next one's at full duty."""
    return (pulse_ms * 100 + DUTY_PERCENT - 1) // DUTY_PERCENT


class Illuminator:
    """One lease at a time."""

    def __init__(self, pins, inputs: power.Inputs, faults: state.Faults) -> None:
        self.reported = False
        self.lit = False
        self.rest_ms = 0
        """how long the light must stay off after a full burst"""
        self.pulses = 0
        self.seen_ms = 0
        """of the present or last lease, by the photodiode"""
        self.wait_ms = 0
        """set by `request`: the detail of a refusal, or the time to the first pulse"""
        self.lease_ms = 0
        self.pulse_ms = 0
        self.period_ms = 0
        self.count = 0
        self._light = pins.light
        self._supply = pins.light_supply
        self._inputs = inputs
        self._faults = faults
        self._on_ms = 0
        self._off_ms = GAP_MS
        self._stuck_ms = 0
        self._next_ms = 0
        self._slot_ms = 0
        """until the duty cycle allows the next pulse"""
        self._used = 0
        """dose: half milliseconds of burst; grows by 2 a ms inside a burst, shrinks by 1 outside, so that rest is twice the burst"""
        self._seen = False
        self._blind = 0

    def request(self, start_in_ms: int, duration_ms: int, pulse_ms: int, period_ms: int) -> int:
        """Ask for a lease of pulses. GRANTED, or a reason with `wait_ms` as its detail."""
        self.wait_ms = 0
        reason = self._refusal(start_in_ms, duration_ms, pulse_ms, period_ms)
        if reason != GRANTED:
            return reason
        left_ms = BURST_MS - (self._used + 1) // 2
        first_ms = max(start_in_ms, self._slot_ms)
        if first_ms + pulse_ms > left_ms:
            self._rest()
            self.wait_ms = self.rest_ms
            return LIGHT_REST
        lease_ms = min(duration_ms, LEASE_MS, left_ms)
        self.wait_ms = first_ms
        if first_ms + pulse_ms > lease_ms:
            return LIGHT_DUTY
        self._grant(lease_ms, first_ms, pulse_ms, period_ms)
        return GRANTED

    def _refusal(self, start_in_ms: int, duration_ms: int, pulse_ms: int, period_ms: int) -> int:
        if self._faults.has(state.OVER_TEMPERATURE):
            return OVER_TEMPERATURE
        if self._faults.has(state.LIGHT_STUCK):
            return LIGHT_FAULT
        if self.rest_ms:
            self.wait_ms = self.rest_ms
            return LIGHT_REST
        if not 1 <= pulse_ms <= PULSE_MS or period_ms < least_period_ms(pulse_ms) or not 0 <= start_in_ms < LEASE_MS or duration_ms < pulse_ms:
            return BAD_VALUE
        return GRANTED

    def _grant(self, lease_ms: int, first_ms: int, pulse_ms: int, period_ms: int) -> None:
        if not self.lease_ms:
            self.pulses = 0
            self.seen_ms = 0
        self.lease_ms = lease_ms
        self.pulse_ms = pulse_ms
        self.period_ms = max(period_ms, least_period_ms(pulse_ms) + outputs.TURN_MS)
        self.count = 1 + (lease_ms - first_ms - pulse_ms) // self.period_ms
        self._next_ms = first_ms

    def dark(self) -> None:
        """End the lease now."""
        self._light.rest()
        self._pulse_over()
        self.lease_ms = 0
        self._supply.rest()

    def step(self, dt_ms: int) -> None:
        self._dose(dt_ms)
        self._watch(dt_ms)
        if not self._light.level:
            self._pulse_over()
        if self.lease_ms:
            self._run_lease(dt_ms)
        self.reported = True

    def _run_lease(self, dt_ms: int) -> None:
        self.lease_ms = state.shorter(self.lease_ms, dt_ms)
        self._next_ms = state.shorter(self._next_ms, dt_ms)
        if self.lease_ms == 0 or self._faults.has(state.OVER_TEMPERATURE) or self._faults.has(state.LIGHT_STUCK):
            self.dark()
        elif not self.lit and self._next_ms == 0 and self._slot_ms == 0 and self.lease_ms >= self.pulse_ms:
            self._pulse_on()

    def _pulse_on(self) -> None:
        self.lit = True
        self.pulses = (self.pulses + 1) & 0xFFFF
        self._on_ms = 0
        self._seen = False
        self._slot_ms = least_period_ms(self.pulse_ms) + outputs.TURN_MS
        self._next_ms = self.period_ms
        self._supply.set(1, self.lease_ms)
        self._light.set(1, self.pulse_ms)

    def _pulse_over(self) -> None:
        if not self.lit:
            return
        self.lit = False
        self._off_ms = 0
        self._stuck_ms = 0
        self._blind = 0 if self._seen or self._on_ms < SETTLE_MS else self._blind + 1
        if self._blind >= DEAD_PULSES:
            self._faults.latch(state.LIGHT_DEAD)

    def _rest(self) -> None:
        self.dark()
        self.rest_ms = REST_MS
        self._used = 0

    def _dose(self, dt_ms: int) -> None:
        """Counts the time before this step: who was on stays on the bill."""
        if self.lit or self._off_ms < GAP_MS:
            self._used += 2 * dt_ms
        else:
            self._used = state.shorter(self._used, dt_ms)
        self._slot_ms = state.shorter(self._slot_ms, dt_ms)
        self.rest_ms = state.shorter(self.rest_ms, dt_ms)
        if self._used >= 2 * BURST_MS:
            self._rest()

    def _watch(self, dt_ms: int) -> None:
        seen = self._inputs.light_seen()
        if self.lit:
            self._on_ms += dt_ms
            if seen and self._on_ms >= SETTLE_MS:
                self._seen = True
                self.seen_ms += dt_ms
            return
        self._off_ms = state.longer(self._off_ms, dt_ms)
        self._stuck_ms = self._stuck_ms + dt_ms if seen and self._off_ms > SETTLE_MS else 0
        if self._stuck_ms >= STUCK_MS:
            self._stuck_ms = 0
            self._faults.latch(state.LIGHT_STUCK)
