"""Every fault of every simulated device: what the operator reads, and that the enrolment goes on to its end with the other devices.

The rows must be the simulators' own tables (`./rekam sim DEVICE --list-faults`): a fault without a row fails, a fault that never acted fails, and
so does a row that would hold without its fault. All faults of a device run side by side on their real wires; that a device is whole again
afterwards is in the file of each device.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from edge.enrolment.procedure import EYES
from simulators import tablet
from simulators.registry import MODULES, faults_of
from tests.camera_bench import STANDINS
from tests.faults import stages
from tests.faults.at_the_desk import CAME_BACK, KEPT_FINGERS, KINDS, TEXTS, Outcome
from tests.faults.stages import Case

TAKEN, LEFT_OUT, BEST, OTHER = "taken", "device_unavailable", "best_other", "other"
PARTS = {"face": {("face", 0)}, "signature": {("signature", 0)}, "finger": {("finger", n) for n in KEPT_FINGERS}, "iris": {("iris", n) for n in EYES}}


class Row(NamedTuple):
    """What one fault comes to, and would not without it."""

    says: str = ""
    """message ids, of which the operator reads at least one; none: nothing is said of the device"""
    ends: str = TAKEN
    """how the device's parts may end"""
    code: str = ""
    """codes of which the register and the district learn at least one"""
    trace: str = ""
    """what is left of it where nobody is told"""


UNFELT = Row()
"""the station works on as if nothing were; that the fault was on the wire is all that differs"""
GONE = Row("device_unavailable", LEFT_OUT, "port_absent")
SILENT = Row("device_unavailable", LEFT_OUT, "device_silent")
GARBLED = Row("device_unavailable image_damaged", LEFT_OUT, "bad_answer device_silent image_damaged")
LOOSE = Row("device_unavailable", TAKEN, "port_absent", CAME_BACK)
DAMAGED = Row("image_damaged", LEFT_OUT, "image_damaged")
NO_NEWS = "ups_no_news"
NEWS_NOW_AND_THEN = "ups_no_news notice_device_broken power_battery"
UNASKED_NOW_AND_THEN = "notice_device_broken power_battery"
NO_START = Row("genset_did_not_start")


def lost(code: str) -> Row:
    """A camera that no picture comes from."""
    return Row("device_unavailable", LEFT_OUT, code)


def pictures(poor: str, kind: str) -> Row:
    """The verdict tells it."""
    return Row(f"{kind}_{poor}", f"{BEST} {OTHER}")


def eye(kind: str) -> Mapping[str, Row]:
    """Rows of a camera."""
    return {
        "unplug": lost("camera_absent"), "refuse": lost("camera_absent"), "reset-middle": lost("camera_absent"),
        "replug": Row("device_unavailable", TAKEN, "camera_absent", CAME_BACK),
        "stall": lost("camera_silent"), "late": lost("camera_silent"), "old-frame": lost("frame_old"), "wrong-size": lost("frame_wrong_size"),
        "black-frames": pictures("dark", kind), "dirty-lens": pictures("blurred", kind), "over-exposed": pictures("bright", kind),
    }


def dark(code: str) -> Row:
    """No light from the board, no picture of an eye."""
    return Row("device_unavailable light_unavailable", LEFT_OUT, code)


def unprinted(code: str) -> Row:
    return Row("notice_print_failed", code=code)


def unasked(code: str) -> Row:
    """A genset whose controller is not understood."""
    return Row("notice_device_broken", code=code)


def untold(code: str) -> Row:
    """A UPS that nothing is heard of."""
    return Row(NO_NEWS, code=code)


ROWS: Mapping[str, Mapping[str, Row]] = {
    "fingerprint": {
        "drop": GARBLED, "mute": SILENT, "split": UNFELT, "merge": UNFELT, "corrupt": GARBLED, "stray": UNFELT, "stall": SILENT, "late": SILENT,
        "truncate": SILENT, "unplug": GONE, "replug": LOOSE,
        "dirty-lens": pictures("smudged", "finger"), "dry-finger": pictures("dry", "finger"), "wet-finger": pictures("wet", "finger"),
        "blind": Row("finger_missing", OTHER),
        "refuse": Row("device_unavailable", LEFT_OUT, "sensor_locked"),
        "refuse-upload": Row("image_refused", LEFT_OUT, "image_refused"),
        "corrupt-image": DAMAGED, "drop-image": DAMAGED, "lose-packet": DAMAGED, "wrong-size": DAMAGED,
        "stall-image": Row("image_stalled", LEFT_OUT, "image_stalled"),
        "reset-middle": Row("image_refused image_stalled", LEFT_OUT, "image_refused image_stalled"),
        "slow-only": Row(trace="at 57600 baud"),
    },
    "tablet": {
        "drop": Row("reports_lost device_unavailable", LEFT_OUT, "reports_lost bad_answer"),
        "corrupt": Row("reports_lost device_unavailable", LEFT_OUT, "reports_lost bad_answer"),
        "stray": Row("reports_lost", LEFT_OUT, "reports_lost"), "truncate": Row("reports_lost", LEFT_OUT, "reports_lost"),
        "mute": Row("nothing_signed", OTHER), "stall": Row("nothing_signed reports_lost", f"{OTHER} {LEFT_OUT}"),
        "late": Row("nothing_signed reports_lost", f"{OTHER} {LEFT_OUT}"),
        "split": UNFELT, "merge": UNFELT, "unplug": GONE, "replug": LOOSE,
        "refuse": Row("device_unavailable", LEFT_OUT, "device_silent"), "wrong-size": Row("device_unavailable", LEFT_OUT, "bad_answer"),
        "hover-only": Row("nothing_signed", OTHER), "no-pressure": UNFELT,
        "freeze": Row("reports_lost", LEFT_OUT, "reports_lost"), "reset-middle": Row("reports_lost", LEFT_OUT, "reports_lost"),
    },
    "tablet-evdev": {
        "unplug": GONE, "replug": LOOSE, "hover-only": Row("nothing_signed", OTHER), "no-pressure": UNFELT,
        "freeze": Row("reports_lost", LEFT_OUT, "reports_lost"), "dropped": Row("reports_lost", LEFT_OUT, "reports_lost"),
    },
    "camera": eye("face"),
    "iris": eye("iris"),
    "printer": {
        **dict.fromkeys(("drop", "mute", "corrupt", "stall", "late", "truncate", "reset-middle", "hang"), unprinted("device_silent")),
        "unplug": unprinted("port_absent"), "replug": Row("notice_print_failed", code="port_absent", trace=CAME_BACK),
        "split": UNFELT, "merge": UNFELT, "stray": UNFELT, "paper-low": Row("notice_paper_low"),
        "refuse": Row("notice_device_broken", code="device_silent"), "anonymous": Row(trace="a ESC/POS"),
        "paper-out": Row("notice_paper_out"), "paper-ends": Row("notice_paper_out"), "cover-open": Row("cover_open"), "offline": Row("printer_offline"),
    },
    "board": {
        **dict.fromkeys(("mute", "corrupt", "stall", "late", "truncate", "hang"), dark("driver_hung device_silent")),
        "drop": Row("device_unavailable light_unavailable notice_device_broken", f"{TAKEN} {LEFT_OUT}", "driver_hung device_silent"),
        "split": UNFELT, "merge": UNFELT, "stray": UNFELT, "tamper": Row(trace="the box is open"),
        "unplug": dark("port_absent"), "refuse": dark("board_refused"), "wrong-size": dark("bad_answer"), "other-schema": dark("board_schema"),
        "replug": Row("device_unavailable light_unavailable", TAKEN, "port_absent", CAME_BACK),
        "reset": Row("device_unavailable light_unavailable", TAKEN, "board_reset device_silent driver_hung", CAME_BACK),
        "reset-middle": Row("device_unavailable light_unavailable", TAKEN, "board_reset device_silent driver_hung", CAME_BACK),
        "light-stuck": Row("light_fault", LEFT_OUT), "light-dead": pictures("dark", "iris"), "hot": Row("board_hot", LEFT_OUT),
    },
    "ups": {
        "drop": Row(NEWS_NOW_AND_THEN, code="ups_garbage ups_absent ups_silent"), "corrupt": Row(NEWS_NOW_AND_THEN, code="ups_garbage ups_absent ups_silent"),
        "truncate": untold("ups_silent"), "stall": untold("ups_silent"), "mute": untold("ups_silent"), "stray": untold("ups_garbage"),
        "reset-middle": untold("ups_absent"), "unplug": untold("ups_absent"), "replug": Row("power_battery", code="ups_absent", trace=CAME_BACK),
        "late": UNFELT, "split": UNFELT, "merge": UNFELT,
        "silent": Row(NO_NEWS), "refuse": Row(NO_NEWS), "no-figures": Row("power_battery_unknown"), "replace-battery": Row("ups_replace_battery"),
        "lies": Row(trace="full to the end"), "runtime-jumps": Row(trace="a runtime that jumps"),
    },
    "genset": {
        **dict.fromkeys(("truncate", "stray", "stall", "mute", "reset-middle", "late"), unasked("genset_silent")),
        **dict.fromkeys(("drop", "corrupt"), Row(UNASKED_NOW_AND_THEN, code="genset_silent genset_garbage")),
        "wrong-size": unasked("genset_garbage"), "unplug": unasked("genset_silent genset_absent"), "split": UNFELT, "merge": UNFELT,
        "replug": Row(UNASKED_NOW_AND_THEN, code="genset_silent genset_absent", trace=CAME_BACK),
        "fail-to-start": NO_START, "no-fuel": NO_START, "not-in-auto": Row("genset_not_auto"), "refuse": Row("genset_refused"),
        "no-voltage": Row("genset_no_voltage"), "low-voltage": Row("genset_no_voltage"), "fuel-sensor-broken": Row("genset_fuel_unknown"),
    },
    "gpio": {
        "unplug": unasked("gpio_absent"), "refuse": unasked("gpio_absent"), "replug": Row("notice_device_broken", code="gpio_absent", trace=CAME_BACK),
        "button-stuck": Row(trace="the button is pressed"),
    },
}


def faults(device: str) -> set[str]:
    return set(FACES.get(device) or faults_of(device))


FACES = {"tablet": tablet.SERIAL_FAULTS, "tablet-evdev": tablet.EVDEV_FAULTS}
CASES = [(device, fault) for device in ROWS for fault in sorted(faults(device))]
Played = Outcome | BaseException


class Cases:
    """All cases of a device are played side by side at its first question, and beside them each of its settings without a fault."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._played: dict[Case, Played] = {}
        self._without: dict[tuple[str, tuple[str, bool]], Case] = {}

    def of(self, device: str, fault: str) -> Outcome:
        if device not in {case.device for case in self._played}:
            self._play(device)
        return _ended(self._played[Case(device, fault)])

    def without(self, device: str, fault: str) -> Outcome:
        """The same room, and nothing is wrong."""
        self.of(device, fault)
        return _ended(self._played[self._without[device, stages.setting(device, fault)]])

    def _play(self, device: str) -> None:
        cases = [Case(device, fault) for fault in sorted(faults(device))]
        for case in cases:
            self._without.setdefault((device, stages.setting(device, case.fault)), case._replace(spoilt=False))
        cases += [case for (whose, _), case in self._without.items() if whose == device]
        awaits = {fault: frozenset((row.code or row.says).split()) for fault, row in ROWS[device].items()}
        self._played |= asyncio.run(stages.play(cases, self._folders.mktemp(device), awaits))


def _ended(played: Played) -> Outcome:
    if isinstance(played, BaseException):
        raise played
    return played


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cases]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STANDINS))
        for name, value in {"REKAM_CAMERAS": "", "REKAM_GPIO_WORLD": "", "RPI_LGPIO_REVISION": "c03114", "RPI_LGPIO_CHIP": "0"}.items():
            patch.setenv(name, value)
        patch.setattr("edge.devices.printer.PRINTING_S", 2.0)
        patch.setattr("edge.enrolment.taking.READY_S", 0.5)
        patch.setattr("simulators.plug.LOOSE_IN_S", 60.0)  # out once a case: what was taken then does not hang on the machine's pace
        yield Cases(tmp_path_factory)
        if "lgpio" in sys.modules:
            sys.modules["lgpio"].gpiochip_close(0)


def test_the_rows_are_the_simulators_own_tables() -> None:
    assert set(ROWS) == {*MODULES, "tablet-evdev"}
    assert {device: set(rows) for device, rows in ROWS.items()} == {device: faults(device) for device in ROWS}


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("device", "fault"), CASES)
def test_the_operator_is_told_and_the_enrolment_goes_on(device: str, fault: str, cases: Cases) -> None:
    outcome = cases.of(device, fault)
    assert outcome.played[fault], "the fault never made a difference: nothing was tested"
    _check(device, ROWS[device][fault], outcome)
    without = {code for code, wire in outcome.wires.items() if not wire} - WITHOUT_BYTES
    assert not without, "each fault comes with the last bytes on the wire"


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("device", "fault"), CASES)
def test_without_the_fault_the_row_does_not_hold(device: str, fault: str, cases: Cases) -> None:
    """Each row tells its fault from none; what is unfelt is what a whole device gives."""
    outcome, row = cases.without(device, fault), ROWS[device][fault]
    assert not outcome.played
    if row is UNFELT:
        _check(device, row, outcome)
        return
    with pytest.raises(AssertionError):
        _check(device, row, outcome)


def _check(device: str, row: Row, outcome: Outcome) -> None:
    name, ends = device.partition("-")[0], row.ends.split()
    _goes_on(name, outcome, ends)
    _is_told(outcome, set(row.says.split()))
    assert not row.code or outcome.codes & set(row.code.split()), f"the register and the district hear {outcome.codes}"
    assert row.code or LEFT_OUT in ends or not outcome.codes, f"the register and the district hear of nothing: {outcome.codes}"
    assert not row.trace or row.trace in outcome.traces, outcome.traces


def _goes_on(device: str, outcome: Outcome, ends: list[str]) -> None:
    """The parts of this device end as said, those of all others are taken."""
    own = KINDS.get(device, ())
    for kind, parts in PARTS.items():
        if kind not in own:
            assert parts <= outcome.taken, f"{kind} has nothing to do with it"
            continue
        ended = {TAKEN if part in outcome.taken and part not in outcome.excused else outcome.excused.get(part, "lost") for part in parts}
        assert ended <= set(ends), outcome
    assert outcome.printed or device == "printer"


def _is_told(outcome: Outcome, says: set[str]) -> None:
    told = [one for one in outcome.told if not one.startswith("step_back")]
    assert all(TEXTS[one] for one in told)
    assert not says or says & set(told), told
    assert says or not [one for one in told if one not in ROUTINE], f"nothing is wrong with it: {told}"
    for one in told:
        assert f"{one}_fix" not in TEXTS or f"{one}_fix" in told, "each reason with what to do"


WITHOUT_BYTES = frozenset({"camera_absent", "camera_silent", "frame_old", "frame_wrong_size", "gpio_absent", "ups_absent", "genset_absent", "port_absent"})
"""what has no wire of ours, or nothing was on it yet"""
ROUTINE = frozenset({"power_battery", "power_mains", "power_genset", "genset_starting", "genset_warming_up", "notice_recapture"})
