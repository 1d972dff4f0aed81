"""The district's keys, read from files: its signing key and certificate, and the certificates of its stations.

Stations are one certificate a file in a folder; a new or replaced file counts at once, a removed file takes the station out of service. Where
the authority's certificate is configured, each must have been issued by it. Nothing is refused in silence: log and page say why.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from protocols.certificates import CertificateError, Identity, check_certificate, is_certificate, read_certificate
from protocols.sealing import SealingError, SoftwareSigner
from station_config.schema import DistrictKeys

OTHERS = 0o077
log = logging.getLogger(__name__)


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


def load_stations(keys: DistrictKeys) -> "Stations":
    """The stations that this district serves. Raises KeyFileError when the authority or the folder is missing: nobody would be believed."""
    folder = Path(keys.station_certificates)
    if not folder.is_dir():
        raise KeyFileError(f"{folder} is no folder. Give the folder of the stations' certificates in the configuration.")
    if not keys.authority:
        log.warning("no authority is configured: every certificate in %s is believed", folder)
        return Stations(folder)
    authority = _read(Path(keys.authority))
    if not is_certificate(authority):
        raise KeyFileError(f"{keys.authority} is not the authority's certificate. Put the one of the site's keys there.")
    return Stations(folder, authority)


class Problem(NamedTuple):
    """Why somebody is not served. `kind`: certificate (one that does not hold), certificates (the folder is gone)."""

    station: str
    kind: str
    detail: str


Mark = tuple[int, int, int]
"""time, inode and size of a file: another content has another mark"""


@dataclass
class Stations:
    """The folder of station certificates; each is read again when its file is another one."""

    folder: Path
    authority: bytes | None = None
    """PEM"""
    _looked: dict[str, tuple[Mark, Identity | str]] = field(default_factory=dict)
    """station -> the file that was read, and who it names or why it is not believed"""

    def known(self, station: str) -> bool:
        """Whether a believed certificate names it."""
        return self.identity(station) is not None

    def identity(self, station: str) -> Identity | None:
        """Who that station is; None when no believed certificate names it."""
        found = self._look(station)
        return found if isinstance(found, Identity) else None

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        """The station's key, if `kid` names it."""
        found = self.identity(station)
        return found.public_key if found is not None and found.kid == kid else None

    def names(self) -> list[str]:
        """Every station with a certificate in the folder."""
        return sorted(path.stem for path in self.folder.glob("*.pem"))

    def believed(self) -> list[str]:
        """Those whose certificate holds."""
        return [name for name in self.names() if self.known(name)]

    def problems(self) -> list[Problem]:
        """What keeps stations out now."""
        if not self.folder.is_dir():
            return [Problem("*", "certificates", str(self.folder))]
        looked = {name: self._look(name) for name in self.names()}
        return [Problem(name, "certificate", found) for name, found in looked.items() if isinstance(found, str)]

    def _look(self, station: str) -> Identity | str | None:
        path = self.folder / f"{station}.pem"
        try:
            status = path.stat()
        except (OSError, ValueError):  # no file; no name of a file, such as one with a zero byte
            self._looked.pop(station, None)
            return None
        mark = (status.st_mtime_ns, status.st_ino, status.st_size)
        if station not in self._looked or self._looked[station][0] != mark:
            self._looked[station] = mark, self._read(path, station)
        return self._looked[station][1]

    def _read(self, path: Path, station: str) -> Identity | str:
        try:
            pem = _read(path)
            identity = check_certificate(pem, self.authority, "station") if self.authority else read_certificate(pem)
            if (identity.role, identity.name) != ("station", station):
                raise CertificateError(f"it certifies {identity.role} {identity.name}")
        except (CertificateError, KeyFileError) as error:
            log.warning("%s is not believed: %s", path, error)
            return f"{path.name}: {error}"
        return identity


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
