"""When to try the broker again. Pure: the caller brings the random number."""

FIRST_S = 0.25
GROWTH = 1.7
CAP_S = 20.0
PATIENT_TRIES = 24
"""A silent path is tried again at once for some minutes: a lonely SYN reaches nobody, and the first one after the path is back
saves up to a back-off of the little time that it is up. Somebody who answers `no` is left alone at growing intervals."""


class Backoff:
    """Counts failures; `delay_s` grows with them, jittered so that a district's stations do not come back in step."""

    def __init__(self) -> None:
        self._refusals = 0
        self._silences = 0

    def failed(self, *, refused: bool) -> None:
        if refused:
            self._refusals += 1
        else:
            self._silences += 1

    def succeeded(self) -> None:
        self._refusals = self._silences = 0

    def delay_s(self, random: float) -> float:
        """Seconds to wait now; `random` in [0, 1)."""
        failures = self._refusals + max(0, self._silences - PATIENT_TRIES)
        ceiling_s = min(CAP_S, FIRST_S * GROWTH ** min(failures, 20))
        return ceiling_s * (0.5 + 0.5 * random)
