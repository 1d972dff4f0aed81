"""What the operator must be told and the report must count: the Pi's own supply and heat, high voltage, a stop ordered by upsd."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.devices.ups import reading_of
from edge.power.host import read_host
from edge.power.picture import HostView, State
from edge.power.supply import Readings
from tests.faults.site import sentence, site
from tools.virtual_site import VirtualSite


def see(here: VirtualSite, **changes: object) -> None:
    """One more poll, with something else in its readings."""
    here.now_s += 1
    here.watch.step(here.now_s, here.wall(), replace(here.readings(), **changes))  # type: ignore[arg-type]


def test_a_weak_supply_and_heat_of_the_pi_are_told() -> None:
    here = site()
    see(here, host=HostView(under_voltage=True, temperature_c=84.6))
    assert sentence(here, "host_under_voltage")
    assert "85" in sentence(here, "host_hot")
    see(here, host=HostView(under_voltage=False, temperature_c=79.0))
    assert not {"host_under_voltage", "host_hot"} & set(here.reads())
    see(here, host=HostView())
    assert not {"host_under_voltage", "host_hot"} & set(here.reads()), "unknown is no fault"


def test_high_voltage_is_told_and_counted() -> None:
    here = site()
    here.world.voltage(258)
    here.run(120)
    shown = here.watch.picture.mains_v.value
    assert shown is not None
    assert str(round(shown)) in sentence(here, "mains_high")
    here.world.voltage(230)
    here.run(120)
    day = here.watch.report.days[here.wall().day]
    assert day.high_voltage_s == pytest.approx(120, abs=3)
    assert day.highest_v == pytest.approx(258, abs=3)
    assert day.low_voltage_s == 0


@pytest.mark.parametrize(("status", "why"), [("OB FSD", "stop_forced"), ("OB LB", "stop_battery")])
def test_a_stop_ordered_by_upsd_is_obeyed_whatever_the_charge(status: str, why: str) -> None:
    here = site()
    told = reading_of({"ups.status": status, "battery.charge": "100", "ups.load": "20"})
    here.now_s += 1
    acts = here.watch.step(here.now_s, here.wall(), Readings(upses={"rekam": told}))
    assert here.watch.state is State.STOPPING
    assert ("stop", why) in [(act.kind, act.what) for act in acts]


def test_the_firmwares_first_bit_is_the_weak_supply(tmp_path: Path) -> None:
    throttled, temperature = tmp_path / "throttled", tmp_path / "temp"
    temperature.write_text("61250\n", encoding="ascii")
    for word, weak in (("0x50005", True), ("50001", True), ("0x50000", False), ("0x2", False)):
        throttled.write_text(word + "\n", encoding="ascii")
        assert read_host(throttled, temperature) == HostView(weak, 61.25), word
    assert read_host(tmp_path / "none", tmp_path / "none") == HostView(None, None)
