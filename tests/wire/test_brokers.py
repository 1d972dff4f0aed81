"""Other brokers than a plain Mosquitto: TLS with certificates on both sides, and amqtt, which speaks MQTT 3.1.1 only."""

import asyncio
import datetime
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

import station_config
from edge.clock import SystemClock
from edge.uplink.dial import dial
from edge.uplink.tls import Tls
from station_config.schema import Broker
from tests.brokers import Mosquitto, answers, free_port, mosquitto
from tests.transfer import STATION, Station, district, running, site, station
from tests.waiting import until, until_it_is, wait_until
from tools.tls import MOSQUITTO, broker_certificates, certificate

LOCAL = "127.0.0.1"
YEAR_S = 365 * 86_400
BEGAN, ENDED = datetime.datetime(2020, 1, 1), datetime.datetime(2024, 1, 1)  # noqa: DTZ001  (X.509 counts in UTC)


async def one_record(tmp_path: Path, where: Broker) -> None:
    """From a station's store to the district and back."""
    paths = site(tmp_path / "site")
    async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
        await one.record(50_000, 20_000)
        async with running(other.ingest.run()), running(one.uplink.run()):
            await until_it_is(one.waiting, 0, "the receipt")
        assert await other.receipts() == 1


def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    files = broker_certificates(tmp_path, LOCAL, NOW - datetime.timedelta(days=1))
    with mosquitto(tmp_path, f"{MOSQUITTO.format(tmp_path)}allow_anonymous true\ntls_version tlsv1.2") as broker:
        asyncio.run(one_record(tmp_path, Broker(port=broker.port, **files)))


def shipped(folder: Path) -> str:
    """The configuration that ships, with its files here; without the listener, which the test has."""
    source = Path(station_config.__file__).parent / "mosquitto"
    lines = (source / "rekam.conf").read_text(encoding="utf-8").replace("/etc/rekam/tls", str(folder)).replace("/etc/rekam/mosquitto.acl", str(source / "acl"))
    return "\n".join(line for line in lines.splitlines() if not line.startswith(("listener", "persistence", "autosave", "max_packet")))


@pytest.mark.timeout(60)
def test_the_broker_as_shipped_carries_records_and_lets_a_station_speak_for_itself_alone(tmp_path: Path) -> None:
    authority = certificate(tmp_path, "authority", LOCAL, NOW - datetime.timedelta(days=1))
    for name in ("broker", STATION, "poso", "poso-02"):
        certificate(tmp_path, name, LOCAL, NOW - datetime.timedelta(days=1), authority)
    paths = site(tmp_path / "site")

    def of(name: str, port: int) -> Broker:
        return Broker(port=port, tls_ca=f"{tmp_path}/authority.pem", tls_certificate=f"{tmp_path}/{name}.pem", tls_key=f"{tmp_path}/{name}.key")

    async def scenario(port: int) -> None:
        async with district(tmp_path / "d", paths, of("poso", port)) as other, running(other.ingest.run()):
            async with station(tmp_path / "x", paths, of("poso-02", port)) as stranger, running(stranger.uplink.run()):
                await stranger.record(1_000)
                async with station(tmp_path / "s", paths, of(STATION, port)) as one, running(one.uplink.run()):
                    await one.record(50_000, 20_000)
                    await until_it_is(one.waiting, 0, "the receipt")
                assert await other.receipts() == 1
                assert await stranger.waiting() == 1, "its certificate says poso-02, its topics another's"
            assert {name for name, _, _ in other.health.words} == {STATION}

    with mosquitto(tmp_path, shipped(tmp_path)) as broker:
        asyncio.run(scenario(broker.port))


NOW = datetime.datetime.now(datetime.UTC)


def broker_of(folder: Path, years: float, authority_years: float | None = None) -> str:
    """Lines of a listener whose certificate became valid so many years from now, for one year; its authority too, or at another time."""
    begins = [NOW + datetime.timedelta(days=365 * of - 1) for of in (years, years if authority_years is None else authority_years)]
    certificate(folder, "broker", LOCAL, begins[0], certificate(folder, "authority", LOCAL, begins[1]))
    return f"certfile {folder}/broker.pem\nkeyfile {folder}/broker.key\nallow_anonymous true"


@asynccontextmanager
async def linked(tmp_path: Path, port: int) -> AsyncIterator[Station]:
    """A station that nobody told the time yet, and that connected all the same."""
    paths = site(tmp_path / "site")
    async with station(tmp_path / "s", paths, Broker(port=port, tls_ca=f"{tmp_path}/authority.pem")) as one, running(one.uplink.run()):
        await until(lambda: one.uplink.status().connected, "the link")
        assert one.uplink.status().dates == "unchecked"
        yield one


@pytest.mark.parametrize(
    ("years", "authority_years", "told_years", "why"),
    [(11, 11, 0, "not yet valid"), (-11, -11, 0, "has expired"), (0, 0, 2, "has expired"), (0, -1, 0.5, "has expired")],
)
def test_dates_of_a_certificate_count_once_the_time_is_known(tmp_path: Path, years: int, authority_years: int, told_years: float, why: str) -> None:
    """To a station whose clock is wrong by years, every certificate looks like one of these."""

    async def scenario(port: int) -> None:
        async with linked(tmp_path, port) as one:
            status = one.uplink.status
            one.clock.district_says(NOW.timestamp() + told_years * YEAR_S, within_s=60)
            one.uplink.wake()
            await until(lambda: status().dates == "refused", "the refusal")
            await until(lambda: not status().connected, "the end of the link")
            assert why in status().why

    with mosquitto(tmp_path, broker_of(tmp_path, years, authority_years)) as broker:
        asyncio.run(scenario(broker.port))


def test_an_authority_that_was_renewed_may_keep_its_old_certificate_beside(tmp_path: Path) -> None:
    """While it is replaced, the stations' file holds both, under one name and one key."""

    async def scenario(port: int) -> None:
        async with linked(tmp_path, port) as one:
            one.clock.district_says(NOW.timestamp(), within_s=60)
            one.uplink.wake()
            await until(lambda: one.uplink.status().dates == "checked", "the check")
            assert one.uplink.status().connected

    lines = broker_of(tmp_path, 0)
    renewed = x509.load_pem_x509_certificate((tmp_path / "authority.pem").read_bytes())
    key = load_pem_private_key((tmp_path / "authority.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = x509.CertificateBuilder(renewed.issuer, renewed.subject, renewed.public_key(), x509.random_serial_number(), BEGAN, ENDED, list(renewed.extensions))
    both = old.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + (tmp_path / "authority.pem").read_bytes()
    (tmp_path / "authority.pem").write_bytes(both)
    with mosquitto(tmp_path, lines) as broker:
        asyncio.run(scenario(broker.port))


@pytest.mark.parametrize("years", [0, 11])
def test_a_valid_certificate_is_checked_by_the_time_that_was_told_and_not_by_the_machines(tmp_path: Path, years: int) -> None:
    """With neither RTC nor network time the machine's clock stays years behind."""

    async def scenario(port: int) -> None:
        async with linked(tmp_path, port) as one:
            status = one.uplink.status
            since_s = status().since_s
            one.clock.district_says(NOW.timestamp() + (years + 0.5) * YEAR_S, within_s=60)
            one.uplink.wake()
            await until(lambda: status().dates == "checked", "the check")
            assert status().connected
            assert status().since_s == since_s, "on the connection that was open"

    with mosquitto(tmp_path, broker_of(tmp_path, years)) as broker:
        asyncio.run(scenario(broker.port))


def test_a_policy_older_than_the_brokers_certificate_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    """All that it tells a clock without a battery is that today is no earlier."""

    async def scenario(port: int) -> None:
        async with linked(tmp_path, port) as one:
            one.clock.district_says(NOW.timestamp() + 10.5 * YEAR_S)
            assert one.clock.wall_s() > NOW.timestamp() + 10 * YEAR_S
            one.uplink.wake()
            await one.record(1_000)  # so that it turns once more
            assert (one.uplink.status().dates, one.uplink.status().connected) == ("unchecked", True)

    with mosquitto(tmp_path, broker_of(tmp_path, 11)) as broker:
        asyncio.run(scenario(broker.port))


def test_the_receipt_of_a_record_made_in_this_boot_tells_the_time(tmp_path: Path) -> None:
    paths = site(tmp_path / "site")

    async def scenario(port: int) -> None:
        where = Broker(port=port, tls_ca=f"{tmp_path}/authority.pem")
        async with station(tmp_path / "s", paths, where) as one, running(one.uplink.run()):
            await until(lambda: one.uplink.status().connected, "the link")
            assert one.clock.trust() in {"none", "rtc"}
            async with district(tmp_path / "d", paths, where) as other, running(other.ingest.run()):
                await one.record(1_000)
                await until_it_is(one.waiting, 0, "the receipt")
            assert one.clock.trust() == "district"
            await until(lambda: one.uplink.status().dates == "checked", "the check")

    with mosquitto(tmp_path, broker_of(tmp_path, 0)) as broker:
        asyncio.run(scenario(broker.port))


async def handshake(tls: Tls, port: int) -> bool:
    """CONNECT by hand over TLS; whether the session of the last time was resumed."""
    with await tls.wrap(await dial(LOCAL, port), LOCAL) as line:
        line.settimeout(10)
        line.sendall(bytes.fromhex("10 10 0004 4d515454 04 02 003c 0004 74657374"))
        assert line.recv(4) == bytes.fromhex("20 02 00 00")
        tls.remember(line)
        return bool(line.session_reused)


def test_a_session_is_resumed_and_a_broker_that_forgot_it_does_no_harm(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, free_port(), broker_of(tmp_path, 0))
    clock = SystemClock(network=tmp_path / "none")
    tls = Tls(Broker(port=broker.port, tls_ca=f"{tmp_path}/authority.pem"), clock)
    try:
        broker.start()
        assert [asyncio.run(handshake(tls, broker.port)) for _ in range(3)] == [False, True, True]
        clock.district_says(NOW.timestamp(), within_s=60)
        assert asyncio.run(handshake(tls, broker.port))
        assert tls.dates == "checked", "a session that is resumed still knows its certificates"
        broker.stop()
        broker.start()
        assert [asyncio.run(handshake(tls, broker.port)) for _ in range(2)] == [False, True]
    finally:
        broker.stop()


@pytest.fixture
def amqtt(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    configuration = tmp_path / "amqtt.yaml"
    configuration.write_text(
        f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\nplugins:\n"
        "  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
    )
    command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(configuration)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), "amqtt to listen", 30)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.timeout(120)
def test_amqtt_which_knows_no_version_5(tmp_path: Path, amqtt: int) -> None:
    asyncio.run(one_record(tmp_path, Broker(port=amqtt)))
