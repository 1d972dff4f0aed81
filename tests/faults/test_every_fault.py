"""Every fault of every simulated device: what the operator reads, and that the enrolment goes on to its end with the other devices.

The rows must be the simulators' own tables (`./rekam sim DEVICE --list-faults`): a fault without a row fails. All faults of a device run side by
side on their real wires; that a device is whole again afterwards is in the file of each device.
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
from tests.faults.at_the_desk import KEPT_FINGERS, KINDS, TEXTS, Outcome

TAKEN, LEFT_OUT, BEST, OTHER = "taken", "device_unavailable", "best_other", "other"
PARTS = {"face": {("face", 0)}, "signature": {("signature", 0)}, "finger": {("finger", n) for n in KEPT_FINGERS}, "iris": {("iris", n) for n in EYES}}
SIDE_BY_SIDE = 8


class Row(NamedTuple):
    """What one fault comes to."""

    says: str = ""
    """message ids, of which the operator reads at least one; none: nothing is said of the device"""
    ends: str = TAKEN
    """how the device's parts may end"""
    code: str = ""
    """codes of which the register and the district learn at least one"""


GOOD = Row()
GONE = Row("device_unavailable", LEFT_OUT, "port_absent")
SILENT = Row("device_unavailable", LEFT_OUT, "device_silent")
GARBLED = Row("device_unavailable image_damaged", LEFT_OUT, "bad_answer device_silent image_damaged")
LOOSE = Row("device_unavailable", f"{TAKEN} {LEFT_OUT}", "port_absent")
DARK = Row("light_unavailable device_unavailable", LEFT_OUT, "driver_hung device_silent")
NO_NEWS = Row("ups_no_news power_battery")
ON_BATTERY = Row("power_battery")
NOT_ASKED = Row("notice_device_broken power_battery", code="genset_silent genset_absent genset_garbage")
NO_START = Row("genset_did_not_start")
DAMAGED = Row("image_damaged", LEFT_OUT, "image_damaged")

ROWS: Mapping[str, Mapping[str, Row]] = {
    "fingerprint": {
        "drop": GARBLED, "mute": SILENT, "split": GOOD, "merge": GOOD, "corrupt": GARBLED, "stray": GOOD, "stall": SILENT, "late": SILENT,
        "truncate": SILENT, "unplug": GONE, "replug": LOOSE,
        "dirty-lens": Row("finger_smudged", f"{BEST} {OTHER}"),
        "dry-finger": Row("finger_dry", f"{BEST} {OTHER}"),
        "wet-finger": Row("finger_wet", f"{BEST} {OTHER}"),
        "blind": Row("finger_missing", OTHER),
        "refuse": Row("device_unavailable", LEFT_OUT, "command_refused"),
        "refuse-upload": Row("image_refused", LEFT_OUT, "image_refused"),
        "corrupt-image": DAMAGED, "drop-image": DAMAGED, "lose-packet": DAMAGED, "wrong-size": DAMAGED,
        "stall-image": Row("image_stalled", LEFT_OUT, "image_stalled"),
        "reset-middle": Row("image_refused image_stalled", LEFT_OUT, "image_refused image_stalled"),
        "slow-only": GOOD,
    },
    "tablet": {
        "drop": Row("reports_lost device_unavailable", LEFT_OUT, "reports_lost bad_answer"),
        "corrupt": Row("reports_lost device_unavailable", LEFT_OUT, "reports_lost bad_answer"),
        "stray": Row("reports_lost", LEFT_OUT, "reports_lost"),
        "truncate": Row("reports_lost", LEFT_OUT, "reports_lost"),
        "mute": Row("nothing_signed", OTHER), "stall": Row("nothing_signed reports_lost", f"{TAKEN} {OTHER} {LEFT_OUT}"),
        "split": GOOD, "merge": GOOD, "late": Row("nothing_signed reports_lost", f"{TAKEN} {OTHER} {LEFT_OUT}"), "unplug": GONE, "replug": LOOSE,
        "refuse": Row("device_unavailable", LEFT_OUT, "device_silent"),
        "hover-only": Row("nothing_signed", OTHER), "no-pressure": GOOD,
        "freeze": Row("reports_lost", LEFT_OUT, "reports_lost"), "reset-middle": Row("reports_lost", LEFT_OUT, "reports_lost"), "dropped": GOOD,
    },
    "tablet-evdev": {
        "unplug": GONE, "hover-only": Row("nothing_signed", OTHER), "no-pressure": GOOD, "freeze": GOOD,
        "dropped": Row("reports_lost", LEFT_OUT, "reports_lost"),
    },
    "camera": {
        "unplug": Row("device_unavailable", LEFT_OUT, "camera_absent"),
        "stall": Row("device_unavailable", LEFT_OUT, "camera_silent"),
        "late": Row("device_unavailable", LEFT_OUT, "camera_silent"),
        "old-frame": Row("device_unavailable", LEFT_OUT, "frame_old"),
        "wrong-size": Row("device_unavailable", LEFT_OUT, "frame_wrong_size"),
        "black-frames": Row("face_dark", f"{BEST} {OTHER}"),
        "dirty-lens": Row("face_blurred", f"{BEST} {OTHER}"),
        "over-exposed": Row("face_bright", f"{BEST} {OTHER}"),
    },
    "printer": {
        "drop": Row("notice_print_failed", code="device_silent"), "mute": Row("notice_print_failed", code="device_silent"),
        "corrupt": Row("notice_print_failed notice_paper_out cover_open printer_offline"), "split": GOOD, "merge": GOOD, "stray": GOOD, "stall": GOOD,
        "late": Row("notice_print_failed", code="device_silent"), "truncate": Row("notice_print_failed", code="device_silent"),
        "unplug": Row("notice_print_failed", code="port_absent"), "replug": Row("notice_print_failed", code="port_absent"),
        "reset-middle": Row("notice_print_failed", code="device_silent"), "hang": Row("notice_print_failed", code="device_silent"),
        "refuse": Row("notice_device_broken", code="device_silent"), "anonymous": GOOD, "paper-low": GOOD,
        "paper-out": Row("notice_paper_out"), "paper-ends": Row("notice_paper_out"), "cover-open": Row("cover_open"), "offline": Row("printer_offline"),
    },
    "board": {
        "drop": Row("device_unavailable light_unavailable", f"{TAKEN} {LEFT_OUT}"), "mute": DARK, "corrupt": DARK, "stall": DARK, "late": DARK,
        "truncate": DARK, "hang": DARK, "split": GOOD, "merge": GOOD, "stray": GOOD,
        "unplug": Row("device_unavailable light_unavailable", LEFT_OUT, "port_absent"),
        "replug": Row("device_unavailable light_unavailable", f"{TAKEN} {LEFT_OUT}", "port_absent"),
        "reset": Row("device_unavailable light_unavailable", f"{TAKEN} {LEFT_OUT}", "board_reset port_absent device_silent"),
        "reset-middle": Row("device_unavailable light_unavailable", f"{TAKEN} {LEFT_OUT}", "board_reset port_absent device_silent"),
        "other-schema": Row("notice_device_broken", LEFT_OUT, "board_schema"),
        "light-stuck": Row("light_fault light_unavailable device_unavailable", LEFT_OUT), "light-dead": Row("iris_dark", f"{BEST} {OTHER}"),
        "hot": Row("light_unavailable board_hot light_fault", f"{TAKEN} {LEFT_OUT}"), "tamper": GOOD,
    },
    "ups": {
        "drop": NO_NEWS, "corrupt": NO_NEWS, "truncate": NO_NEWS, "stray": NO_NEWS, "stall": NO_NEWS, "mute": NO_NEWS, "reset-middle": NO_NEWS,
        "unplug": NO_NEWS, "late": ON_BATTERY, "split": ON_BATTERY, "merge": ON_BATTERY, "replug": ON_BATTERY,
        "silent": NO_NEWS, "refuse": NO_NEWS, "no-figures": Row("power_battery_unknown"), "replace-battery": Row("ups_replace_battery"),
        "lies": ON_BATTERY, "runtime-jumps": ON_BATTERY,
    },
    "genset": {
        **dict.fromkeys(("drop", "corrupt", "truncate", "stray", "stall", "mute", "reset-middle", "late"), NOT_ASKED), "wrong-size": NOT_ASKED,
        "unplug": NOT_ASKED, "split": ON_BATTERY, "merge": ON_BATTERY, "replug": ON_BATTERY,
        "fail-to-start": NO_START, "no-fuel": NO_START, "not-in-auto": Row("genset_not_auto"), "refuse": Row("genset_refused"),
        "no-voltage": Row("genset_no_voltage"), "low-voltage": Row("genset_no_voltage"), "fuel-sensor-broken": Row("genset_fuel_unknown"),
    },
    "gpio": {"unplug": Row("notice_device_broken", code="gpio_absent"), "button-stuck": GOOD},
    "iris": {
        "unplug": Row("device_unavailable", LEFT_OUT, "camera_absent"),
        "stall": Row("device_unavailable", LEFT_OUT, "camera_silent"),
        "late": Row("device_unavailable", LEFT_OUT, "camera_silent"),
        "old-frame": Row("device_unavailable", LEFT_OUT, "frame_old"),
        "wrong-size": Row("device_unavailable", LEFT_OUT, "frame_wrong_size"),
        "black-frames": Row("iris_dark", f"{BEST} {OTHER}"),
        "dirty-lens": Row("iris_blurred", f"{BEST} {OTHER}"),
        "over-exposed": Row("iris_bright", f"{BEST} {OTHER}"),
    },
}


def faults(device: str) -> set[str]:
    return set(tablet.EVDEV_FAULTS) if device == "tablet-evdev" else set(faults_of(device))


CASES = [(device, fault) for device in (*MODULES, "tablet-evdev") for fault in sorted(faults(device))]


Played = Outcome | BaseException


class Cases:
    """All cases of a device are played side by side at its first question, and one again alone where the machine was too busy for real deadlines."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._played: dict[str, Mapping[str, Played]] = {}

    def of(self, device: str, fault: str) -> Played:
        if device not in self._played:
            self._played[device] = self._play(device, sorted(faults(device)))
        return self._played[device][fault]

    def alone(self, device: str, fault: str) -> Played:
        return self._play(device, [fault])[fault]

    def _play(self, device: str, wanted: list[str]) -> Mapping[str, Played]:
        return asyncio.run(stages.play(device, wanted, self._folders.mktemp(device), SIDE_BY_SIDE))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cases]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STANDINS))
        for name, value in {"REKAM_CAMERAS": "", "REKAM_GPIO_WORLD": "", "RPI_LGPIO_REVISION": "c03114", "RPI_LGPIO_CHIP": "0"}.items():
            patch.setenv(name, value)
        patch.setattr("edge.devices.printer.PRINTING_S", 2.0)
        patch.setattr("edge.enrolment.taking.READY_S", 1.0)
        yield Cases(tmp_path_factory)
        if "lgpio" in sys.modules:
            sys.modules["lgpio"].gpiochip_close(0)


def test_the_rows_are_the_simulators_own_tables() -> None:
    assert {device: set(rows) for device, rows in ROWS.items()} == {device: faults(device) for device in (*MODULES, "tablet-evdev")}


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("device", "fault"), CASES)
def test_the_operator_is_told_and_the_enrolment_goes_on(device: str, fault: str, cases: Cases) -> None:
    row = ROWS[device][fault]
    try:
        _check(device, row, cases.of(device, fault))
    except (AssertionError, TimeoutError):
        _check(device, row, cases.alone(device, fault))


def _check(device: str, row: Row, played: Played) -> None:
    if isinstance(played, BaseException):
        raise played
    name, ends = device.partition("-")[0], row.ends.split()
    _goes_on(name, played, ends)
    unharmed = len(ends) > 1 and not set(played.excused.values()) & set(ends)
    _is_told(name, played, set(row.says.split()), unharmed)
    assert unharmed or not row.code or played.codes & set(row.code.split()), f"the register and the district hear {played.codes}"
    without = {code for code, wire in played.wires.items() if not wire} - WITHOUT_BYTES
    assert not without, "each fault comes with the last bytes on the wire"


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


def _is_told(device: str, outcome: Outcome, says: set[str], unharmed: bool) -> None:
    """unharmed: it could have been felt, and was not this time."""
    told = [one for one in outcome.told if not one.startswith("step_back")]
    assert all(TEXTS[one] for one in told)
    assert unharmed or not says or says & set(told), told
    assert says or not [one for one in told if one not in ROUTINE], f"nothing is wrong with it: {told}"
    for one in told:
        assert f"{one}_fix" not in TEXTS or f"{one}_fix" in told, "each reason with what to do"


WITHOUT_BYTES = frozenset({
    "camera_absent", "camera_silent", "frame_old", "frame_wrong_size", "gpio_absent",
    "ups_absent", "genset_absent", "port_absent", "driver_hung", "reports_lost",
})
"""what has no wire of ours, or nothing was on it yet; a driver that hangs is asked nothing more"""
ROUTINE = frozenset({"power_battery", "power_mains", "power_genset", "genset_starting", "genset_warming_up", "notice_recapture"})
