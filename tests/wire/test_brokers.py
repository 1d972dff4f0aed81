"""Other brokers than a plain Mosquitto: TLS with certificates on both sides, and amqtt, which speaks MQTT 3.1.1 only."""

import asyncio
import datetime
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from station_config.schema import Broker
from tests.brokers import answers, free_port, mosquitto
from tests.transfer import district, running, site, station
from tests.waiting import until_it_is, wait_until


async def one_record(tmp_path: Path, where: Broker) -> None:
    """From a station's store to the district and back."""
    paths = site(tmp_path / "site")
    async with station(tmp_path / "s", paths, where) as one, district(tmp_path / "d", paths, where) as other:
        await one.record(50_000, 20_000)
        async with running(other.ingest.run()), running(one.uplink.run()):
            await until_it_is(one.waiting, 0, "the receipt")
        assert await other.receipts() == 1


def certificate(folder: Path, name: str, valid: datetime.datetime, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None) -> tuple:
    """A certificate for 127.0.0.1, valid for a year from `valid`, written to NAME.pem and NAME.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(valid).not_valid_after(valid + datetime.timedelta(days=365))
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return made, key


def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    authority = certificate(tmp_path, "authority", now)
    certificate(tmp_path, "broker", now, authority)
    certificate(tmp_path, "client", now, authority)
    lines = (
        f"cafile {tmp_path}/authority.pem\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
        "require_certificate true\nallow_anonymous true\ntls_version tlsv1.2"
    )
    with mosquitto(tmp_path, lines) as broker:
        files = {"tls_ca": f"{tmp_path}/authority.pem", "tls_certificate": f"{tmp_path}/client.pem", "tls_key": f"{tmp_path}/client.key"}
        asyncio.run(one_record(tmp_path, Broker(port=broker.port, **files)))


def test_station_believes_a_chain_although_its_clock_is_years_wrong(tmp_path: Path) -> None:
    """The broker's certificate is not valid yet, as far as this machine's clock knows."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=4000)
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    authority = certificate(tmp_path, "authority", now)
    certificate(tmp_path, "broker", later, authority)
    lines = f"certfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\nallow_anonymous true"
    paths = site(tmp_path / "site")

    async def scenario(port: int) -> None:
        async with station(tmp_path / "s", paths, Broker(port=port, tls_ca=f"{tmp_path}/authority.pem")) as one, running(one.uplink.run()):

            async def connected() -> bool:
                return one.uplink.status().connected

            await until_it_is(connected, True, "the link")

    with mosquitto(tmp_path, lines) as broker:
        asyncio.run(scenario(broker.port))


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
