"""The store beside the event loop."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from edge.errors import StoreBusy
from edge.store.store import Store
from edge.store.worker import StoreWorker
from tests.unit.store.stored import RECORD, WRAPPED, make_ledger, part


def test_calls_run_in_order_and_in_one_thread(folder: Path) -> None:
    async def scenario() -> None:
        worker = await StoreWorker.open(folder, 0)
        await worker.call(Store.begin, RECORD, 7, b"p0", WRAPPED)
        await asyncio.gather(*(worker.call(Store.commit_part, RECORD, part(position), b"p%d" % position) for position in range(1, 9)))
        found = await worker.call(Store.open_enrolment)
        assert found is not None
        assert ([ref.position for ref in found.parts], found.progress) == ([*range(1, 9)], b"p8")
        assert await worker.run(partial(make_ledger(worker.store).event, "boot")) == 1
        with pytest.raises(StoreBusy):
            await StoreWorker.open(folder, 0)
        await worker.close()
        await (await StoreWorker.open(folder, 0)).close()

    asyncio.run(scenario())
