"""The station's keys, read from files once at start: its signing key, whom it believes, to whom it seals.

Not responsible for making them (tools/keys.py). A file that is missing, readable by others or not what it should be is a StationError
that names the file and the next step.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from edge.errors import StationError
from edge.tpm import TpmSigner, read_pointer
from protocols.canonical import FormatError
from protocols.certificates import CertificateError, Identity, Role, read_certificate
from protocols.passphrase import KEY_FILE_MARK, unlock_key_file
from protocols.record import Audience
from protocols.sealing import SealingError, Signer, SoftwareSigner
from station_config.schema import Keys

FILE_BYTES_MAX = 64 * 1024
OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class StationKeys:
    """All that the station knows of keys."""

    signer: Signer
    station: Identity
    district: Identity
    audiences: dict[Audience, bytes]

    def district_key(self, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        """The key that receipts, roster and policy must be signed with; None for any other key id."""
        return self.district.public_key if kid == self.district.kid else None


def load_station_keys(keys: Keys, station: str) -> StationKeys:
    """Read every file of [keys]. Raises StationError."""
    signer = _signer(Path(keys.station_key), Path(keys.station_passphrase) if keys.station_passphrase else None)
    own = _identity(Path(keys.station_certificate), "station")
    if own.name != station or own.kid != signer.kid:
        raise _wrong(Path(keys.station_certificate), f"it certifies {own.name} with another key than {keys.station_key}, or another station than {station}")
    audiences: dict[Audience, bytes] = {"intake": _audience(Path(keys.audience_intake)), "vault": _audience(Path(keys.audience_vault))}
    return StationKeys(signer, own, _identity(Path(keys.district_certificate), "district"), audiences)


def _signer(path: Path, passphrase: Path | None) -> Signer:
    """A chip, a protected file, or a plain one; the first bytes tell."""
    data = _read(path)
    pointer = read_pointer(data)
    if pointer is not None:
        return TpmSigner(*pointer)
    if path.stat().st_mode & OTHERS:
        raise StationError("key_open", f"{path} can be read by others", f"Run: chmod 600 {path}", file=str(path))
    try:
        return SoftwareSigner.from_pem(_unlocked(data, passphrase) if data.startswith(KEY_FILE_MARK) else data)
    except (SealingError, FormatError) as error:
        raise _wrong(path, str(error)) from error


def _unlocked(data: bytes, passphrase: Path | None) -> bytes:
    if passphrase is None:
        raise SealingError("login", "it needs a passphrase, and station_passphrase names no file")
    return unlock_key_file(data, _read(passphrase).decode("utf-8").strip())


def _identity(path: Path, role: Role) -> Identity:
    try:
        identity = read_certificate(_read(path))
    except CertificateError as error:
        raise _wrong(path, str(error)) from error
    if identity.role != role:
        raise _wrong(path, f"it certifies a {identity.role}, not a {role}")
    return identity


def _audience(path: Path) -> bytes:
    """Base64 of the public key, 1,216 bytes."""
    try:
        public = base64.b64decode(_read(path).strip(), validate=True)
    except binascii.Error as error:
        raise _wrong(path, "it is no audience key") from error
    if len(public) != 1216:
        raise _wrong(path, f"the audience key has {len(public)} bytes instead of 1216")
    return public


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise StationError(
            "key_missing", f"{path} cannot be read ({error.strerror})", "Copy the station's key folder from the installer's stick.", file=str(path)
        ) from error


def _wrong(path: Path, what: str) -> StationError:
    return StationError("key_wrong", f"{path} cannot be used: {what}", "Copy the station's key folder from the installer's stick again.", file=str(path))
