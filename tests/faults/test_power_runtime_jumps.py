"""The UPS's runtime figure jumps between a tenth and three times. The station's own estimate does not."""

from dataclasses import replace

from edge.power.picture import Minutes
from tests.faults.site import sentence, site


def test_minutes_and_state_do_not_follow_the_jumps() -> None:
    here = site()
    here.world.upses[0].runtime_jumps = True
    here.world.outage()
    here.run(120)
    seen = []
    told = []
    for _ in range(60):
        here.run(5)
        picture = here.watch.picture
        assert picture.minutes is not None
        seen.append(picture.minutes.likely)
        told.append(picture.upses[0].runtime_s.value or 0)
    assert max(told) > 8 * min(told), "the UPS did jump"
    assert max(seen) - min(seen) < 10, "minutes over five minutes of work"
    assert here.did("state") == ["on_battery"]
    picture = here.watch.picture
    assert picture.minutes is not None
    assert sentence(here, "power_battery") == f"Pakai baterai. Cukup {int(picture.minutes.likely)} menit ({picture.people_left} orang)."


def test_without_charge_the_runtime_is_used_with_a_wide_band() -> None:
    here = site()
    track = here.watch.supply.tracks[0]
    here.world.outage()
    here.run(60)
    assert track.last is not None
    track.last = replace(track.last, charge_percent=None, runtime_s=1800)
    minutes = here.watch.minutes_of(track)
    assert minutes == Minutes(low=15, likely=30, high=36)
