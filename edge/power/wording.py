"""From figures to sentences: which message ids the operator reads, with the values that fill them. The texts are in id.toml, en.toml.

Plain words: the source, how long, for how many people, what to do. Nothing here decides anything.
"""

import math
from collections.abc import Iterator, Mapping, Set

from edge.devices.interfaces import GensetReading
from edge.power.energy import Battery
from edge.power.genset_keeper import GensetKeeper
from edge.power.picture import Figure, GensetView, HostView, Notice, PowerPicture, Source, State, UpsView
from edge.power.policy import PERMISSIONS
from edge.power.supply import Supply
from station_config.schema import Power

FUEL_LOW_PERCENT = 20.0
BOARD_LOW_MV = 4750.0
"""a Pi warns at 4.63 V; below 4.75 V cameras begin to fail"""
HOST_HOT_C = 80.0
"""the Pi slows itself down here"""
VOLTS_SLACK, MV_SLACK, C_SLACK, FUEL_SLACK = 3.0, 50.0, 2.0, 3.0
"""so far back over its limit must a figure be before its notice goes: one that hovers there would make the screen flicker"""
WORN_PERCENT = 50.0
"""of the name plate: a battery that gives less is to be replaced"""
SILENT_S = 10.0
STOPPING = {"stop_battery": "power_stopping", "stop_forced": "power_stopping_forced"}
WORDS = (
    ("OFF", "ups_off", "alarm"), ("OVER", "ups_over", "alarm"), ("BYPASS", "ups_bypass", "warn"),
)
"""of ups.status that stand for themselves: notice and level"""
BUSY_PLANS = ("starting", "resting", "warm_up", "looking")


NO_SENTENCE = Notice("power_unknown", "info")


def nothing_known() -> PowerPicture:
    """Before the first poll."""
    return PowerPicture(
        at_s=0.0,
        state=State.NORMAL,
        source=Source.UNKNOWN,
        source_s=0.0,
        upses=(),
        genset=None,
        host=HostView(),
        board_mv=Figure(),
        board_c=Figure(),
        mains_v=Figure(),
        mains_hz=Figure(),
        draw_w=None,
        minutes=None,
        people_left=None,
        permissions=PERMISSIONS[State.NORMAL],
        sentence=NO_SENTENCE,
        notices=(),
    )


def sentence(picture: PowerPicture, up_s: float, stop_why: str | None = None) -> Notice:
    """The one line for every screen; up_s: since the first poll; stop_why: message id of the reason, somebody's wish where it is none of ours."""
    if picture.state is State.STOPPING:
        return Notice(STOPPING.get(stop_why or "", "power_stopping_asked"), "alarm")
    if picture.source is Source.BATTERY:
        return _on_battery(picture)
    names = {Source.MAINS: "power_mains", Source.GENSET: "power_genset", Source.UNKNOWN: "power_unknown"}
    if picture.source is Source.UNKNOWN and any(_silent_s(ups, up_s) > SILENT_S for ups in picture.upses):
        return Notice("power_silent", "warn")
    return Notice(names[picture.source], "info")


def _silent_s(ups: UpsView, up_s: float) -> float:
    """Since it last told something; who never did is silent since the first poll."""
    return up_s if ups.stale_s is None else ups.stale_s


def _on_battery(picture: PowerPicture) -> Notice:
    if picture.minutes is None:
        return Notice("power_battery_unknown", "warn")
    values = {"minutes": int(picture.minutes.likely), "people": picture.people_left or 0}
    if picture.state is State.FINISH_ONLY:
        return Notice("power_battery_finish", "warn", values)
    return Notice("power_battery" if picture.people_left is not None else "power_battery_minutes", "warn", values)


def genset_view(
    keeper: GensetKeeper, reading: GensetReading | None, now_s: float, person_s: float, test_in_days: float | None,
) -> GensetView:
    """The genset in figures; a silent controller's figures are unknown."""
    plan, rules, age_s = keeper.plan, keeper.rules, keeper.age_s(now_s)

    def figure(value: float | None) -> Figure:
        return Figure(value, age_s) if value is not None else Figure()

    fuel = reading.fuel_percent if reading else None
    fuel_h = None if fuel is None else fuel / 100 * rules.tank_l / rules.litres_hour
    hours = reading.run_hours if reading else None
    return GensetView(
        plan=plan.state,
        code=plan.code,
        volts=figure(reading.l1_v if reading else None),
        hz=figure(reading.frequency_hz if reading else None),
        rpm=figure(reading.rpm if reading else None),
        fuel_percent=figure(fuel),
        fuel_hours=fuel_h,
        fuel_people=None if fuel_h is None else int(fuel_h * 3600 / person_s),
        oil_kpa=figure(reading.oil_kpa if reading else None),
        coolant_c=figure(reading.coolant_c if reading else None),
        run_hours=figure(hours),
        service_in_h=keeper.service_in_h,
        service_due=keeper.service_due,
        alarms=reading.alarms if reading else (),
        failures=plan.failures,
        test_in_days=test_in_days,
        age_s=age_s,
        hand=_by_hand(keeper),
        hand_minutes=math.ceil(keeper.hand.left_s(rules) / 60),
    )


def _by_hand(keeper: GensetKeeper) -> str | None:
    if keeper.hand.wish == "stop":
        return "genset_held" if keeper.plan.state == "idle" else None
    return "genset_by_hand" if keeper.hand.wish == "start" else None


def notices(
    picture: PowerPicture, supply: Supply, batteries: Mapping[str, Battery], power: Power, up_s: float, board_silent_s: float, shown: Set[str] = frozenset(),
) -> tuple[Notice, ...]:
    """Everything worth a line, most urgent first. up_s: since the first poll; nobody is blamed for not having answered yet. shown: ids of a moment ago."""
    found = [
        *_of_supply(picture, supply, power, shown), *_of_upses(picture, batteries, power, up_s, shown), *_of_genset(picture, shown), *_of_boxes(picture, shown),
    ]
    if board_silent_s > SILENT_S:
        found.append(Notice("board_silent", "warn"))
    order = {"alarm": 0, "warn": 1, "info": 2}
    return tuple(sorted(found, key=lambda notice: order[notice.level]))


def _of_supply(picture: PowerPicture, supply: Supply, power: Power, shown: Set[str]) -> Iterator[Notice]:
    volts = picture.mains_v.value
    if picture.source is Source.MAINS and volts is not None and _low(volts, power, shown):
        yield Notice("mains_low", "warn", {"volts": round(volts)})
    elif picture.source is Source.BATTERY and volts is not None and 50 < volts < power.low_v:
        yield Notice("mains_brown_out", "warn", {"volts": round(volts)})
    elif volts is not None and _high(volts, power, shown):
        yield Notice("mains_high", "alarm", {"volts": round(volts)})
    if supply.flickers(picture.at_s):
        yield Notice("mains_flicker", "warn")
    if supply.disagree(picture.at_s):
        names = [track.name for track in supply.tracks if track.on_battery]
        yield Notice("ups_disagree", "warn", {"name": ", ".join(names)})


def _low(volts: float, power: Power, shown: Set[str]) -> bool:
    return volts < power.low_v + VOLTS_SLACK * ("mains_low" in shown)


def _high(volts: float, power: Power, shown: Set[str]) -> bool:
    return volts > power.high_v - VOLTS_SLACK * ("mains_high" in shown)


def _of_upses(picture: PowerPicture, batteries: Mapping[str, Battery], power: Power, up_s: float, shown: Set[str]) -> Iterator[Notice]:
    for ups in picture.upses:
        silent_s = _silent_s(ups, up_s)
        if silent_s > SILENT_S:
            level = "alarm" if picture.source in (Source.BATTERY, Source.UNKNOWN) else "warn"
            yield Notice("ups_no_news", level, {"name": ups.name, "seconds": int(silent_s)})
        health_percent = batteries[ups.name].health_percent
        worn = "RB" in ups.status or (health_percent is not None and health_percent < WORN_PERCENT)
        if worn:
            yield Notice("ups_replace_battery", "warn", {"name": ups.name})
        for code, level in _words(ups, picture, power, shown, worn=worn):
            yield Notice(code, level, {"name": ups.name})


def _words(ups: UpsView, picture: PowerPicture, power: Power, shown: Set[str], *, worn: bool) -> Iterator[tuple[str, str]]:
    """What else its status says: notice and level. A word about voltage is left out where the figure itself is told."""
    yield from ((code, level) for word, code, level in WORDS if word in ups.status)
    if "ALARM" in ups.status and not worn:
        yield "ups_alarm", "warn"
    if ups.calibrates:
        yield "ups_calibrating", "info"
    elif ups.on_battery is False and _empty(ups, power):
        yield "ups_empty", "warn"
    volts = picture.mains_v.value
    if "BOOST" in ups.status and (volts is None or not _low(volts, power, shown)):
        yield "ups_boost", "info"
    if "TRIM" in ups.status and (volts is None or not _high(volts, power, shown)):
        yield "ups_trim", "info"


def _empty(ups: UpsView, power: Power) -> bool:
    charge_percent = ups.charge_percent.value
    return "LB" in ups.status or (charge_percent is not None and charge_percent < power.stop_below_percent)


def _of_genset(picture: PowerPicture, shown: Set[str]) -> Iterator[Notice]:
    genset = picture.genset
    if genset is None:
        return
    if genset.plan == "locked":
        yield Notice(genset.code, "alarm", {"alarms": ", ".join(genset.alarms)})
    elif genset.plan in BUSY_PLANS and genset.code != "genset_ready":
        yield Notice(genset.code, "info" if genset.plan != "resting" else "warn")
    if genset.hand is not None:
        yield Notice(genset.hand, "info", {"minutes": genset.hand_minutes})
    fuel = genset.fuel_percent.value
    if fuel is not None and fuel < FUEL_LOW_PERCENT + FUEL_SLACK * ("genset_fuel_low" in shown):
        yield Notice("genset_fuel_low", "warn", {"percent": round(fuel), "hours": round(genset.fuel_hours or 0.0, 1), "people": genset.fuel_people or 0})
    elif fuel is None and genset.rpm.known:
        yield Notice("genset_fuel_unknown", "warn")
    if genset.service_in_h is not None and genset.service_in_h <= 0:
        yield Notice("genset_service_overdue", "warn", {"hours": round(-genset.service_in_h)})
    elif genset.service_in_h is not None and genset.service_due:
        yield Notice("genset_service_due", "info", {"hours": round(genset.service_in_h)})


def _of_boxes(picture: PowerPicture, shown: Set[str]) -> Iterator[Notice]:
    if picture.board_mv.value is not None and picture.board_mv.value < BOARD_LOW_MV + MV_SLACK * ("supply_low" in shown):
        yield Notice("supply_low", "warn", {"volts": round(picture.board_mv.value / 1000, 2)})
    if picture.host.under_voltage:
        yield Notice("host_under_voltage", "warn")
    if picture.host.temperature_c is not None and picture.host.temperature_c > HOST_HOT_C - C_SLACK * ("host_hot" in shown):
        yield Notice("host_hot", "warn", {"celsius": round(picture.host.temperature_c)})
