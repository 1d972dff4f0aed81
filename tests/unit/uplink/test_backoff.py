"""When the broker is tried again."""

from edge.uplink.backoff import CAP_S, PATIENT_TRIES, Backoff


def test_refusals_are_met_with_growing_capped_jittered_pauses() -> None:
    backoff, delays = Backoff(), []
    for _ in range(30):
        backoff.failed(refused=True)
        delays.append(backoff.delay_s(0.5))
    assert delays == sorted(delays)
    assert delays[0] < 1
    assert max(delays) <= CAP_S
    assert backoff.delay_s(0.0) < backoff.delay_s(0.99), "stations of a district do not come back in step"
    backoff.succeeded()
    assert backoff.delay_s(0.99) < 1


def test_a_silent_path_is_tried_at_once_for_a_while() -> None:
    backoff = Backoff()
    for _ in range(PATIENT_TRIES):
        backoff.failed(refused=False)
    assert backoff.delay_s(0.99) < 0.5
    for _ in range(20):
        backoff.failed(refused=False)
    assert CAP_S / 2 <= backoff.delay_s(0.0) <= CAP_S
