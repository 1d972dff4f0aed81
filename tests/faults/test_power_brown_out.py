"""Low evening voltage: at 185 V the UPS lifts it and work goes on; at 160 V it goes to battery. Both in plain words."""

from edge.power.picture import Source, State
from tests.faults.site import sentence, site


def test_at_185_volts_work_goes_on_with_a_word_about_it() -> None:
    here = site()
    here.world.voltage(185)
    here.run(60)
    assert here.watch.picture.state is State.NORMAL
    assert sentence(here, "mains_low") == "Tegangan PLN rendah: 185 V. Boleh lanjut; matikan alat lain yang tidak perlu."


def test_at_160_volts_the_battery_carries_the_station() -> None:
    here = site()
    here.world.voltage(160)
    here.run(60)
    assert here.watch.picture.source is Source.BATTERY
    assert here.watch.picture.state is State.ON_BATTERY
    assert sentence(here, "mains_brown_out") == "Tegangan PLN terlalu rendah: 160 V. Stasiun memakai baterai."


def test_at_270_volts_the_operator_is_told_to_unplug() -> None:
    here = site()
    here.world.voltage(270)
    here.run(10)
    assert "mains_high" in here.reads()


def test_low_voltage_counts_in_the_report() -> None:
    here = site()
    here.world.voltage(185)
    here.run(600)
    day = here.watch.report.days[here.wall().day]
    assert day.low_voltage_s > 590
    assert day.lowest_v == 185
