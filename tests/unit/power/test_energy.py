"""The energy model learns from discharges that a simulated battery really makes."""

import random

import pytest

from edge.power.energy import SLICES, UNLEARNT_BAND, Battery, Draw, Work, dump, restore
from edge.power.picture import Minutes
from simulators.power import UpsBattery


def discharge(model: Battery, ups: UpsBattery, watts: float, down_to_soc: float = 0.2) -> list[tuple[float, float]]:
    """Drive both; returns (minutes said, minutes true to the same end) once a minute."""
    ups.load_w = watts
    said: list[tuple[float, float]] = []
    for second in range(40_000):
        ups.process(1.0, 0.0, 0.0)
        model.on_battery(round(ups.charge_percent), watts, 1.0)
        if second % 60 == 59:
            minutes = model.minutes(round(ups.charge_percent), watts)
            assert minutes is not None
            said.append((minutes.likely, 60 * (ups.left_wh - 0.1 * ups.usable_wh) / ups.drain_w))
        if ups.soc < down_to_soc:
            break
    model.end()
    ups.process(1.0, 230.0, 50.0)
    return said


def test_before_the_first_discharge_the_band_says_how_little_is_known() -> None:
    model = Battery(500)
    minutes = model.minutes(80, 120)
    assert minutes is not None
    assert minutes.low == pytest.approx(minutes.likely * (1 - UNLEARNT_BAND))
    assert not model.learnt


@pytest.mark.parametrize("health", [1.0, 0.7, 0.4])
def test_after_two_discharges_minutes_are_within_fifteen_percent(health: float) -> None:
    ups, model = UpsBattery(capacity_wh=300, health=health), Battery(300)
    for _ in range(2):
        ups.soc = 1.0
        discharge(model, ups, 150)
    ups.soc = 1.0
    said = discharge(model, ups, 150, down_to_soc=0.5)
    assert model.learnt
    for likely, true in said[1:]:
        assert likely == pytest.approx(true, rel=0.15)


def test_a_discharge_that_begins_half_full_teaches_only_what_it_saw() -> None:
    ups, model = UpsBattery(capacity_wh=300), Battery(300)
    ups.soc = 0.5
    discharge(model, ups, 150)
    top = int(ups.charge_percent)
    assert all(wh is None for wh in model.slices_wh[8:])
    assert top < 80


def test_unknown_charge_is_unknown_time() -> None:
    model = Battery(300)
    model.on_battery(None, 150, 60)
    assert model.minutes(None, 150) is None
    assert model.minutes(50, 0) is None


def test_dead_while_it_reported_much_is_remembered() -> None:
    model = Battery(300)
    for _ in range(120):
        model.on_battery(95, 150, 1.0)
    model.died()
    minutes = model.minutes(95, 150)
    assert minutes is not None
    assert minutes.likely < 5


def test_a_light_load_teaches_nothing() -> None:
    ups, model = UpsBattery(capacity_wh=50), Battery(50)
    discharge(model, ups, 12)
    assert model.slices_wh == [None] * SLICES


def test_draw_follows_the_mix_and_jumps_with_a_change_of_regime() -> None:
    draw, rng = Draw(), random.Random(1)
    for _ in range(2000):
        draw.observe("capture", rng.uniform(140, 160), 2.0)
    assert draw.expected_w("idle") == pytest.approx(150, rel=0.05)
    for _ in range(90):
        draw.observe("idle", 15, 2.0)
    assert draw.expected_w("idle") < 40, "three minutes after closing, not twenty"
    assert draw.watts("print") == 110, "never seen: a first guess"


def test_people_left_uses_the_careful_end_and_keeps_the_reserve() -> None:
    work = Work(person_s=240)
    assert work.people_left(Minutes(low=25, likely=40, high=60), 5) == 5
    assert work.people_left(Minutes(low=4, likely=6, high=9), 5) == 0
    assert work.people_left(None, 5) is None


def test_memory_survives_and_forgets_what_is_no_longer_fitted() -> None:
    ups, model = UpsBattery(capacity_wh=300), Battery(300)
    discharge(model, ups, 150)
    draw, work = Draw(), Work()
    work.done(300, 8.0)
    kept = dump({"rekam": model, "old": Battery(10)}, draw, work)
    fresh, other = {"rekam": Battery(300)}, Work()
    restore(kept, fresh, Draw(), other)
    assert fresh["rekam"].slices_wh == model.slices_wh
    assert other == work


@pytest.mark.parametrize(("before_w", "after_w"), [(12.0, 150.0), (150.0, 12.0)])
def test_opening_and_closing_are_believed_within_a_quarter_of_a_minute(before_w: float, after_w: float) -> None:
    draw = Draw()
    for _ in range(200):
        draw.observe("idle", before_w, 4.0)
    for _ in range(4):
        draw.observe("capture", after_w, 4.0)
    assert draw.expected_w("capture") == pytest.approx(after_w, rel=0.05)


def test_one_odd_reading_is_not_believed() -> None:
    draw = Draw()
    for _ in range(200):
        draw.observe("idle", 150.0, 4.0)
    draw.observe("idle", 400.0, 2.0)
    assert draw.expected_w("idle") == pytest.approx(150.0, rel=0.05)


def test_the_lowest_tenth_never_counts() -> None:
    model = Battery(500)
    assert model.left_wh(9.9) == 0
    assert model.left_wh(50) == pytest.approx(4 * 50 * 0.7), "four slices, at the share that an unknown battery is trusted with"
    minutes = model.minutes(50, 132)
    assert minutes is not None
    assert minutes.likely == pytest.approx(60), "140 Wh at 132 W and the UPS's own 8 W"
    assert model.to_reserve_wh(5) == pytest.approx(model.slice_of(0) / 2)
    assert model.to_reserve_wh(10) == 0


def test_even_a_battery_without_surprises_is_told_with_a_band() -> None:
    model = Battery(500, slices_wh=[40.0] * SLICES, error=0.0)
    assert model.band == 0.1
    model.error = 0.2
    assert model.band == pytest.approx(0.3)
    model.error = 0.9
    assert model.band == UNLEARNT_BAND


def test_a_slice_that_nobody_saw_holds_less_than_the_one_above_and_never_more_than_the_name_plate() -> None:
    model = Battery(100)
    model.slices_wh[8] = 20.0
    assert model.slice_of(8) == 20
    assert model.slice_of(7) == pytest.approx(8.5)
    assert model.slice_of(5) == pytest.approx(10 * 0.85**3)


def _drawn(model: Battery, percent: float, seconds: int, watts: float = 352.0) -> None:
    for _ in range(seconds):
        model.on_battery(percent, watts, 1.0)


def test_slices_that_the_charge_jumped_over_are_empty() -> None:
    model = Battery(300)
    _drawn(model, 100, 60)
    _drawn(model, 65, 1)
    assert model.slices_wh[7:9] == [0.0, 0.0]
    assert model.slices_wh[9] == pytest.approx(61 * 360 / 3600)


def test_what_was_drawn_from_a_slice_is_not_left_in_it_whatever_is_reported() -> None:
    model = Battery(100, slices_wh=[10.0] * SLICES)
    _drawn(model, 100, 40)
    _drawn(model, 89, 80)
    drawn_wh = 79 * 360 / 3600
    assert model.left_wh(89) == pytest.approx(7 * 10 + 10 - drawn_wh, abs=0.2)


def test_a_charge_that_rises_under_load_is_not_believed() -> None:
    model = Battery(100, slices_wh=[10.0] * SLICES)
    _drawn(model, 100, 40)
    _drawn(model, 79, 2)
    below, above = model.left_wh(79), model.left_wh(99)
    assert below is not None
    assert above is not None
    assert above <= 7 * 10
    assert above >= below


def test_one_slow_person_moves_the_mean_by_a_fifth() -> None:
    work = Work(person_s=240)
    work.done(480, 20.0)
    work.done(480, 10.0)
    assert work.person_s == pytest.approx(240 + 48 + 0.2 * (480 - 288))
    assert work.person_wh == pytest.approx(18)


def test_everything_that_was_learnt_survives() -> None:
    model, draw = Battery(300, slices_wh=[20.0] * SLICES, error=0.17, top_percent=93.0), Draw()
    model.charging.watts = 31.0
    draw.observe("capture", 150, 60)
    fresh, drawn = Battery(300), Draw()
    restore(dump({"rekam": model}, draw, Work()), {"rekam": fresh}, drawn, Work())
    assert (fresh.error, fresh.top_percent, fresh.charging.watts) == (0.17, 93.0, 31.0)
    assert (drawn.recent_w, drawn.by_activity) == (draw.recent_w, draw.by_activity)


def test_a_voltage_that_has_not_settled_is_not_read() -> None:
    model = Battery(300)
    _drawn(model, 72, 29)
    _drawn(model, 100, 60)
    _drawn(model, 89, 1)
    assert model.slices_wh[9] == pytest.approx(90 * 360 / 3600), "the dip of the first half minute is no charge"
