"""How much may be under way."""

import pytest

from protocols.custody import Limits, Pace

RATE = 8_000


def told(pace: Pace, chunk: int, seconds: float, trip_s: float = 1.0) -> float:
    """Chunks one after the other over a line of RATE bytes a second, each acknowledged a round trip after it was sent; the time at the end."""
    sent: list[tuple[float, int, float]] = []
    now_s, step_s = 0.0, chunk / RATE
    while now_s < seconds:
        sent.append((now_s, pace.delivered, pace.delivered_s))
        now_s += step_s
        while sent and sent[0][0] + trip_s <= now_s:
            pace.acknowledged(chunk, *sent.pop(0), now_s)
    return now_s


def test_rate_and_windows_of_a_steady_line() -> None:
    pace = Pace(Limits())
    told(pace, 2_000, 20)
    assert pace.rate == pytest.approx(RATE, rel=0.15)
    pace.line_trip_s = 0.8
    assert pace.window() == pytest.approx(6 * RATE, rel=0.15), "six seconds may be unacknowledged"
    assert pace.line_window() == pytest.approx(1.6 * RATE, rel=0.15), "little more than a round trip is on the line"


def test_late_acknowledgements_in_one_burst_do_not_look_like_a_fast_line() -> None:
    """A lost acknowledgement holds back those behind it for seconds; then all come at once."""
    pace = Pace(Limits(memory_s=1_000))
    now_s = told(pace, 2_000, 20)
    before, held = pace.rate or 0, []
    for number in range(24):
        held.append((now_s + number * 0.25, pace.delivered, pace.delivered_s))
    for flight in held:
        pace.acknowledged(2_000, *flight, now_s + 6.5)
    assert pace.rate == pytest.approx(before, rel=0.25)


@pytest.mark.parametrize("line_trip_s", [None, 0.001], ids=["unknown", "acknowledged by a box nearby"])
def test_without_the_word_of_tcp_two_round_trips_are_the_bound(line_trip_s: float | None) -> None:
    pace = Pace(Limits())
    told(pace, 2_000, 20)
    pace.line_trip_s = line_trip_s
    assert pace.window() == pytest.approx(2 * RATE + 2 * pace.chunk(), rel=0.15)
