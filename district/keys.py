"""The district's keys, read from files: its signing key and certificate, and the certificates of its stations.

Stations are one certificate a file in a folder; a new file is found at once, a removed file takes the station out of service. Where the
authority's certificate is configured, each must have been issued by it.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from protocols.certificates import CertificateError, Identity, check_certificate, read_certificate
from protocols.sealing import SealingError, SoftwareSigner
from station_config.schema import DistrictKeys

OTHERS = 0o077


class KeyFileError(Exception):
    """A key file that cannot be used; the text names it and says what to do."""


def load_signer(keys: DistrictKeys, district: str) -> SoftwareSigner:
    """The key that receipts are signed with, checked against the certificate that stations hold. Raises KeyFileError."""
    path = Path(keys.signing_key)
    signer = _signer(path)
    try:
        own = read_certificate(_read(Path(keys.certificate)))
    except CertificateError as error:
        raise KeyFileError(f"{keys.certificate} cannot be used: {error}. Make the site's keys again.") from error
    if (own.role, own.name, own.kid) != ("district", district, signer.kid):
        raise KeyFileError(f"{keys.certificate} is not the certificate of district {district} for {path}. Put both files of one site there.")
    return signer


@dataclass
class Stations:
    """The folder of station certificates, read again whenever a name or key is not known."""

    folder: Path
    authority: Path | None = None
    refused: dict[str, str] = field(default_factory=dict)
    """file -> why it was not believed"""
    _known: dict[str, Identity] = field(default_factory=dict)

    def known(self, station: str) -> bool:
        """Whether a believed certificate names it."""
        return self.identity(station) is not None

    def identity(self, station: str) -> Identity | None:
        """Who that station is; None when no believed certificate names it."""
        path = self.folder / f"{station}.pem"
        if not path.is_file():
            self._known.pop(station, None)
        elif station not in self._known:
            self._load(path, station)
        return self._known.get(station)

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        """The station's key, if `kid` names it."""
        found = self.identity(station)
        if found is not None and found.kid != kid:
            self._known.pop(station)
            found = self.identity(station)
        return found.public_key if found is not None and found.kid == kid else None

    def names(self) -> list[str]:
        """Every station with a certificate in the folder."""
        return sorted(path.stem for path in self.folder.glob("*.pem"))

    def _load(self, path: Path, station: str) -> None:
        try:
            pem = _read(path)
            identity = check_certificate(pem, _read(self.authority), "station") if self.authority else read_certificate(pem)
            if (identity.role, identity.name) != ("station", station):
                raise CertificateError(f"it certifies {identity.role} {identity.name}")
        except (CertificateError, KeyFileError) as error:
            self.refused[path.name] = str(error)
            return
        self.refused.pop(path.name, None)
        self._known[station] = identity


def _signer(path: Path) -> SoftwareSigner:
    data = _read(path)
    if path.stat().st_mode & OTHERS:
        raise KeyFileError(f"{path} can be read by others. Run: chmod 600 {path}")
    try:
        return SoftwareSigner.from_pem(data)
    except SealingError as error:
        raise KeyFileError(f"{path} cannot be used: {error}. Make the site's keys again.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read ({error.strerror}). Give the right path in the configuration.") from error
