"""The mains of a bad site over weeks, from a seed: outages without a schedule, low voltage in the evening, now and then a flicker.

Shape after the field's own words (power fails without a schedule, low evening voltage stops devices); the rates are our judgement:
about four outages a day, half of them over within 25 minutes, one in ten longer than two hours.
"""

import math
import random
from dataclasses import dataclass

from simulators.power import NOMINAL_V, PowerWorld

DAY_S = 86_400.0
OUTAGES_A_DAY = 4.0
MEDIAN_OUTAGE_S = 25 * 60.0
SPREAD = 1.25
LONGEST_OUTAGE_S = 7 * 3600.0
EVENING = (17.0, 22.0)


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_s` on the mains have `volts`."""

    at_s: float
    volts: float


def bad_site(rng: random.Random, days: int) -> list[Change]:
    """All changes of `days` days, in order, starting with good mains at 0."""
    changes = [Change(0.0, NOMINAL_V)]
    for day in range(days):
        evening_v = rng.uniform(182, 212)
        changes.append(Change((day + EVENING[0] / 24) * DAY_S, evening_v))
        changes.append(Change((day + EVENING[1] / 24) * DAY_S, NOMINAL_V))
    return sorted([*_without(changes, outages := _outages(rng, days)), *outages], key=lambda change: change.at_s)


def _outages(rng: random.Random, days: int) -> list[Change]:
    found: list[Change] = []
    at_s = rng.expovariate(OUTAGES_A_DAY / DAY_S)
    while at_s < days * DAY_S:
        long_s = min(LONGEST_OUTAGE_S, math.exp(rng.gauss(math.log(MEDIAN_OUTAGE_S), SPREAD)))
        found += [Change(at_s, 0.0), Change(at_s + long_s, NOMINAL_V)]
        at_s += long_s + 300 + rng.expovariate(OUTAGES_A_DAY / DAY_S)
    return found


def _without(changes: list[Change], outages: list[Change]) -> list[Change]:
    """Evening changes that fall into an outage do not bring the mains back."""
    spans = list(zip(outages[::2], outages[1::2], strict=True))
    return [change for change in changes if not any(gone.at_s <= change.at_s < back.at_s for gone, back in spans)]


class Schedule:
    """Puts the changes into a world as time passes."""

    def __init__(self, changes: list[Change]) -> None:
        self._changes = changes
        self._next = 0

    def apply(self, world: PowerWorld, now_s: float) -> None:
        while self._next < len(self._changes) and self._changes[self._next].at_s <= now_s:
            volts = self._changes[self._next].volts
            if volts == 0.0:
                world.outage()
            else:
                world.voltage(volts)
            self._next += 1

    def seconds_to_next(self, now_s: float) -> float:
        """Until the next change; infinity after the last."""
        return self._changes[self._next].at_s - now_s if self._next < len(self._changes) else math.inf
