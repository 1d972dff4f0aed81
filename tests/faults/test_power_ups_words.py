"""Each word of NUT's ups.status (developer guide, "Status data") has a meaning that the operator reads and the policy takes."""

from dataclasses import replace

import pytest

from edge.devices.ups import reading_of
from edge.power.picture import Minutes, Source, State
from edge.power.watch import STOP_FORCED
from station_config.schema import GensetRules
from tests.faults.site import sentence, site
from tools.virtual_site import VirtualSite

OFFICE = {"battery.charge": "100", "ups.load": "20", "input.voltage": "230"}


def says(here: VirtualSite, status: str, seconds: int = 1, **figures: str) -> list[str]:
    """The UPS says these words for a while; returns what kinds of act came of it."""
    told = reading_of({"ups.status": status, **OFFICE, **{name.replace("_", "."): value for name, value in figures.items()}})
    acts: list[str] = []
    for _ in range(seconds):
        here.now_s += 1
        done = here.watch.step(here.now_s, here.wall(), replace(here.readings(), upses={"rekam": told}))
        acts += [f"{act.kind} {act.what}" for act in done]
    return acts


@pytest.mark.parametrize("status", ["FSD", "FSD OL", "FSD OL CHRG", "FSD OB", "FSD BYPASS"])
def test_a_forced_shutdown_is_obeyed_whatever_else_is_said(status: str) -> None:
    here = site()
    assert f"stop {STOP_FORCED}" in says(here, status), "the UPS is about to be switched off by whoever leads it"
    assert here.watch.state is State.STOPPING
    assert sentence(here, "power_stopping_forced") == "UPS akan dimatikan oleh programnya. Data aman. Stasiun dimatikan dengan tertib."


def test_a_forced_shutdown_waits_for_no_engine() -> None:
    here = site(genset=True, rules=GensetRules(start_below_percent=99, test_every_days=0))
    here.world.outage()
    assert here.run(180, until=lambda: here.watch.picture.source is Source.GENSET)
    assert "genset stop" in says(here, "FSD OL", 5), "the controller cools it down by itself"
    assert here.watch.may_go_dark()


def test_low_on_mains_is_told_and_stops_nobody() -> None:
    here = site()
    says(here, "OL LB CHRG", 5, battery_charge="9")
    assert here.watch.state is State.NORMAL
    assert here.watch.picture.permissions.next_person
    assert sentence(here, "ups_empty") == "Baterai UPS rekam hampir kosong: bila listrik padam, stasiun langsung mati. Yang sudah tersimpan tetap aman."
    says(here, "OL CHRG", 5, battery_charge="40")
    assert "ups_empty" not in here.reads()


def test_nobody_is_promised_a_place_with_whom_the_policy_would_not_begin() -> None:
    here = site()
    says(here, "OL CHRG", 5, battery_charge="29")
    assert here.watch.picture.minutes is not None
    assert here.watch.picture.people_left == 0, "on battery this charge is for finishing only"
    says(here, "OL CHRG", 5, battery_charge="60")
    assert here.watch.picture.people_left


@pytest.mark.parametrize("status", ["OL BYPASS", "BYPASS", "OL OFF"])
def test_a_battery_that_does_not_stand_behind_is_counted_as_none(status: str) -> None:
    here = site()
    says(here, status, 5)
    picture = here.watch.picture
    assert (picture.state, picture.source) == (State.NORMAL, Source.MAINS)
    assert picture.minutes == Minutes(0, 0, 0)
    assert picture.people_left == 0
    assert sentence(here, "ups_off" if "OFF" in status else "ups_bypass")


def test_off_alone_says_nothing_of_the_mains() -> None:
    here = site()
    says(here, "OFF", 30)
    assert here.reads()[0] == "power_mains", "the board sees them"
    assert sentence(here, "ups_off") == "UPS rekam tidak memberi daya. Nyalakan UPS itu."
    here.silences.board = True
    says(here, "OFF", 5)
    assert here.reads()[0] == "power_unknown"
    assert here.watch.picture.upses[0].on_battery is None
    assert "ups_disagree" not in here.reads()


def test_a_calibration_empties_the_battery_and_is_no_outage() -> None:
    here = site(genset=True)
    says(here, "OB CAL DISCHRG LB", 60, battery_charge="8")
    assert here.watch.state is State.NORMAL
    assert here.did("genset") == []
    assert sentence(here, "ups_calibrating") == "UPS rekam sedang menguji baterainya. Listrik tidak padam; baterai penuh lagi nanti."
    assert here.watch.report.days[here.wall().day].outages == 0
    says(here, "OB CAL", 2, input_voltage="0")
    assert here.watch.picture.source is Source.BATTERY, "the mains failed in the middle of it"


def test_an_overloaded_ups_on_battery_lets_nobody_new_begin() -> None:
    here = site()
    says(here, "OL OVER", 5, ups_load="112")
    assert here.watch.picture.permissions.next_person, "on mains it is only told"
    assert sentence(here, "ups_over") == "Beban UPS rekam terlalu besar. Lepas alat lain dari UPS itu."
    says(here, "OB DISCHRG OVER", 5, ups_load="112", input_voltage="0")
    assert here.watch.state is State.FINISH_ONLY
    says(here, "OB DISCHRG", 5, input_voltage="0")
    assert here.watch.picture.permissions.next_person


@pytest.mark.parametrize(("status", "told", "volts"), [("OL BOOST", "ups_boost", ""), ("OL TRIM", "ups_trim", "245"), ("BOOST", "ups_boost", "")])
def test_voltage_that_the_ups_mends_is_told_calmly(status: str, told: str, volts: str) -> None:
    here = site()
    says(here, status, 5, input_voltage=volts)
    picture = here.watch.picture
    assert (picture.state, picture.source) == (State.NORMAL, Source.MAINS)
    assert [notice.level for notice in picture.notices if notice.id == told] == ["info"]
    says(here, status, 5, input_voltage="190" if "BOOST" in status else "258")
    assert told not in here.reads(), "the figure itself says more"
    assert {"mains_low", "mains_high"} & set(here.reads())


def test_an_alarm_of_the_ups_is_told_once() -> None:
    here = site()
    says(here, "ALARM OL", 5)
    assert sentence(here, "ups_alarm") == "UPS rekam memberi tanda bahaya. Lihat lampu atau layar UPS, lalu hubungi teknisi."
    assert here.watch.state is State.NORMAL
    says(here, "ALARM OL RB", 5)
    assert "ups_alarm" not in here.reads(), "its reason is known and told"
    assert sentence(here, "ups_replace_battery") == "Baterai UPS rekam sudah lemah. Minta ganti baterai."


def test_words_that_need_nobody_say_nothing() -> None:
    here = site()
    says(here, "OL CHRG HB TEST ECO XYZ", 5)
    assert here.reads() == ["power_mains"]
