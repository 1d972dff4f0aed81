"""What the operator must be told and the report must count: the Pi's own supply and heat, high voltage, a stop ordered by upsd."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from edge.devices.ups import reading_of
from edge.power.host import read_host
from edge.power.picture import HostView, State
from edge.power.supply import Readings
from simulators.power import PowerWorld
from station_config.schema import GensetRules, Power
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
    see(here, host=HostView(under_voltage=False, temperature_c=77.0))
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


@pytest.mark.parametrize("hovers", ["mains at 198 V", "mains at 253 V", "rail at 4.75 V", "host at 80 C", "fuel at 20 %"])
def test_a_figure_that_hovers_at_its_limit_does_not_make_the_screen_flicker(hovers: str) -> None:
    rng, here, changes, before = random.Random(hovers), Noisy(PowerWorld(random.Random(1)), Power(genset=GensetRules(test_every_days=0))), 0, [""]
    for _ in range(1800):
        noise = rng.gauss(0, 1)
        here.world.voltage({"mains at 198 V": 198 + 0.7 * noise, "mains at 253 V": 253 + 0.7 * noise}.get(hovers, 230))
        here.world.genset.fuel_l = 12 + 0.2 * noise if hovers.startswith("fuel") else 40
        here.mv, here.celsius = (4750 + 10 * noise if hovers.startswith("rail") else 5050), (80 + 0.5 * noise if hovers.startswith("host") else 60)
        here.run(2)
        changes, before = changes + (here.reads() != before), here.reads()
    assert len(before) > 1, "it is told"
    assert changes <= 6


class Noisy(VirtualSite):
    """Whose board and processor are measured."""

    mv, celsius = 5050.0, 60.0

    def readings(self) -> Readings:
        found = super().readings()
        assert found.board is not None
        return replace(found, board=replace(found.board, supply_mv=int(self.mv)), host=HostView(False, self.celsius))
