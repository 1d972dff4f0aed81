"""The equipment register: what it notes, that it survives a cut, that a lasting fault is one fault."""

import asyncio
import errno
import json
import os
import threading
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.devices import register as register_module
from edge.devices.interfaces import Identity
from edge.devices.presence import PresenceChange
from edge.devices.register import ENTRIES_KEPT, AtomicStorage, EquipmentRegister
from edge.errors import DeviceAbsent, DeviceError
from tests.waiting import pause, until

SENSOR = Identity("ZFM", "R307", "S1", "1.0")


class Clock(SystemClock):
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return 1_000_000 + self.now_s


def absent(code: str = "port_absent") -> DeviceAbsent:
    return DeviceAbsent(code, "fingerprint", "no port", "Plug it in.", wire="> 01 < 02")


def change(state: str, error: DeviceError | None = None) -> PresenceChange:
    return PresenceChange("fingerprint", state, error.code if error else None, error, SENSOR)


def written(register: EquipmentRegister) -> None:
    """Run just long enough for the last flush."""

    async def run() -> None:
        task = asyncio.create_task(register.run())
        await asyncio.wait({task}, timeout=0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_stop_in_the_middle_of_a_write_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    whole = AtomicStorage.write

    def slow(self: AtomicStorage, data: dict[str, dict[str, object]]) -> None:
        begun.set()
        go_on.wait(20)
        whole(self, data)

    async def run() -> None:
        register = EquipmentRegister(tmp_path / "equipment.json", Clock())
        register.on_change(change("ready"))
        task = asyncio.create_task(register.run())
        await until(begun.is_set, "the write")
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        await asyncio.gather(task, return_exceptions=True)

    monkeypatch.setattr(AtomicStorage, "write", slow)
    asyncio.run(run())
    assert [row["device"] for row in EquipmentRegister(tmp_path / "equipment.json", Clock()).rows()] == ["fingerprint"]


def test_identity_captures_hours_and_repairs_come_back(tmp_path: Path) -> None:
    clock = Clock()
    register = EquipmentRegister(tmp_path / "equipment.json", clock)
    register.on_change(change("ready"))
    clock.now_s += 3600
    register.captured("fingerprint")
    register.maintained("fingerprint", "repair", "cable exchanged")
    register.maintained("fingerprint", "calibration", "ruler of 10 mm")
    written(register)
    (row,) = EquipmentRegister(tmp_path / "equipment.json", clock).rows()
    assert (row["identity"]["serial"], row["captures"], row["on_s"]) == ("S1", 1, 3600)
    assert row["repairs"] == [{"when_s": 1_003_700, "what": "cable exchanged"}]
    assert row["calibrations"] == [{"when_s": 1_003_700, "what": "ruler of 10 mm"}]


def test_another_serial_number_is_another_device_and_its_counts_begin_anew(tmp_path: Path) -> None:
    register = EquipmentRegister(tmp_path / "equipment.json", Clock())
    assert register.on_change(change("ready")), "news for the district"
    assert not register.on_change(change("ready")), "the same one again is none"
    register.captured("fingerprint")
    register.maintained("fingerprint", "calibration", "ruler of 10 mm")
    other = PresenceChange("fingerprint", "ready", None, None, Identity("ZFM", "R307", "S2", "1.0"))
    assert register.on_change(other)
    (row,) = register.rows()
    assert (row["identity"]["serial"], row["captures"], row["calibrations"]) == ("S2", 0, [])
    assert row["earlier"][0]["identity"]["serial"] == "S1"
    assert row["earlier"][0]["captures"] == 1


def test_newer_firmware_is_news_and_the_same_device(tmp_path: Path) -> None:
    register = EquipmentRegister(tmp_path / "equipment.json", Clock())
    register.on_change(change("ready"))
    register.captured("fingerprint")
    assert register.on_change(PresenceChange("fingerprint", "ready", None, None, Identity("ZFM", "R307", "S1", "1.1")))
    (row,) = register.rows()
    assert (row["captures"], row["earlier"]) == (1, [])


def test_a_register_of_an_older_program_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "equipment.json"
    path.write_text('{"devices": {"1": {"device": "camera", "captures": 7, "on_s": 60, "faults_ever": 0, "faults": [], "repairs": []}}}')
    register = EquipmentRegister(path, Clock())
    register.maintained("camera", "replacement", "new ribbon cable and camera")
    (row,) = register.rows()
    assert (row["captures"], row["earlier"][0]["captures"], row["replacements"][0]["what"]) == (0, 7, "new ribbon cable and camera")


def test_a_lasting_fault_is_one_fault_and_a_new_one_after_recovery_is_another(tmp_path: Path) -> None:
    register = EquipmentRegister(tmp_path / "equipment.json", Clock())
    for state in ("absent", "opening", "absent", "opening", "absent"):
        register.on_change(change(state, absent()))
    register.on_change(change("ready"))
    register.on_change(change("faulted", absent("bad_answer")))
    (row,) = register.rows()
    assert [fault["code"] for fault in row["faults"]] == ["port_absent", "bad_answer"]
    assert row["faults"][0]["wire"] == "> 01 < 02"
    assert row["faults_ever"] == 2


def test_the_list_of_faults_is_bounded_but_the_count_is_not(tmp_path: Path) -> None:
    register = EquipmentRegister(tmp_path / "equipment.json", Clock())
    for _ in range(ENTRIES_KEPT + 5):
        register.on_change(change("ready"))
        register.on_change(change("faulted", absent()))
    (row,) = register.rows()
    assert (len(row["faults"]), row["faults_ever"]) == (ENTRIES_KEPT, ENTRIES_KEPT + 5)


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "equipment.json"
    path.write_text('{"devices": {"1": {"dev')
    assert EquipmentRegister(path, Clock()).rows() == []
    assert path.with_suffix(".damaged").exists()


@pytest.mark.parametrize("breaks_at", ["fsync", "replace"])
def test_a_cut_while_writing_leaves_the_old_file(breaks_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = AtomicStorage(tmp_path / "equipment.json")
    storage.write({"devices": {"1": {"device": "old"}}})

    def cut(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(*((os, "fsync") if breaks_at == "fsync" else (Path, "replace")), cut)
    with pytest.raises(OSError, match="power cut"):
        storage.write({"devices": {"1": {"device": "new"}}})
    assert json.loads((tmp_path / "equipment.json").read_text()) == {"devices": {"1": {"device": "old"}}}


def test_a_fault_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "equipment.json"

    async def run() -> None:
        register = EquipmentRegister(path, SystemClock())
        task = asyncio.create_task(register.run())
        register.on_change(change("faulted", absent()))
        await until(path.exists, "the register's file")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert "port_absent" in path.read_text()


def test_a_loose_plug_does_not_wear_the_card_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "equipment.json"
    writes: list[int] = []
    write = AtomicStorage.write
    monkeypatch.setattr(AtomicStorage, "write", lambda storage, data: (writes.append(1), write(storage, data)))

    async def run() -> None:
        register = EquipmentRegister(path, SystemClock())
        task = asyncio.create_task(register.run())
        for flap in range(20):
            register.on_change(change("absent", absent()))
            await until(path.exists, "the first fault on the disk")
            register.on_change(change("ready"))
            await pause(0.01)
            assert len(writes) == 1, flap
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert EquipmentRegister(path, Clock()).rows()[0]["faults_ever"] == 20, "none is lost at an orderly stop"


def test_a_full_disk_is_told_once_and_the_rows_are_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "equipment.json"
    refused: list[int] = []
    write = AtomicStorage.write

    def full(storage: AtomicStorage, data: dict[str, dict[str, object]]) -> None:
        refused.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    async def run() -> None:
        register = EquipmentRegister(path, SystemClock())
        task = asyncio.create_task(register.run())
        monkeypatch.setattr(AtomicStorage, "write", full)
        monkeypatch.setattr(register_module, "CALM_S", 0.0)
        for times, code in enumerate(("port_absent", "bad_answer"), start=1):
            register.on_change(change("faulted", absent(code)))
            await until(lambda times=times: len(refused) >= times or task.done(), "a refused write")
        monkeypatch.setattr(AtomicStorage, "write", write)
        register.on_change(change("faulted", absent("device_silent")))
        await until(lambda: path.exists() or task.done(), "the register's file")
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)

    asyncio.run(run())
    (row,) = EquipmentRegister(path, Clock()).rows()
    assert [fault["code"] for fault in row["faults"]] == ["port_absent", "bad_answer", "device_silent"]
    assert [record.getMessage() for record in caplog.records if "No space left" in record.getMessage()][1:] == []
    assert "No space left" in caplog.text


def test_a_full_disk_at_the_end_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(AtomicStorage, "write", full)
    register = EquipmentRegister(tmp_path / "equipment.json", Clock())
    register.captured("fingerprint")

    async def run() -> None:
        task = asyncio.create_task(register.run())
        asyncio.get_running_loop().call_soon(task.cancel)
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)

    asyncio.run(run())
