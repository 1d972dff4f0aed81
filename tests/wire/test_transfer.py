"""Station and district on a real Mosquitto."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgspec
import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion

from district.clock import SystemClock as DistrictClock
from district.decisions import Decision, decide, of_station
from district.keys import load_signer
from district.policies import blank
from district.view import quarantine
from edge.errors import StoreError
from edge.store.store import Store
from edge.store.values import Counts
from protocols import topics
from protocols.custody import Chunk, Entry, Have, Policy, Receipt, encode
from protocols.custody.wire import MAX_FRAME
from protocols.policy import sign_policy
from protocols.sealing import SoftwareSigner
from station_config.schema import Broker, DistrictKeys
from tests.brokers import Mosquitto, free_port, mosquitto
from tests.transfer import STATION, District, Station, district, running, site, station
from tests.waiting import until, until_it_is, wait_until
from tools.keys import SitePaths


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> SitePaths:
    return site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as running_broker:
        yield running_broker


async def drained(one: Station, other: District, entries: int) -> None:
    """Everything committed has its receipt here, and nothing else is at the district."""
    await until_it_is(one.waiting, 0, "all receipts")
    assert await other.receipts() == entries
    assert one.uplink.status().refused_receipts == 0


def test_records_and_events_arrive_and_receipts_come_back(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            await one.record(200_000, 90_000, 10)
            assert not one.uplink.sends()
            async with running(other.ingest.run()), running(one.uplink.run()):
                await until(lambda: one.uplink.status().connected, "the link")
                await until(one.uplink.sends, "chunks on the line, whose power is learnt apart")
                await one.record(50_000, urgent=True)
                await one.worker.run(lambda: one.ledger.event("boot"))
                one.uplink.wake()
                await drained(one, other, 3)
            words = {word: json.loads(payload) for _, word, payload in other.health.words if word == "health"}
            assert words["health"] == {"station": STATION}
            alive = [json.loads(payload) for _, word, payload in other.health.words if word == "alive"]
            assert alive[0] == {"alive": True, "boot": 1}

    asyncio.run(scenario())


def test_broker_comes_late_goes_and_returns(tmp_path: Path, paths: SitePaths) -> None:
    async def scenario() -> None:
        broker = Mosquitto(tmp_path, free_port())
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            await one.record(40_000)
            async with running(one.uplink.run()), running(other.ingest.run()):
                await until(lambda: one.uplink.status().why, "a first refusal")
                await asyncio.to_thread(broker.start)
                try:
                    await drained(one, other, 1)
                    broker.stop()
                    await one.record(40_000)
                    await until(lambda: not one.uplink.status().connected, "the end of the link")
                    await asyncio.to_thread(broker.start)
                    await drained(one, other, 2)
                finally:
                    broker.stop()

    asyncio.run(scenario())


def test_big_things_wait_for_power_and_go_by_themselves(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            one.permits = "small"
            for _ in range(3):
                await one.record(90_000)
            await one.record(90_000, urgent=True)
            async with running(other.ingest.run()), running(one.uplink.run()):
                await until_it_is(one.waiting, 3, "the urgent one's receipt")
                assert await other.in_store(lambda: other.store.held(STATION, 0, 9)) == [(1, 5)], "the district knows of all"
                assert await other.receipts() == 1
                assert one.uplink.status().sending == "small"
                one.permits = "all"
                await drained(one, other, 4)

    asyncio.run(scenario())


def test_district_that_starts_later(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            await one.record(30_000)
            async with running(one.uplink.run()):
                await until(lambda: one.uplink.status().connected, "the link")
                async with running(other.ingest.run()):
                    await drained(one, other, 1)

    asyncio.run(scenario())


def test_station_restarts_in_the_middle(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with district(tmp_path / "d", paths, where) as other, running(other.ingest.run()):
            for life in range(4):
                async with station(tmp_path / "s", paths, where) as one, running(one.uplink.run()):
                    for _ in range(3):
                        await one.record(60_000, 60_000)
                    await until(lambda one=one: one.uplink.status().connected, "the link")
                    if life == 3:
                        await drained(one, other, 12)

    asyncio.run(scenario())


ROT = {
    "description": "UPDATE part SET position = 9 WHERE number = (SELECT min(number) FROM part)",
    "lost": "DELETE FROM part WHERE number = (SELECT min(number) FROM part)",
    "picture": "UPDATE part SET sealed = zeroblob(size) WHERE number = (SELECT min(number) FROM part)",
}


@pytest.mark.parametrize("rot", ROT.values(), ids=ROT.keys())
def test_one_rotten_part_holds_up_nothing_else_at_any_start(tmp_path: Path, paths: SitePaths, broker: Mosquitto, rot: str) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one:
            for _ in range(3):
                await one.record(30_000, 30_000)
        card_rots(tmp_path / "s", rot)
        async with district(tmp_path / "d", paths, where) as other, running(other.ingest.run()):
            for life in (1, 2):
                async with station(tmp_path / "s", paths, where) as one, running(one.uplink.run()):
                    await one.record(30_000)
                    await until_it_is(one.waiting, 1, "all other receipts")
                    await until(lambda one=one: one.unreadable == [1], "the news about the rotten one")
                    assert await other.receipts() == 2 + life
            assert await other.in_store(lambda: other.store.held(STATION, 0, 9)) == [(1, 6)], "its signed entry travels all the same"

    asyncio.run(scenario())


def card_rots(folder: Path, statement: str) -> None:
    with apsw.Connection(str(folder / "rekam.db")) as connection:
        connection.execute(statement)
    connection.close()


def test_a_store_that_fails_for_a_while_is_asked_again(
    tmp_path: Path, paths: SitePaths, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter(["head", "outbox", "parts", "part"])
    due = [next(failures)]

    def failing(name: str) -> Callable[..., object]:
        method = getattr(Store, name)

        def call(store: Store, *values: object) -> object:
            if due == [name]:
                due[:] = [next(failures, "")]
                raise StoreError("store_failed", "the disk did not answer", "Try again")
            return method(store, *values)

        return call

    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            await one.record(30_000)
            for name in ("head", "outbox", "parts", "part"):
                monkeypatch.setattr(Store, name, failing(name))
            async with running(other.ingest.run()), running(one.uplink.run()):
                await until(lambda: one.uplink.status().receipts == 1, "the receipt", timeout_s=40)
            assert (due, one.unreadable) == ([""], [])

    asyncio.run(scenario())


def shout(port: int, messages: list[tuple[str, bytes]]) -> None:
    """Somebody publishes these."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish(topic, payload, qos=1) for topic, payload in messages]
    wait_until(lambda: all(info.is_published() for info in sent), "the shouting")
    client.disconnect()
    client.loop_stop()


HOSTILE = [
    (topics.up(STATION, "entry"), b""),
    (topics.up(STATION, "entry"), b"\x01\x01garbage"),
    (topics.up(STATION, "entry"), encode(Entry(b"\xd2\x84nonsense"))),
    (topics.up(STATION, "chunk"), encode(Entry(b"entry on the topic of chunks"))),
    (topics.up(STATION, "chunk"), encode(Chunk(bytes(16), 0, 0, b"no manifest"))),
    (topics.up(STATION, "ask"), encode(Have(1, ((0, 2**32),)))),
    (topics.up(STATION, "entry"), bytes(MAX_FRAME + 1)),
    (topics.up("stranger", "entry"), encode(Entry(b"who am I"))),
    ("rekam/1/up/poso-01/entry/more", b"x"),
    ("rekam/1/up/UPPER/entry", b"x"),
    ("rekam/1/up/poso-01/receipt", b"x"),
    (topics.down(STATION, "receipt"), encode(Receipt(b"\xd2\x84not signed"))),
    (topics.down(STATION, "receipt"), b"short"),
    (topics.down(STATION, "have"), encode(Have(7, ((0, 2**32),), ((0, 2**32),), ((bytes(16), ((65535, 0, 2**32 - 1),)),)))),
    (topics.state(STATION, "health"), bytes(5000)),
]


def test_hostile_messages_change_nothing(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
            async with running(other.ingest.run()), running(one.uplink.run()):
                await until(lambda: one.uplink.status().connected and other.ingest.link()["connected"], "the links")
                await asyncio.to_thread(shout, broker.port, HOSTILE)
                await one.record(100_000)
                await asyncio.to_thread(shout, broker.port, HOSTILE)
                await until_it_is(one.waiting, 0, "the receipt")
                assert await other.receipts() == 1
                assert one.uplink.status().refused_receipts >= 1
                refused = other.ingest.link()["refused"]
            assert {"topic", "length", "unknown station", "wrong topic", "no manifest"} <= set(refused)

    asyncio.run(scenario())


def test_a_policy_waits_at_the_broker_and_is_verified_by_the_station(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    async def scenario() -> None:
        where = Broker(port=broker.port)
        signer = load_signer(DistrictKeys(**paths.district_section()), "poso")
        policy = blank("poso", STATION, 1, DistrictClock())
        forged = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))
        frame = encode(Policy(sign_policy(policy, signer)))
        async with station(tmp_path / "s", paths, where) as one:
            async with district(tmp_path / "d", paths, where) as other:
                other.ingest.hand_out(STATION, frame)
                async with running(one.uplink.run()), running(other.ingest.run()):
                    await until(lambda: one.taken[:1] == ["new"], "the policy")
            one.taken.clear()
            async with running(one.uplink.run()), district(tmp_path / "d", paths, where) as other:
                await until(lambda: one.taken == ["unchanged"], "the policy that the broker kept, with no district there")
                other.ingest.hand_out(STATION, encode(Policy(sign_policy(msgspec.structs.replace(policy, sequence=2), forged))))
                async with running(other.ingest.run()):
                    await until(lambda: one.taken[-1] == "refused", "a policy that no district signed")
            assert one.policy.policy == policy
            assert await one.worker.call(Store.setting, "policy") == sign_policy(policy, signer)

    asyncio.run(scenario())


def test_an_officers_release_reaches_the_station_that_was_away(tmp_path: Path, paths: SitePaths, broker: Mosquitto) -> None:
    """An old card image: its record lies in quarantine, an officer releases it, the station hears of it at a later connection."""

    async def scenario() -> None:
        where = Broker(port=broker.port)
        async with district(tmp_path / "d", paths, where) as other, running(other.ingest.run()):
            for name in ("card", "old-image"):
                async with station(tmp_path / name, paths, where) as one, running(one.uplink.run()):
                    await one.record(3_000)
                    await until_it_is(one.waiting, 0, "a receipt")
                    refused = (await one.worker.call(Store.counts)).refused
            assert refused == 1
            (found,) = await other.in_store(lambda: quarantine(other.store.connection))
            await other.in_store(lambda: decide(other.store, Decision(found["entry"], "release", "Ibu Sri")))
            other.ingest.came()
            async with station(tmp_path / "old-image", paths, where) as one, running(one.uplink.run()):
                await until(lambda: STATION in other.ingest.came(), "the station to be noticed")
                for signed in await other.in_store(lambda: of_station(other.store.connection, STATION, 0, 2)):
                    other.ingest.send(STATION, encode(Receipt(signed)))
                await until_it_is(lambda: one.worker.call(Store.counts), Counts(1, 0, 1, 0), "the release")

    asyncio.run(scenario())
