"""When a device is tried again and when its supply is cycled: an hour of failures on paper."""

import itertools

import pytest

from edge.devices.retries import DEFAULTS, Retries
from edge.errors import DeviceAbsent, DeviceError, DeviceProtocolError, DeviceRefused, DeviceTimeout

SILENT = DeviceTimeout("device_silent", "thing", "no answer", "Check it.")
HOUR_S = 3600.0


def cycles(retries: Retries, error: DeviceError, seconds: float, from_s: float = 0.0) -> list[float]:
    """Instants at which the supply is switched while the device fails all the time."""
    found, now_s = [], from_s
    while now_s < from_s + seconds:
        retries.failed(error, now_s)
        now_s += retries.pause_s()
        if retries.power_is_due(now_s):
            retries.cycled(now_s)
            found.append(now_s)
    return found


def test_the_supply_is_tried_soon_and_then_ever_more_rarely() -> None:
    found = cycles(Retries(DEFAULTS), SILENT, 24 * HOUR_S)
    assert found[0] < 5
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert gaps[:7] == pytest.approx([60, 120, 240, 480, 960, 1920, 3600], abs=4)
    assert all(gap == pytest.approx(HOUR_S, abs=4) for gap in gaps[6:])
    assert len(found) < 32, "a day without the device"


@pytest.mark.parametrize("error", [
    DeviceProtocolError("board_schema", "thing", "another program", "Flash it."),
    DeviceAbsent("port_denied", "thing", "not allowed", "Add the user to dialout."),
    DeviceAbsent("port_busy", "thing", "another program has it", "End it."),
    DeviceAbsent("device_absent", "thing", "no print queue", "Set it up."),
    DeviceAbsent("camera_software", "thing", "no picamera2", "Install it."),
    DeviceRefused("sensor_locked", "thing", "wrong password", "Have it reset."),
])
def test_what_power_cannot_mend_is_left_under_power(error: DeviceError) -> None:
    assert cycles(Retries(DEFAULTS), error, HOUR_S) == []


def test_a_good_spell_makes_the_next_trouble_a_new_one() -> None:
    retries = Retries(DEFAULTS)
    cycles(retries, SILENT, 4 * HOUR_S)
    retries.opened(5 * HOUR_S)
    assert cycles(retries, SILENT, 300, 5 * HOUR_S + DEFAULTS.good_spell_s) != [], "at once"


def test_a_device_that_fails_again_soon_keeps_the_long_pause() -> None:
    retries = Retries(DEFAULTS)
    last_s = cycles(retries, SILENT, 4 * HOUR_S)[-1]
    retries.opened(last_s + 5)
    assert cycles(retries, SILENT, 600, last_s + 35) == []


def test_a_touch_makes_the_next_try_come_at_once_and_does_not_put_off_the_supply() -> None:
    retries = Retries(DEFAULTS)
    for now_s in range(DEFAULTS.cycle_after):
        retries.failed(SILENT, now_s)
        retries.hurry()
        assert retries.pause_s() == 0
    assert retries.power_is_due(DEFAULTS.cycle_after)
