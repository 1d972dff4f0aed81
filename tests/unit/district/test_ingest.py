"""The district's ear when the disk behind it is full: it promises nothing that is not kept, and goes on listening."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from district.health import Health
from district.ingest import TROUBLE_S, Ingest
from district.store import DistrictStore
from protocols.custody import Ask, Entry, Have, decode, encode
from simulators.signing_station import SigningStation
from station_config.schema import Broker
from tests.records import KnownStations, StillClock, new_signer

T = TypeVar("T")


class Bench:
    """Ingest on a real store, without a broker."""

    def __init__(self, folder: Path, station: SigningStation) -> None:
        self.clock = StillClock()
        self.store = DistrictStore.open(folder, KnownStations({station.name: station.key.public_key()}), new_signer(), "poso", self.clock)
        self.ingest = Ingest(self.store, Health(self.clock), Broker(), in_store, self.clock)
        self.held: set[int] = set()
        """what the station has been told is kept"""
        self.false: set[int] = set()
        """of that, what was not kept when it was told"""
        self.ingest._client.publish = self._publish  # type: ignore[method-assign,assignment]  # no broker

    def hears(self, *messages: Entry | Ask) -> None:
        """One batch."""
        batch = [("s-1", type(message).__name__.lower(), encode(message)) for message in messages]
        asyncio.run(self.ingest._work(batch))

    def fill_the_disk(self, pages_left: int) -> None:
        pages = self.store.connection.pragma("page_count")
        self.store.connection.pragma("max_page_count", pages + pages_left)

    def make_room(self) -> None:
        self.store.connection.pragma("max_page_count", 1_000_000)

    def _publish(self, _topic: str, frame: bytes, qos: int) -> None:
        message = decode(frame)
        if isinstance(message, Have):
            told = numbers(message.held)
            self.held |= told
            self.false |= told - numbers(self.store.held("s-1", 0, 1_000))


def numbers(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, end in spans for number in range(first, end)}


async def in_store(work: Callable[[], T]) -> T:
    return work()


@pytest.fixture
def bench(tmp_path: Path, station: SigningStation) -> Iterator[Bench]:
    bench = Bench(tmp_path / "data", station)
    yield bench
    bench.store.close()


def test_what_a_full_disk_took_back_is_not_promised(bench: Bench, station: SigningStation) -> None:
    entries = [Entry(station.event()) for _ in range(60)]
    bench.fill_the_disk(pages_left=3)
    bench.hears(*entries)
    bench.make_room()
    bench.hears(Ask(7, ((1, 61),)))
    assert bench.false == set()
    bench.hears(*entries)
    assert bench.held == set(range(1, 61))


def test_a_full_disk_does_not_make_the_district_deaf(bench: Bench, station: SigningStation) -> None:
    entries = [Entry(station.event()) for _ in range(60)]
    bench.fill_the_disk(pages_left=0)
    bench.hears(*entries)
    assert bench.clock.monotonic_s() <= TROUBLE_S


def test_one_message_that_the_store_cannot_stand_does_not_hold_up_the_others(bench: Bench, station: SigningStation, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [Entry(station.event()) for _ in range(4)]
    accept = bench.store.accept_entry

    def stumble(name: str, envelope: bytes) -> object:
        if envelope == entries[1].envelope:
            raise ValueError("a programming error")
        return accept(name, envelope)

    monkeypatch.setattr(bench.store, "accept_entry", stumble)
    bench.hears(*entries)
    assert bench.held == {1, 3, 4}
    assert bench.clock.monotonic_s() <= TROUBLE_S
