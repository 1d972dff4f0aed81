"""Inputs: contacts of mains, UPS and genset, tamper, the Pi's alive line, debounced; temperature and supply voltage.

Says how long each contact has been as it is; decides nothing. The light's photodiode is read raw by the illuminator.
"""

import state

from protocols import board_link as wire

DEBOUNCE_MS = 50
"""relay contacts bounce for 5 to 20 ms"""
MEASURE_MS = 1_000
COOLER_C10 = 50
"""an over-temperature may be cleared this far below the limit"""

MAINS_OK, UPS_OK, GENSET_RUNNING, GENSET_ALARM, TAMPER, PI_ALIVE, LIGHT_SEEN = range(len(wire.INPUTS))


class Inputs:
    """Sampled on every turn of the loop."""

    def __init__(self, hal, settings, faults: state.Faults) -> None:
        self.reported = False
        self.temperature_c10 = wire.UNKNOWN
        self.supply_mv = 0
        self.bits = 0
        self._hal = hal
        self._settings = settings
        self._faults = faults
        self._pending_ms = [0] * len(wire.INPUTS)
        self._steady_ms = [0] * len(wire.INPUTS)
        self._measure_in_ms = 0
        for index in range(len(wire.INPUTS)):
            self.bits |= hal.read(index) << index

    def on(self, index: int) -> bool:
        return self.bits >> index & 1 == 1

    def on_for_ms(self, index: int) -> int:
        """How long the contact has been closed; 0 while it is open."""
        return self._steady_ms[index] if self.on(index) else 0

    def off_for_ms(self, index: int) -> int:
        """How long the contact has been open; 0 while it is closed."""
        return 0 if self.on(index) else self._steady_ms[index]

    def light_seen(self) -> int:
        """The photodiode, not debounced."""
        return self._hal.read(LIGHT_SEEN)

    def step(self, dt_ms: int) -> None:
        for index in range(len(self._steady_ms)):
            self._sample(index, dt_ms)
        self._judge()
        self._measure_in_ms -= dt_ms
        if self._measure_in_ms <= 0:
            self._measure_in_ms = MEASURE_MS
            self._measure()
        self.reported = True

    def _sample(self, index: int, dt_ms: int) -> None:
        self._steady_ms[index] = state.longer(self._steady_ms[index], dt_ms)
        if self._hal.read(index) == self.on(index):
            self._pending_ms[index] = 0
            return
        self._pending_ms[index] += dt_ms
        if self._pending_ms[index] >= DEBOUNCE_MS:
            self.bits ^= 1 << index
            self._pending_ms[index] = 0
            self._steady_ms[index] = 0

    def _judge(self) -> None:
        if self.on(TAMPER):
            self._faults.latch(state.TAMPER)
        if self.on(GENSET_ALARM):
            self._faults.latch(state.GENSET_ALARM)
        else:
            self._faults.drop(state.GENSET_ALARM)

    def _measure(self) -> None:
        self.temperature_c10 = self._hal.temperature_c10()
        self.supply_mv = self._hal.supply_mv()
        if self.temperature_c10 >= self._settings.hot_c10:
            self._faults.latch(state.OVER_TEMPERATURE)

    def may_clear_temperature(self) -> bool:
        """Cool enough for the fault to be forgotten."""
        return self.temperature_c10 < self._settings.hot_c10 - COOLER_C10
