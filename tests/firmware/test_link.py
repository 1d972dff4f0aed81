"""The board's end of the link: once each, never too late, never too much; and what is around it: reset, chip watchdog, faults."""

import pytest

from protocols import board_link as wire
from tests.firmware.loader import Bench


def replies(bench: Bench) -> list[tuple[int, int, bytes]]:
    return [found for found in bench.heard() if found[0] != 0]


def events(bench: Bench) -> list[dict[str, int]]:
    return [wire.EVENT.read(body) for sequence, _, body in bench.heard() if sequence == 0]


def test_identify_names_version_schema_and_settings(bench: Bench) -> None:
    found = bench.ask("identify")
    assert (found["version"], found["schema"], found["serial"], found["boot"]) == (wire.VERSION, wire.SCHEMA, 7, 99)
    assert found["configured"] == 0
    assert found["config_crc"] == wire.config_crc([default for _, default, _, _ in wire.PARAMETERS])


def test_a_repeated_command_is_answered_again_but_done_once(ready: Bench) -> None:
    sent = ready.send("light", wire.NOW, 250, 19, 133)
    ready.hal.from_board.clear()
    ready.wait(30)
    ready.hal.to_board += sent
    ready.wait(300)
    first, second = replies(ready)
    assert first == second
    assert ready.ask("dark")["pulses"] == 2


def test_the_same_command_under_the_next_number_is_done_again(ready: Bench) -> None:
    ready.ask("updating", 10)
    ready.wait_s(9)
    ready.ask("updating", 10)
    ready.wait_s(9)
    assert wire.WATCHDOG_STATES[ready.board.watchdog.state] == "leased"


@pytest.mark.parametrize("noise", [b"\x00\x00", b"\xff" * 300, b"\x03abc", bytes(range(1, 90)), wire.frame(9, 1)[:-3]])
def test_noise_is_counted_and_the_next_command_understood(bench: Bench, noise: bytes) -> None:
    bench.hal.to_board += noise
    bench.wait(20)
    assert bench.ask("clock")["ticks"] == bench.board.ticks()


def test_garbage_shows_in_the_status(bench: Bench) -> None:
    bench.hal.to_board += b"\x00\x05abcd\x00"
    assert bench.ask("status")["garbage"] == 1


@pytest.mark.parametrize(("kind", "body", "reason"), [(0x33, b"", "unknown_command"), (0x05, b"x", "bad_length"), (0x06, b"", "bad_length")])
def test_what_is_not_in_the_table_is_refused(bench: Bench, kind: int, body: bytes, reason: str) -> None:
    bench.hal.from_board.clear()
    bench.hal.to_board += wire.frame(77, kind, body)
    bench.wait(5)
    (sequence, answered, found), = replies(bench)
    assert (sequence, answered) == (77, wire.REFUSED.kind)
    assert wire.REASONS[wire.REFUSED.read(found)["reason"]] == reason


def test_events_are_not_commands(ready: Bench) -> None:
    ready.hal.from_board.clear()
    ready.send("lamp", 0, 1, 0, sequence=0)
    ready.wait(5)
    assert replies(ready) == []
    assert ready.hal.outputs["lamp_ready"] == 0


def test_identify_is_never_answered_from_memory(ready: Bench) -> None:
    """A station that restarts begins with number 1 again and must read what holds now."""
    ready.send("identify", sequence=1)
    ready.wait(5)
    ready.board.settings.closed = False
    ready.hal.from_board.clear()
    ready.send("identify", sequence=1)
    ready.wait(5)
    (_, _, body), = replies(ready)
    assert wire.reply_to("identify").read(body)["configured"] == 0


@pytest.mark.parametrize(("parameter", "value"), [(len(wire.PARAMETERS), 0), (2, 300_001), (9, 0), (15, 900)])
def test_settings_out_of_their_range_are_refused(bench: Bench, parameter: int, value: int) -> None:
    assert bench.ask("configure", parameter, value)["refused"] == "bad_value"


def test_the_configuration_closes_on_the_same_crc_only(bench: Bench) -> None:
    assert bench.ask("finalize", 1)["refused"] == "crc_mismatch"
    assert bench.ask("heartbeat")["refused"] == "not_configured"
    assert bench.ask("genset", 1)["refused"] == "not_configured"
    bench.configure(warmup_ms=5_000)
    assert bench.ask("identify")["configured"] == 1
    assert bench.ask("heartbeat") == {"watchdog_state": 1}
    bench.ask("configure", 2, 4_000)
    assert bench.ask("identify")["configured"] == 0


@pytest.mark.parametrize("output", ["light", "genset"])
def test_settings_do_not_change_while_an_output_depends_on_them(ready: Bench, output: str) -> None:
    if output == "light":
        ready.ask("light", wire.NOW, 250, 19, 133)
    else:
        ready.ask("genset", wire.GENSET_TEST)
        ready.until(lambda: bool(ready.hal.outputs["start_contact"]))
    assert ready.ask("configure", 2, 4_000)["refused"] == "in_use"


def test_a_genset_is_asked_for_in_known_ways_only(ready: Bench) -> None:
    assert ready.ask("genset", wire.GENSET_TEST + 1)["refused"] == "bad_value"
    assert ready.board.genset.asked == wire.GENSET_OFF


def test_a_change_is_told_at_once_and_the_rest_every_second(ready: Bench) -> None:
    ready.wait(2_000)
    ready.hal.from_board.clear()
    ready.hal.inputs["mains_ok"] = 0
    ready.wait(110)
    assert [wire.names_of(found["inputs"], wire.INPUTS) for found in events(ready)] == [["ups_ok"]]
    ready.hal.from_board.clear()
    ready.wait(3_000)
    assert 2 <= len(events(ready)) <= 4


def test_nobody_is_told_when_nobody_listens(ready: Bench) -> None:
    ready.wait_s(6)
    ready.hal.from_board.clear()
    ready.wait_s(60)
    assert ready.hal.from_board == b""


def test_a_flickering_contact_cannot_flood_the_wire(ready: Bench) -> None:
    ready.hal.from_board.clear()
    for turn in range(20):
        ready.hal.inputs["tamper"] = turn % 2
        ready.wait(60)
    assert len(events(ready)) <= 1_200 / 50


def test_a_lamp_goes_out_with_its_lease(ready: Bench) -> None:
    assert ready.ask("lamp", 1, 1, 2_000) == {"lease_ms": 2_000}
    assert ready.hal.outputs["lamp_work"] == 1
    ready.wait_s(2.2)
    assert ready.hal.outputs["lamp_work"] == 0
    assert ready.ask("lamp", 3, 1, 0)["refused"] == "bad_value"


@pytest.mark.parametrize(("on", "asked_ms", "granted_ms"), [(1, 0, 3_600_000), (1, 4_000_000_000, 3_600_000), (1, 5_000, 5_000), (0, 5_000, 0)])
def test_the_answer_for_a_lamp_says_how_long_it_will_shine(ready: Bench, on: int, asked_ms: int, granted_ms: int) -> None:
    assert ready.ask("lamp", 0, on, asked_ms) == {"lease_ms": granted_ms}


def test_clock_counts_board_milliseconds_across_the_wrap(bench: Bench) -> None:
    first = bench.ask("clock")["ticks"]
    bench.wait(10_000)
    second = bench.ask("clock")["ticks"]
    assert second < first
    assert abs((second - first) % (wire.TICKS_MASK + 1) - 10_000) <= 110


def test_reset_needs_its_magic_number(bench: Bench) -> None:
    assert bench.ask("reset", 1)["refused"] == "bad_value"
    assert not bench.board.link.reset_wanted
    assert bench.ask("reset", wire.RESET_MAGIC) == {}
    assert bench.board.link.reset_wanted
