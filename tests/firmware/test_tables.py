"""Every row of the genset's and of the watchdog's table: it fires when its condition holds, not a millisecond earlier, and does what belongs to it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench, load

OFF, OUTAGE, TEST = wire.GENSET_OFF, wire.GENSET_ON_OUTAGE, wire.GENSET_TEST
CODE = load()
NONE, STOPPING, UPDATING = CODE.watchdog.NONE, CODE.watchdog.STOPPING, CODE.watchdog.UPDATING
FAILURE = "stopping"
"""where a first failure leads"""


class Row(NamedTuple):
    """What makes exactly this row fire: contacts that are closed, for how long all have been as they are, and the machine's own counters."""

    state: str
    condition: str
    to: str
    on: tuple[str, ...] = ()
    steady_ms: int = 0
    counters: Mapping[str, int] = {}


GENSET = (
    Row("idle", "_by_hand", "manual", ("genset_running", "mains_ok"), 5_000),
    Row("idle", "_test_asked", "request", ("mains_ok",), counters={"asked": TEST}),
    Row("idle", "_outage_asked", "mains_debounce", counters={"asked": OUTAGE}),
    Row("mains_debounce", "_not_wanted", "idle", ("mains_ok",), counters={"asked": OUTAGE}),
    Row("mains_debounce", "_outage_lasted", "request", (), 10_000, {"asked": OUTAGE}),
    Row("request", "_not_wanted", "idle"),
    Row("request", "_start_allowed", "starting", counters={"asked": TEST}),
    Row("starting", "_not_wanted", "stopping"),
    Row("starting", "_voltage_steady", "warmup", ("genset_running",), 2_000, {"asked": TEST}),
    Row("starting", "_alarmed", FAILURE, ("genset_alarm",), counters={"asked": TEST, "in_state_ms": 10_000}),
    Row("starting", "_start_overdue", FAILURE, counters={"asked": TEST, "in_state_ms": 80_000}),
    Row("warmup", "_stands", FAILURE, counters={"asked": OUTAGE}),
    Row("warmup", "_warm", "running", ("genset_running",), counters={"asked": OUTAGE, "in_state_ms": 30_000}),
    Row("running", "_stands", FAILURE, counters={"asked": OUTAGE}),
    Row("running", "_mains_back", "return_wait", ("genset_running", "mains_ok"), counters={"asked": OUTAGE}),
    Row("running", "_let_go", "cooldown", ("genset_running",), counters={"ran_ms": 900_000}),
    Row("return_wait", "_stands", FAILURE, ("mains_ok",), counters={"asked": OUTAGE}),
    Row("return_wait", "_mains_out", "running", ("genset_running",), counters={"asked": OUTAGE}),
    Row("return_wait", "_let_go", "cooldown", ("genset_running", "mains_ok"), counters={"ran_ms": 900_000}),
    Row("return_wait", "_mains_steady", "cooldown", ("genset_running", "mains_ok"), 120_000, {"asked": OUTAGE, "ran_ms": 900_000}),
    Row("cooldown", "_stands", "stopping", ("mains_ok",)),
    Row("cooldown", "_outage_asked", "running", ("genset_running",), counters={"asked": OUTAGE}),
    Row("cooldown", "_test_asked", "running", ("genset_running", "mains_ok"), counters={"asked": TEST}),
    Row("cooldown", "_cooled", "stopping", ("genset_running", "mains_ok"), counters={"in_state_ms": 120_000}),
    Row("stopping", "_stands_and_rested", "idle", ("mains_ok",), counters={"pause_ms": 30_000, "in_state_ms": 30_000}),
    Row("stopping", "_stop_overdue", "failed", ("genset_running",), counters={"in_state_ms": 60_000}),
    Row("manual", "_stands", "idle", ("mains_ok",)),
)
WATCHDOG = (
    Row("watching", "_warn_due", "warned", counters={"silent_ms": 30_000}),
    Row("warned", "_beating", "watching", counters={"silent_ms": 1}),
    Row("warned", "_ask_due", "asked", counters={"silent_ms": 60_000}),
    Row("asked", "_beating", "watching", counters={"silent_ms": 1}),
    Row("asked", "_cut_due", "cutting", counters={"silent_ms": 120_000}),
    Row("asked", "_cut_refused", "given_up", counters={"silent_ms": 120_000, "cuts": 3}),
    Row("given_up", "_beating", "watching", counters={"silent_ms": 1, "cuts": 3}),
    Row("given_up", "_cut_again", "cutting", counters={"silent_ms": 120_000, "cuts": 2}),
    Row("leased", "_no_lease", "watching", counters={"lease": NONE}),
    Row("leased", "_update_over", "watching", counters={"lease": UPDATING}),
    Row("leased", "_stopped", "cutting", counters={"lease": STOPPING}),
    Row("cutting", "_hub_due", "off", counters={"in_state_ms": 500}),
    Row("off", "_back_due", "restoring", counters={"in_state_ms": 5_000}),
    Row("restoring", "_pi_due", "watching", counters={"in_state_ms": 2_000}),
)
COUNTED = ("in_state_ms", "ran_ms", "silent_ms")
"""grow by the step itself"""


def place(bench: Bench, machine: Any, names: tuple[str, ...], row: Row, early_ms: int = 0) -> None:
    """Put the machine into the row's situation, `early_ms` before it is complete."""
    machine.state = names.index(row.state)
    bench.board.inputs.bits = sum(1 << wire.INPUTS.index(name) for name in row.on)
    bench.board.inputs._steady_ms = [max(0, row.steady_ms - early_ms)] * len(wire.INPUTS)
    for name, value in row.counters.items():
        if name == "cuts":
            machine.cuts._left_ms = [3_600_000] * value + [0] * (3 - value)
        else:
            setattr(machine, name, value - 1 - early_ms if name in COUNTED else value)


def genset_at(bench: Bench, row: Row, early_ms: int = 0) -> Any:
    genset = bench.board.genset
    genset._lease_ms = 1_000_000
    place(bench, genset, wire.GENSET_STATES, row, early_ms)
    if genset.state in bench.code.genset.CLOSED:
        bench.board.outputs.start_contact.set(1)
    genset.step(1)
    return genset


def watchdog_at(bench: Bench, row: Row, early_ms: int = 0) -> Any:
    dog = bench.board.watchdog
    place(bench, dog, wire.WATCHDOG_STATES, row, early_ms)
    if row.state in ("off", "restoring"):
        bench.board.outputs.pi_power.set(0)
    dog.step(1)
    return dog


def identity(row: Row) -> str:
    return f"{row.state}{row.condition}"


FAILING = {wire.GENSET_STATES[state] + condition.__name__ for state, condition, to in CODE.genset.TABLE if to == CODE.genset.AFTER_FAILURE}


def test_every_row_has_its_case() -> None:
    for table, names, rows in ((CODE.genset.TABLE, wire.GENSET_STATES, GENSET), (CODE.watchdog.TABLE, wire.WATCHDOG_STATES, WATCHDOG)):
        there = [(names[state], condition.__name__, FAILURE if to == CODE.genset.AFTER_FAILURE else names[to]) for state, condition, to in table]
        assert there == [row[:3] for row in rows]


@pytest.mark.parametrize("row", GENSET, ids=identity)
def test_the_genset_goes_where_its_table_says(ready: Bench, row: Row) -> None:
    genset = genset_at(ready, row)
    assert wire.GENSET_STATES[genset.state] == row.to
    closed = row.to in {"starting", "warmup", "running", "return_wait", "cooldown"}
    assert ready.hal.outputs["start_contact"] == int(closed)
    assert genset.failures == int(identity(row) in FAILING)


@pytest.mark.parametrize("row", [row for row in GENSET if row.steady_ms or set(row.counters) & set(COUNTED)], ids=identity)
def test_the_genset_does_not_go_a_moment_too_early(ready: Bench, row: Row) -> None:
    assert wire.GENSET_STATES[genset_at(ready, row, early_ms=1).state] == row.state


@pytest.mark.parametrize("row", WATCHDOG, ids=identity)
def test_the_watchdog_goes_where_its_table_says(ready: Bench, row: Row) -> None:
    assert wire.WATCHDOG_STATES[watchdog_at(ready, row).state] == row.to
    expected = {"cutting": (0, 1), "off": (1, 0), "restoring": (0, 1)}.get(row.to, (1, 1))
    assert (ready.hal.outputs["pi_power"], ready.hal.outputs["hub_power"]) == expected


TIMED = [row for row in WATCHDOG if max(row.counters.get(name, 0) for name in COUNTED) > 1 and row.condition != "_cut_again"]
"""that one waits for the hour, not for silence"""


@pytest.mark.parametrize("row", TIMED, ids=identity)
def test_the_watchdog_does_not_go_a_moment_too_early(ready: Bench, row: Row) -> None:
    assert wire.WATCHDOG_STATES[watchdog_at(ready, row, early_ms=1).state] == row.state
