"""The firmware as a process on a pseudo-terminal, driven by the station's own driver: MicroPython, and CPython where there is none."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices.board import SerialBoard
from edge.devices.interfaces import BoardStatus
from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceRefused, DeviceTimeout
from protocols import board_link as wire
from simulators import micropython
from simulators.board import BoardProcess
from simulators.world import World
from station_config.schema import Board as Config
from tests.waiting import until

NO_MICROPYTHON = pytest.mark.skipif(micropython.find() is None, reason="no MicroPython here: ./rekam micropython fetches it")
INTERPRETERS = [pytest.param(None, id="micropython", marks=NO_MICROPYTHON), pytest.param([], id="cpython")]


class Table:
    """One world, one board, one driver."""

    def __init__(self, folder: Path, interpreter: list[str] | None, **parameters: int) -> None:
        self.world = World(1)
        self.board = BoardProcess(self.world, folder / "board", interpreter=interpreter)
        self.reports: list[BoardStatus] = []
        self.driver = SerialBoard("board", Config(port=str(folder / "board"), parameters=parameters), SystemClock(), self.reports.append)


Body = Callable[[Table], Awaitable[None]]
Run = Callable[[Body], None]


@pytest.fixture(params=INTERPRETERS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    return lambda body, **parameters: asyncio.run(_run(Table(tmp_path, request.param, **parameters), body))


@pytest.fixture
def run_any(tmp_path: Path) -> Run:
    """Once, under whatever interpreter is here: for what does not depend on it."""
    return lambda body, **parameters: asyncio.run(_run(Table(tmp_path, None, **parameters), body))


async def _run(table: Table, body: Body) -> None:
    await table.board.start()
    try:
        await body(table)
    finally:
        await table.driver.close()
        await table.board.stop()


def test_opens_configures_and_reports(run: Run) -> None:
    async def body(table: Table) -> None:
        identity = await table.driver.open()
        assert identity.firmware == f"{wire.SCHEMA:08x}"
        status = await table.driver.status()
        assert (status.mains_ok, status.ups_ok, status.genset_running, status.configured) == (True, True, False, True)
        assert status.temperature_c == 31.0
        table.world.power.outage()
        await until(lambda: table.reports and not table.reports[-1].mains_ok, "the outage in a report")

    run(body)


def test_light_shines_where_the_driver_says_and_goes_out_alone(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        assert await table.driver.light(250) == 250
        first, second = table.driver.pulses()
        assert first.end_s - first.begin_s == pytest.approx(0.019)
        await until(lambda: table.board.outputs["light_supply"] == 1, "the lease")
        await until(lambda: table.board.outputs["light_supply"] == 0, "the supply to be cut")
        assert not table.world.illuminator_on
        assert table.world.lit_s(first.begin_s - 0.05, second.end_s + 0.05) > 0

    run(body)


def test_a_silent_station_leaves_darkness_and_a_held_genset_contact(run: Run) -> None:
    async def body(table: Table) -> None:
        table.world.power.outage()
        await table.driver.open()
        await table.driver.heartbeat()
        await table.driver.genset(run=True)
        await until(lambda: table.board.outputs["start_contact"] == 1, "the start contact")
        await table.driver.light(250)
        await table.driver.close()
        await until(lambda: table.board.outputs["light_supply"] == 0, "darkness", 2)
        assert table.board.outputs["start_contact"] == 1

    run(body, mains_debounce_ms=0)


def test_a_silent_station_is_power_cycled(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        await table.driver.heartbeat()
        await until(lambda: table.board.outputs["pi_power"] == 0, "the cut")
        await until(lambda: table.board.outputs["pi_power"] == 1, "power again")
        status = await table.driver.status()
        assert (status.watchdog_state, status.power_cycles) == ("watching", 1)

    run(body, wd_warn_ms=500, wd_ask_ms=1_000, wd_cut_ms=2_000, off_ms=100)


def test_another_schema_is_refused_naming_both(run: Run) -> None:
    async def body(table: Table) -> None:
        table.board.set_fault("other-schema", True)
        await until(lambda: table.board.starts == 2 and table.board.outputs, "the other firmware")
        with pytest.raises(DeviceProtocolError) as caught:
            await table.driver.open()
        assert caught.value.code == "board_schema"
        assert f"{wire.SCHEMA:08x}" in str(caught.value)
        assert f"{wire.SCHEMA ^ 1:08x}" in str(caught.value)

    run(body)


def test_a_reset_is_noticed_and_opening_again_mends_it(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault("reset", True)
        await until(lambda: table.board.starts == 2 and table.board.outputs, "the next life")
        with pytest.raises(DeviceProtocolError) as caught:
            await table.driver.heartbeat()
        assert caught.value.code == "board_reset"
        await table.driver.open()
        await table.driver.heartbeat()

    run(body)


def test_a_reset_in_the_middle_of_a_command_is_a_time_out_or_a_reset(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault("reset-middle", True)
        with pytest.raises((DeviceTimeout, DeviceProtocolError)):
            await table.driver.light(250)
        await until(lambda: table.board.starts == 2 and table.board.outputs, "the next life")
        assert not table.world.illuminator_on
        await table.driver.open()

    run(body)


def test_a_hung_board_is_a_time_out_with_the_last_bytes(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault("hang", True)
        with pytest.raises(DeviceTimeout):
            await table.driver.status()
        assert table.driver.wire()
        table.board.set_fault("hang", False)
        await table.driver.open()

    run(body)


def test_a_board_that_hangs_under_a_pulse_leaves_no_light_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(table: Table) -> None:
        begin = table.board._pulse

        def then_hang(length_ms: int) -> None:
            begin(length_ms)
            table.board.set_fault("hang", True)

        monkeypatch.setattr(table.board, "_pulse", then_hang)
        await table.driver.open()
        before_s = table.world.clock.now_s()
        with contextlib.suppress(DeviceTimeout):
            await table.driver.light(250)
        await until(lambda: table.world.lit_s(before_s, table.world.clock.now_s()) > 0, "the light")
        await until(lambda: not table.world.illuminator_on, "darkness")
        assert table.board.outputs["light_supply"] == 1, "the firmware still hangs"
        assert table.world.lit_s(before_s, table.world.clock.now_s()) < 0.1

    run(body)


@pytest.mark.parametrize("fault", ["split", "merge", "stray"])
def test_wires_that_delay_and_babble_lose_nothing(run_any: Run, fault: str) -> None:
    async def body(table: Table) -> None:
        table.board.set_fault(fault, True)
        await table.driver.open()
        for _ in range(5):
            await table.driver.heartbeat()

    run_any(body)


@pytest.mark.parametrize("fault", ["drop", "corrupt", "truncate", "mute", "late", "stall"])
def test_a_broken_wire_is_a_time_out_and_mends(run_any: Run, fault: str) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault(fault, True)
        with pytest.raises(DeviceTimeout):
            await table.driver.heartbeat()
        table.board.set_fault(fault, False)
        await table.driver.heartbeat()

    run_any(body)


def test_one_lost_answer_is_asked_for_again_and_nothing_done_twice(run_any: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.wire.once("corrupt")
        assert await table.driver.light(250) == 250

    run_any(body)


def test_unplugging_is_absence_and_replugging_mends(run_any: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault("unplug", True)
        await until(lambda: not table.board.port.plugged, "the plug out")
        with pytest.raises(DeviceAbsent):
            await table.driver.heartbeat()
        table.board.set_fault("unplug", False)
        await until(lambda: table.board.port.plugged, "the plug in")
        await table.driver.open()
        await table.driver.heartbeat()

    run_any(body)


def test_after_an_orderly_stop_the_halted_pi_loses_its_power_and_gets_it_back_with_the_mains(run: Run) -> None:
    async def body(table: Table) -> None:
        power = table.world.power
        await table.driver.open()
        await table.driver.heartbeat()
        power.outage()
        await until(lambda: table.reports and not table.reports[-1].mains_ok, "the outage in a report")
        await table.driver.stopping(90, charge_s=1)
        await table.driver.close()
        assert power.pi_powered()
        power.pi(runs=False)
        await until(lambda: not power.pi_powered(), "the Pi's power cut")
        assert table.board.outputs["hub_power"] == 1
        await until(lambda: table.board.outputs["hub_power"] == 0, "the devices' power cut")
        power.restore()
        await until(lambda: table.board.outputs["hub_power"] == 1, "the devices' power")
        assert not power.pi_powered()
        await until(power.pi_powered, "the Pi's power")
        power.pi(runs=True)
        await table.driver.open()
        await table.driver.heartbeat()
        assert (await table.driver.status()).watchdog_state == "watching"

    run(body, off_ms=100, mains_stable_ms=500)


@pytest.mark.parametrize(("fault", "named"), [("tamper", "tamper"), ("hot", "over_temperature"), ("light-stuck", "light_stuck")])
def test_faults_of_the_box_reach_the_station(run_any: Run, fault: str, named: str) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault(fault, True)
        await until(lambda: table.reports and named in table.reports[-1].faults, f"{named} in a report")
        if fault != "tamper":
            with pytest.raises(DeviceRefused):
                await table.driver.light(250)
        table.board.set_fault(fault, False)
        await until(lambda: table.reports and not table.reports[-1].tamper and (table.reports[-1].temperature_c or 99) < 40, "the cause gone")
        assert await table.driver.clear() == ()

    run_any(body)


def test_a_dead_light_is_told_after_three_pulses(run_any: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        table.board.set_fault("light-dead", True)
        await until(lambda: table.board._told["i light_seen"] == 0, "the photodiode dark")
        for _ in range(2):
            await table.driver.light(250)
            await until(lambda: table.board.outputs["light_supply"] == 1, "the lease")
            await until(lambda: table.board.outputs["light_supply"] == 0, "its end")
        assert "light_dead" in (await table.driver.status()).faults

    run_any(body)


def test_a_full_burst_makes_the_light_rest_and_says_how_long(run_any: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        with pytest.raises(DeviceRefused) as caught:
            await shine_on(table)
        assert caught.value.code == "light_limit"
        assert 19 < caught.value.values["wait_s"] <= 20

    run_any(body)


async def shine_on(table: Table) -> None:
    while True:
        await table.driver.light(250)
        await until(lambda: table.board.outputs["light_supply"] == 0, "the end of the lease")


@pytest.mark.parametrize(("settings", "told"), [
    ({"warmup_seconds": 3}, "warmup_seconds (no board has it)"),
    ({"warmup_ms": 300_001, "off_ms": -1}, "off_ms = -1 (takes 100 to 10000), warmup_ms = 300001 (takes 0 to 300000)"),
])
def test_settings_that_the_board_cannot_take_are_named_before_anything_is_sent(run_any: Run, settings: dict[str, int], told: str) -> None:
    async def body(table: Table) -> None:
        with pytest.raises(DeviceRefused) as caught:
            await table.driver.open()
        assert told in str(caught.value)
        assert "[devices.board.parameters]" in caught.value.next_step

    run_any(body, **settings)


def test_a_new_setting_reaches_a_board_that_runs(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        await table.driver.close()
        other = SerialBoard("board", Config(port=str(table.board.port.link), parameters={"warmup_ms": 1_234}), SystemClock())
        await other.open()
        assert (await other.status()).configured
        await other.close()

    run(body)


def test_a_reset_by_command_is_a_new_life_of_the_board(run: Run) -> None:
    async def body(table: Table) -> None:
        await table.driver.open()
        await table.driver.lamp("work", True)
        await until(lambda: table.board.outputs["lamp_work"] == 1, "the lamp")
        await table.driver.reset()
        await until(lambda: table.board.starts == 2 and table.board.outputs.get("lamp_work") == 0, "the next life, with its lamp off")
        await table.driver.open()

    run(body)
