"""A station for the browser: the real page, session and store over devices in memory, in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn

from edge.enrolment.hooks import Hooks
from edge.web.server import PowerAnswers, build_app
from station_config.load import load_texts
from tests.unit.enrolment.desk import log_in, to_step
from tests.unit.enrolment.fakes import FITTED, DeskBench, FakePresence, FastClock, open_bench
from tests.waiting import until, wait_until

BATTERY = {"source": "battery", "minutes": 40, "people_left": 7, "state": "ON_BATTERY"}


class ScriptedStation:
    """Runs until `stop`; `do` runs a coroutine of the bench in the station's own loop."""

    def __init__(
        self, folder: Path, fitted: tuple[str, ...] = FITTED, hooks: Hooks | None = None, speed: float = 100, others: tuple[str, ...] = (),
        power: PowerAnswers | None = None,
    ) -> None:
        """others: devices that are there but that the procedure does not use."""
        self.bench: DeskBench
        self.port = 0
        self._folder, self._fitted, self._hooks, self._speed, self._others, self._power = folder, fitted, hooks, speed, others, power
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="scripted station")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> "ScriptedStation":
        self._thread.start()
        assert self._ready.wait(20), "the scripted station did not start"
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def do(self, work: Callable[[DeskBench], Any]) -> Any:
        """Await `work(bench)` there and wait for it here."""

        async def call() -> Any:
            return await work(self.bench)

        done: Future[Any] = asyncio.run_coroutine_threadsafe(call(), self._loop)
        return done.result(30)

    def to_step(self, step: str) -> None:
        """Log in if need be and go there as the page would."""

        async def work(bench: DeskBench) -> None:
            if bench.session.snapshot()["operator"] is None:
                await log_in(bench)
            await to_step(bench, step)

        self.do(work)

    def snapshot(self) -> dict[str, Any]:
        return self.bench.session.snapshot()

    def wait(self, found: Callable[[dict[str, Any]], object], what: str) -> None:
        wait_until(lambda: found(self.snapshot()), what)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        others = tuple(FakePresence(name, None) for name in self._others)
        self.bench = await open_bench(self._folder, self._fitted, self._hooks, clock=FastClock(self._speed), others=others)
        app = build_app(self.bench.session, load_texts(), power=self._power or PowerAnswers())
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=0))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        page = asyncio.create_task(server._serve())
        desk = self.bench.task = asyncio.create_task(self.bench.session.run())
        await until(lambda: server.started and self.bench.session.version, "the scripted station")
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.should_exit = True
        await page
        desk.cancel()
        with suppress(asyncio.CancelledError):
            await desk
        await self.bench.worker.close()


@contextmanager
def scripted(folder: Path, **options: Any) -> Iterator[ScriptedStation]:
    """One life of the station; another over the same folder is the next power life."""
    station = ScriptedStation(folder, **options).start()
    try:
        yield station
    finally:
        station.stop()
