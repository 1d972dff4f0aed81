"""When the genset runs and when it carries the load: a table of small judgements around one immutable `Plan`. Pure.

    idle -> starting -> warm_up -> on_load -> cool_down -> stopping -> idle
                 \\-> resting -> starting ...                three failures -> locked (until acknowledged)
    a weekly test goes warm_up -> testing -> cool_down and never carries the load
    where nobody sees the mains: on_load -> looking (load off) -> on_load or cool_down

The controller cranks, supervises oil, temperature and speed; this module asks, waits and judges voltage and frequency before the
load goes over. It never gives up a genset that carries the load because its controller fell silent: the UPS tells at once when
power is gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from station_config.schema import GensetRules

RUNNING_RPM = 600.0
RUNNING_V = 100.0
UNSTABLE_S = 5.0
"""a dip when a load comes on is shorter"""
HOUR_S = 3600.0
STOP_UNKNOWN = "genset_stop_unknown"
STOP_AGAIN_S = 600.0
"""a locked engine that runs in AUTO is told again to stop: the command may have been lost; one that somebody runs by hand is theirs"""
HARMLESS_ALARMS = frozenset({"fail_to_start", "low_fuel", "low_battery_voltage", "high_battery_voltage", "charge_failure", "fuel_sender_fault"})
"""alarms that do not forbid another start; anything else locks out until somebody has looked"""
NOT_AUTOMATIC = frozenset({"stop", "off", "manual", "test_on_load", "test_off_load", "test"})
"""places of the controller's selector in which it refuses a start from outside"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the genset at one instant; None is unknown."""

    now_s: float
    running: bool | None = None
    volts: float | None = None
    hz: float | None = None
    alarms: tuple[str, ...] = ()
    want: str | None = None
    """reason to run: forecast, schedule, hand, test"""
    mains_steady_s: float = 0.0
    stop_by_hand: bool = False
    """or the station itself stops"""
    hurry: bool = False
    """no time for a cool-down of ours: the battery is low"""
    cooling: bool = False
    """the board holds the contact for a cool-down of its own"""
    acknowledged: bool = False
    unfed: bool = False
    """every UPS says that it is on battery: whatever runs, it does not reach the station"""
    mode: str | None = None
    """the controller's selector"""
    look: bool = False
    """nobody knows whether the mains are back, and it is time to see"""
    refused: bool = False
    """the controller said no to the start"""
    spent: bool = False
    """the battery carries the station and is at its end"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the plan stands."""

    state: str = "idle"
    since_s: float = 0.0
    reason: str = ""
    failures: int = 0
    code: str = "genset_ready"
    """message id of the plain answer on the page"""
    stable_since_s: float | None = None
    unstable_since_s: float | None = None
    load_since_s: float = 0.0
    load_told_s: float = 0.0
    """when `load` was sent last, or when the load was last seen to be carried"""
    told: int = 1
    """how often `load`, or `stop`, was sent in this state"""
    starts_s: tuple[float, ...] = ()
    """start requests of the last hour"""


Acts = tuple[str, ...]
"""start, stop, load, unload, reset: what the manager sends to the controller or the board"""
Step = Callable[[Plan, Seen, GensetRules], tuple[Plan, Acts]]


def step(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    """The next plan and what is to be sent."""
    plan = _watch_quality(plan, seen, rules)
    blocking = [alarm for alarm in seen.alarms if alarm not in HARMLESS_ALARMS]
    if blocking and plan.state not in ("locked", "idle"):
        return _lock(plan, seen, "genset_alarm"), ("unload", "stop")
    return STEPS[plan.state](plan, seen, rules)


def stable(seen: Seen, rules: GensetRules) -> bool:
    """Voltage and frequency are known and within limits."""
    if seen.volts is None or seen.hz is None:
        return False
    return rules.low_v <= seen.volts <= rules.high_v and rules.low_hz <= seen.hz <= rules.high_hz


def turns(rpm: float | None, volts: float | None) -> bool | None:
    """Does the engine run, by its speed or its voltage? None: neither is known."""
    if rpm is None and volts is None:
        return None
    return (rpm or 0.0) > RUNNING_RPM or (volts or 0.0) > RUNNING_V


def _watch_quality(plan: Plan, seen: Seen, rules: GensetRules) -> Plan:
    if stable(seen, rules):
        good_since_s = seen.now_s if plan.stable_since_s is None else plan.stable_since_s
        return replace(plan, stable_since_s=good_since_s, unstable_since_s=None)
    if seen.volts is None and seen.hz is None and seen.running is not False:
        return replace(plan, stable_since_s=None, unstable_since_s=None)
    return replace(plan, stable_since_s=None, unstable_since_s=seen.now_s if plan.unstable_since_s is None else plan.unstable_since_s)


def _go(plan: Plan, seen: Seen, state: str, code: str) -> Plan:
    return replace(plan, state=state, since_s=seen.now_s, code=code, told=1)


def _lock(plan: Plan, seen: Seen, code: str) -> Plan:
    return _go(plan, seen, "locked", code)


def _idle(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.want is None:
        return (replace(plan, code="genset_ready", failures=0) if plan.code != "genset_ready" else plan), ()
    recent = tuple(at for at in plan.starts_s if seen.now_s - at < HOUR_S)
    if len(recent) >= rules.starts_an_hour:
        return _lock(plan, seen, "genset_too_many_starts"), ()
    acts: Acts = ("reset", "start") if "fail_to_start" in seen.alarms else ("start",)
    begun = replace(plan, reason=seen.want, starts_s=(*recent, seen.now_s), stable_since_s=None, unstable_since_s=None)
    return _go(begun, seen, "starting", "genset_starting"), acts


def _starting(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.stop_by_hand:
        return _go(plan, seen, "stopping", "genset_stopping"), ("stop",)
    if seen.running:
        return _go(plan, seen, "warm_up", "genset_warming_up"), ()
    if "fail_to_start" in seen.alarms and seen.now_s - plan.since_s > 1.0:
        return _failed(plan, seen, rules, "genset_did_not_start")
    if seen.refused or seen.now_s - plan.since_s > rules.start_timeout_s:
        other = "genset_refused" if seen.refused else "genset_did_not_start"
        return _failed(plan, seen, rules, "genset_not_auto" if seen.mode in NOT_AUTOMATIC else other)
    return plan, ()


def _failed(plan: Plan, seen: Seen, rules: GensetRules, code: str) -> tuple[Plan, Acts]:
    plan = replace(plan, failures=plan.failures + 1)
    state = "locked" if plan.failures >= rules.attempts else "resting"
    return _go(plan, seen, state, code), ("unload", "stop")


def _resting(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.want is None:
        return _go(plan, seen, "stopping", "genset_stopping"), ("stop",)
    if seen.now_s - plan.since_s < rules.rest_s:
        return plan, ()
    return _idle(plan, seen, rules)


def _warm_up(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.stop_by_hand:
        return _go(plan, seen, "cool_down", "genset_cooling_down"), ()
    if seen.running is False:
        return _failed(plan, seen, rules, "genset_died")
    if plan.stable_since_s is not None and seen.now_s - plan.stable_since_s >= rules.stable_s:
        return _ready_for_load(plan, seen)
    if seen.now_s - plan.since_s > rules.warm_up_timeout_s:
        return _failed(plan, seen, rules, "genset_no_voltage")
    return plan, ()


def _ready_for_load(plan: Plan, seen: Seen) -> tuple[Plan, Acts]:
    if plan.reason == "test":
        return _go(plan, seen, "testing", "genset_testing"), ()
    return replace(_go(plan, seen, "on_load", "genset_safe"), load_since_s=seen.now_s, load_told_s=seen.now_s), ("load",)


def _testing(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.running is False:
        return _failed(plan, seen, rules, "genset_died")
    if seen.want not in (None, "test"):
        return _ready_for_load(replace(plan, reason=seen.want or ""), seen)
    if seen.stop_by_hand or seen.now_s - plan.since_s >= rules.test_minutes * 60:
        return _go(plan, seen, "cool_down", "genset_cooling_down"), ()
    return plan, ()


def _on_load(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.running is False:
        return _failed(plan, seen, rules, "genset_died")
    if plan.unstable_since_s is not None and seen.now_s - plan.unstable_since_s > UNSTABLE_S:
        return _failed(plan, seen, rules, "genset_unstable")
    minimum_over = seen.now_s - plan.load_since_s >= rules.minimum_run_s
    mains_back = seen.want is None and seen.mains_steady_s >= rules.mains_return_s
    if seen.stop_by_hand or (minimum_over and mains_back):
        return _go(plan, seen, "cool_down", "genset_cooling_down"), ("unload",)
    if seen.look:
        return _go(plan, seen, "looking", "genset_looks"), ("unload",)
    return _carried(plan, seen, rules)


def _looking(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    """The engine idles, the UPS tells whether the mains feed it: then the cool-down has begun already, else the load comes back."""
    if seen.running is False:
        return _failed(plan, seen, rules, "genset_died")
    if seen.stop_by_hand or seen.mains_steady_s >= rules.mains_return_s:
        return replace(plan, state="cool_down", code="genset_cooling_down"), ()
    waited_s = seen.now_s - plan.since_s
    seen_enough = waited_s >= rules.load_timeout_s and (seen.unfed or waited_s > rules.load_timeout_s + rules.mains_return_s)
    if not (seen_enough or seen.spent):
        return plan, ()
    if stable(seen, rules):
        return _ready_for_load(plan, seen)
    return _failed(plan, seen, rules, "genset_unstable")


def _carried(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    """A command that was lost or refused must not leave the engine idle while the battery empties."""
    if not seen.unfed:
        return replace(plan, code="genset_safe", failures=0, load_told_s=seen.now_s, told=1), ()
    if seen.now_s - plan.load_told_s < rules.load_timeout_s:
        return plan, ()
    if plan.told >= rules.attempts:
        return _failed(plan, seen, rules, "genset_not_loaded")
    return replace(plan, code="genset_load_again", load_told_s=seen.now_s, told=plan.told + 1), ("load",)


def _cool_down(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    if seen.want not in (None, "test") and stable(seen, rules):
        return _ready_for_load(replace(plan, reason=seen.want or ""), seen)
    if seen.now_s - plan.since_s >= rules.cool_down_s or seen.running is False or seen.hurry:
        return _go(plan, seen, "stopping", "genset_stopping"), ("stop",)
    return plan, ()


def _stopping(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    """Until the engine is seen to stand; a silent controller may never have heard of it."""
    if seen.running is False:
        return replace(_go(plan, seen, "idle", "genset_ready"), reason=""), ()
    if seen.cooling:
        return replace(plan, since_s=seen.now_s), ()
    if seen.now_s - plan.since_s <= rules.stop_timeout_s:
        return plan, ()
    if plan.told == 1:
        return replace(plan, since_s=seen.now_s, told=2), ("stop",)
    return _lock(plan, seen, "genset_will_not_stop" if seen.running else STOP_UNKNOWN), ("stop",)


def _locked(plan: Plan, seen: Seen, rules: GensetRules) -> tuple[Plan, Acts]:
    goes_on = seen.running and seen.mode is not None and seen.mode not in NOT_AUTOMATIC
    if seen.acknowledged:
        fresh = replace(plan, failures=0, starts_s=(), reason="")
        return _go(fresh, seen, "idle", "genset_ready"), ("reset", "stop") if goes_on else ("reset",)
    if plan.code == STOP_UNKNOWN and seen.running is False:
        return replace(_go(plan, seen, "idle", "genset_ready"), reason=""), ()
    if goes_on and seen.now_s - plan.since_s >= STOP_AGAIN_S:
        return replace(plan, since_s=seen.now_s), ("stop",)
    return plan, ()


STEPS: Mapping[str, Step] = {
    "idle": _idle,
    "starting": _starting,
    "resting": _resting,
    "warm_up": _warm_up,
    "testing": _testing,
    "on_load": _on_load,
    "looking": _looking,
    "cool_down": _cool_down,
    "stopping": _stopping,
    "locked": _locked,
}
