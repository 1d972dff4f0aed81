"""Who holds which signing key: X.509 certificates of a district's own small authority, ECDSA P-256.

The date never decides: a certificate is refused for a wrong signature, role or name, and taken out of use by removing it at the district.
A station whose clock says 1970 or 2041 must go on working, so validity dates are written because X.509 wants them and are not read.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protocols.sealing import kid_of

Role = Literal["authority", "station", "district"]
NOT_BEFORE: Final = datetime(2020, 1, 1, tzinfo=UTC)
NOT_AFTER: Final = datetime(2120, 1, 1, tzinfo=UTC)
PEM_BYTES_MAX: Final = 16 * 1024
"""a certificate of ours has 0.8 KB"""


class CertificateError(Exception):
    """A certificate that proves nothing here."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a certificate says once it is believed."""

    role: Role
    name: str
    """station or district id"""
    public_key: ec.EllipticCurvePublicKey

    @property
    def kid(self) -> bytes:
        """16 bytes, as in the signatures this identity makes."""
        return kid_of(self.public_key)


def make_authority(name: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The authority's own certificate, PEM."""
    return _certificate(_name("authority", name), key.public_key(), _name("authority", name), key)


def issue(authority: bytes, authority_key: ec.EllipticCurvePrivateKey, role: Role, name: str, public_key: ec.EllipticCurvePublicKey) -> bytes:
    """A certificate for a station or a district, PEM."""
    return _certificate(_name(role, name), public_key, _load(authority).subject, authority_key)


def read_certificate(pem: bytes) -> Identity:
    """What a certificate claims, for one that is trusted because of where it lies (a pinned file). Raises CertificateError."""
    certificate = _load(pem)
    role, name = _attribute(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME), _attribute(certificate, NameOID.COMMON_NAME)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError(f"the certificate of {name} holds no P-256 key")
    known: Role | None = next((known for known in get_args(Role) if known == role), None)
    if known is None:
        raise CertificateError(f"the certificate of {name} names no role")
    return Identity(known, name, key)


def check_certificate(pem: bytes, authority: bytes, role: Role) -> Identity:
    """What the certificate says, once the authority's signature and the role hold. Raises CertificateError."""
    identity = read_certificate(pem)
    try:
        _load(pem).verify_directly_issued_by(_load(authority))
    except (InvalidSignature, ValueError, TypeError) as error:
        raise CertificateError(f"the certificate of {identity.name} was not issued by this authority") from error
    if identity.role != role:
        raise CertificateError(f"{identity.name} is certified as {identity.role}, not as {role}")
    return identity


def is_certificate(pem: bytes) -> bool:
    """Whether this is a certificate at all."""
    try:
        _load(pem)
    except CertificateError:
        return False
    return True


def _certificate(subject: x509.Name, public_key: ec.EllipticCurvePublicKey, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> bytes:
    is_authority = subject == issuer
    usage = x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(_serial(public_key))
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(usage, critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _serial(public_key: ec.EllipticCurvePublicKey) -> int:
    """One certificate a key: 127 bits of the key's hash, positive and never 0."""
    return int.from_bytes(hashlib.sha256(kid_of(public_key)).digest()[:16], "big") >> 1 | 1


def _name(role: Role, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Rekam"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _load(pem: bytes) -> x509.Certificate:
    if len(pem) > PEM_BYTES_MAX:
        raise CertificateError(f"{len(pem)} bytes are no certificate of ours")
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError("not a PEM certificate") from error


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    if len(found) != 1:
        raise CertificateError("the certificate's subject lacks role or name")
    return str(found[0].value)
