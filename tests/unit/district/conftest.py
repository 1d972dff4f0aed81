"""A district's store over real files, one station that signs, and a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from district.store import DistrictStore
from protocols.sealing import SoftwareSigner
from simulators.signing_station import SigningStation
from tests.records import KnownStations, StillClock, new_signer, new_station


@pytest.fixture
def station() -> SigningStation:
    return new_station()


@pytest.fixture
def signer() -> SoftwareSigner:
    return new_signer()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store(tmp_path: Path, station: SigningStation, signer: SoftwareSigner, clock: StillClock) -> Iterator[DistrictStore]:
    opened = DistrictStore.open(tmp_path / "data", KnownStations({"s-1": station.key.public_key()}), signer, "poso", clock)
    yield opened
    opened.close()
