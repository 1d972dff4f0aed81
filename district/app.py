"""The district as a program: the only place of `district` that constructs things.

One event loop for broker and page, one thread for the store: every look at the database and every file goes through it in turn.
Stops in order at SIGTERM or SIGINT. A database that fails ends the program; started again it reads what the disk really has.
"""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw
import uvicorn

from district import view
from district.clock import SystemClock
from district.database import DistrictError
from district.decisions import carry_out, of_station
from district.health import Health
from district.ingest import Ingest
from district.keys import KeyFileError, load_signer, load_stations
from district.policies import Policies
from district.quota import Limits
from district.stick import StoreDesk
from district.stick_routes import StickRoutes
from district.store import DistrictStore
from district.web import Ask, make_page
from protocols.custody import Policy as PolicyMessage
from protocols.custody import Receipt, encode
from station_config.load import ConfigError
from station_config.schema import DistrictConfig

HAND_OUT_EVERY_S = 10.0
DIGITS_MAX = 15
REPEATED = 2
"""decisions said again at each connection"""
EQUIPMENT = ("fault", "repaired", "equipment", "maintained")
"""ledger events of a station about its devices"""
FATAL = (apsw.IOError, apsw.CorruptError, apsw.NotADBError)
_T = TypeVar("_T")
log = logging.getLogger(__name__)


def run(config: DistrictConfig) -> int:
    """Run until told to stop; 0 after an orderly stop, 1 when the disk failed. Raises ConfigError with what to do."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with ThreadPoolExecutor(1, "store") as executor:
        try:
            district = executor.submit(DistrictProgram, config, executor).result()
        except (KeyFileError, DistrictError, OSError) as error:
            raise ConfigError(Path(config.district.data_dir), [str(error)]) from error
        try:
            return asyncio.run(district.run())
        finally:
            executor.submit(district.close).result()


class DistrictProgram:
    """Built in the store's thread, run in the loop's."""

    def __init__(self, config: DistrictConfig, executor: ThreadPoolExecutor) -> None:
        self._config, self._executor = config, executor
        self._clock = SystemClock()
        keys, district = config.keys, config.district
        self._stations = load_stations(keys)
        signer = load_signer(keys, district.id)
        self._health = Health(self._clock)
        limits = Limits(district.quota_records_day, district.quota_events_day)
        self._store = DistrictStore.open(Path(district.data_dir), self._stations, signer, district.id, self._clock, limits)
        self._data_dir = Path(district.data_dir)
        self._policies = Policies(self._data_dir)
        self._repeated: Counter[str] = Counter()
        self._failed = False
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Ingest and page side by side; the first that ends, ends both."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        ingest = Ingest(self._store, self._health, self._config.broker, self.in_store, self._clock)
        stick = StickRoutes(StoreDesk(self._store, self._policies), self.in_store)
        page = make_page(self._answers(ingest), stick.routes())
        server = _Server(page, self._config.district.page_host, self._config.district.page_port)
        works = {"page": server.serve(), "ingest": ingest.run(), "policies": self._hand_out(ingest)}
        tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        for task in (*tasks[1:], stop):
            task.cancel()
        results = await asyncio.gather(*tasks, stop, return_exceptions=True)
        for problem in results:
            if isinstance(problem, Exception):
                raise problem
        return 1 if self._failed or server.failed else 0

    async def _hand_out(self, ingest: Ingest) -> None:
        """Policies and decisions are made beside this program (`./rekam policy`, `./rekam quarantine`); here they reach the stations."""
        while True:
            for station, signed in await self.in_store(partial(carry_out, self._store, self._data_dir)):
                ingest.send(station, encode(Receipt(signed)))
            for station in ingest.came():
                await self._repeat_decisions(ingest, station)
            for station in self._stations.names():
                newest = self._policies.newest(station)
                if newest is not None:
                    ingest.hand_out(station, encode(PolicyMessage(newest[0])))
            await self._clock.sleep_s(HAND_OUT_EVERY_S)

    async def _repeat_decisions(self, ingest: Ingest, station: str) -> None:
        """A station asks no more about what is decided, so whoever connects hears some of it again, in turns."""
        if not self._stations.known(station):
            return
        first = self._repeated[station]
        self._repeated[station] += REPEATED
        for signed in await self.in_store(partial(of_station, self._store.connection, station, first, REPEATED)):
            ingest.send(station, encode(Receipt(signed)))

    async def in_store(self, function: Callable[[], _T]) -> _T:
        """Run in the store's thread, in turn."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function)
        except FATAL:
            log.critical("the database failed; stopping, so that the next start reads what the disk really has")
            self._failed = True
            self._stop.set()
            raise

    def close(self) -> None:
        """In the store's thread."""
        self._store.close()

    def _answers(self, ingest: Ingest) -> dict[str, Ask]:
        return {
            "summary": partial(self._summary, ingest),
            "records": self._records,
            "stations": self._list_stations,
            "events": lambda _query: self.in_store(lambda: view.events(self._store.connection)),
            "equipment": lambda _query: self.in_store(lambda: view.events(self._store.connection, EQUIPMENT)),
            "power": lambda _query: self.in_store(lambda: view.power_days(self._store.connection)),
            "quarantine": lambda _query: self.in_store(lambda: view.quarantine(self._store.connection)),
            "alarms": lambda _query: self.in_store(self._alarms),
        }

    async def _summary(self, ingest: Ingest, _query: Mapping[str, str]) -> dict[str, Any]:
        now_s = int(self._clock.wall_s())
        counts = await self.in_store(lambda: view.summary(self._store.connection, now_s))
        counts["alarms"] += len(await self.in_store(self._stations.problems))
        return {"district": self._config.district.id, "name": self._config.district.name, "now_s": now_s, "link": ingest.link(), **counts}

    def _records(self, query: Mapping[str, str]) -> Awaitable[list[dict[str, Any]]]:
        limit, before = _whole_number(query, "limit", 100), _whole_number(query, "before", None)
        return self.in_store(lambda: view.records(self._store.connection, limit, before, query.get("state", "all")))

    def _alarms(self) -> list[dict[str, Any]]:
        """Whom nobody hears now first, then what was written down."""
        return [*view.unheard(self._stations.problems(), int(self._clock.wall_s())), *view.alarms(self._store.connection)]

    async def _list_stations(self, _query: Mapping[str, str]) -> list[dict[str, Any]]:
        found = await self.in_store(lambda: view.stations(self._store.connection, self._stations.believed()))
        return [{**station, **self._health.of(station["station"]), **self._decided(station["station"])} for station in found]

    def _decided(self, station: str) -> dict[str, int | None]:
        """Number of the policy that it shall keep to (0: none; its own word on that stands in its health document as `pol`), people to record."""
        newest = self._policies.newest(station)
        return {"policy": newest[1].sequence if newest else 0, "people": self._config.district.people.get(station)}


def _whole_number(query: Mapping[str, str], name: str, otherwise: _T) -> int | _T:
    """Raises ValueError, worded for whoever asks."""
    text = query.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise ValueError(f"{name} is a whole number of at most {DIGITS_MAX} digits")
    return int(text)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers and without its `sys.exit` when the port is taken."""

    def __init__(self, page: Any, host: str, port: int) -> None:
        super().__init__(uvicorn.Config(page, host=host, port=port, log_level="warning", lifespan="off", server_header=False))
        self.failed = False

    async def serve(self, sockets: Any = None) -> None:
        try:
            await self._serve(sockets)
        except SystemExit:
            self.failed = True
            log.critical("the page's port %d is taken; stop the other program or choose another page_port", self.config.port)
