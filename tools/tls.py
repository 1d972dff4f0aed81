"""Certificates for a broker with TLS on a bench or in a test: an authority, the broker's, one for its clients. Not for the field."""

import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Issuer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]
YEAR = datetime.timedelta(days=365)
MOSQUITTO = "cafile {0}/authority.pem\ncertfile {0}/broker.pem\nkeyfile {0}/broker.key\nrequire_certificate true\n"
"""lines of a listener that wants a certificate from its clients; {0} is the folder"""


def broker_certificates(folder: Path, host: str, valid: datetime.datetime) -> dict[str, Any]:
    """Write all of them, valid for a year from `valid`; returns what a client puts into [broker]."""
    authority = certificate(folder, "authority", host, valid)
    certificate(folder, "broker", host, valid, authority)
    certificate(folder, "client", host, valid, authority)
    return {"tls_ca": f"{folder}/authority.pem", "tls_certificate": f"{folder}/client.pem", "tls_key": f"{folder}/client.key"}


def certificate(folder: Path, name: str, host: str, valid: datetime.datetime, issuer: Issuer | None = None) -> Issuer:
    """One for the address `host`, written to NAME.pem and NAME.key; without an issuer an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(valid).not_valid_after(valid + YEAR)
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(host))]), critical=False)
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(secret)
    return made, key
