"""Drive a session of `fakes` as the page would."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge.enrolment import events as ev
from edge.store.store import Store
from protocols.record import decode_manifest
from protocols.sealing import ENTRY_TYPE, open1, open_part
from tests.unit.enrolment.fakes import PIN, STATION, DeskBench, keys, open_bench
from tests.waiting import until


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[DeskBench]:
    """One power life; leaving it is the cut."""
    bench = await open_bench(folder, **options)
    task = bench.task = asyncio.create_task(bench.session.run())
    try:
        await until(lambda: bench.session.version or task.done(), "the session")
        yield bench
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        await bench.worker.close()
        if isinstance(ended, Exception):
            raise ended


def at(bench: DeskBench, *primaries: str | None) -> Callable[[], bool]:
    return lambda: bench.session.snapshot()["primary"] in primaries


async def log_in(bench: DeskBench) -> None:
    await bench.session.post(ev.LogIn(operator="ani", pin=PIN))
    await until(lambda: bench.session.snapshot()["operator"], "the log-in")


async def to_step(bench: DeskBench, step: str) -> None:
    """Do what the page would do until that step is reached."""
    while (seen := bench.session.snapshot())["step"] != step:
        await act(bench, seen)
    await until(lambda: at_rest(bench), "rest")


def at_rest(bench: DeskBench) -> bool:
    """Nothing is taken, judged or saved."""
    seen = bench.session.snapshot()
    return seen["activity"] is None and all(target["state"] != "saving" for target in seen["targets"])


async def act(bench: DeskBench, seen: dict[str, Any]) -> None:
    event: dict[str, ev.OperatorEvent] = {
        "log_in": ev.LogIn(operator="ani", pin=PIN),
        "next_person": ev.NextPerson(ticket=7),
        "letter": ev.Letter(number="sp-1001"),
        "confirm_data": ev.ConfirmData(),
        "capture": ev.Capture(),
        "confirm_review": ev.ConfirmReview(),
        "finish": ev.Finish(),
        "print_slip": ev.PrintSlip(),
    }
    if seen["primary"] in event:
        await bench.session.post(event[seen["primary"]])
    await until(lambda: bench.changed(seen), f"something after {seen['primary']} at {seen['step']}")


async def finish(bench: DeskBench) -> None:
    while True:
        seen = bench.session.snapshot()
        if seen["phase"] == "idle":
            return
        await act(bench, seen)


async def manifest(bench: DeskBench) -> Any:
    """Of the last record."""
    sequence = [item.sequence for item in await bench.worker.call(Store.outbox, 100) if item.kind == "record"][-1]
    envelope = await bench.worker.call(Store.envelope, sequence)
    station, _, _ = keys()
    return decode_manifest(open1(envelope, lambda kid: station.public_key(), ENTRY_TYPE, 100_000))


async def opened(bench: DeskBench, found: Any, index: int) -> bytes:
    ref = found.parts[index]
    sealed = await bench.worker.call(Store.part, found.record_id, index, 0, ref.size)
    _, _, private = keys()
    audience = "intake" if ref.kind == "population" else "vault"
    where = {"record_id": found.record_id, "kind": ref.kind, "position": ref.position, "epoch": ref.key_epoch}
    return open_part(private[audience], found.keys[ref.key_epoch], sealed, station=STATION, **where)


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(bounded())
