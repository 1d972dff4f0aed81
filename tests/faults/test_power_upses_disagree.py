"""Two UPSes, one on battery although the mains are there: a plug or a fuse. The weaker one decides."""

from edge.power.picture import Source
from tests.faults.site import sentence, site


def test_the_weaker_one_decides_and_its_plug_is_named() -> None:
    here = site(upses=2)
    first, second = here.world.upses
    here.world.mains.volts = 230
    pulled = second
    here.world.upses = [first]  # the second no longer sees the mains
    pulled.on_battery, pulled.input_v, pulled.soc = True, 0.0, 0.5
    here.world.upses = [first, pulled]
    process = pulled.process
    pulled.process = lambda dt_s, volts, hz: process(dt_s, 0.0, 0.0)  # type: ignore[method-assign]
    here.run(30)
    picture = here.watch.picture
    assert picture.source is Source.BATTERY
    assert {ups.name: ups.on_battery for ups in picture.upses} == {"rekam": False, "rekam2": True}
    assert sentence(here, "ups_disagree") == "UPS rekam2 memakai baterai, UPS lain tidak. Periksa colokan dan sekering UPS rekam2."
    assert here.run(4 * 3600, step_s=5, until=lambda: here.stopped), "what hangs on it must be parked before it goes dark"
    assert not pulled.dead


def test_a_second_of_difference_is_no_news() -> None:
    here = site(upses=2)
    here.world.outage()
    here.run(5)
    here.world.restore()
    here.run(30)
    assert "ups_disagree" not in here.notices
