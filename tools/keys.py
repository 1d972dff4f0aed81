"""`./rekam keys`: make a site's keys: the district's authority, its signing key, the two audiences, one key a station, sealed rosters.

The folder made here is the only place where all secrets are together. `district/` goes to the district's machine, each `stations/<id>/`
to its station, `vault/` to whoever may open biometrics; `authority.key` belongs on a stick in a safe.

With a TPM the station's key is made on the station and never leaves it: `./rekam keys --tpm device:/dev/tpmrm0 KEYS` there, then `public.pem`
travels to the safe: `./rekam keys --add --station ID --public-key public.pem KEYS`, and the certificate travels back.
"""

import argparse
import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from edge.clock import SystemClock, random_bytes
from edge.errors import StationError
from edge.files import make_folder, write_durably
from edge.tpm import create_key, write_pointer
from protocols.certificates import issue, make_authority
from protocols.passphrase import lock_key_file
from protocols.roster import Hardness, Operator, RosterRow, seal_roster
from protocols.sealing import Signer, SoftwareSigner, generate_audience
from station_config.schema import Name

PASSPHRASE_CHARACTERS_MIN = 20
"""a thief can guess at leisure"""
OPERATOR = re.compile(r"[a-z0-9][a-z0-9-]{0,31}:[^:]{1,200}:[0-9]{6,12}")
"""a PIN of four digits, which a station takes too, holds a thief of the roster for an hour"""
EXAMPLE = "./rekam keys --district poso --station poso-01 --station poso-02 keys/"


class SitePaths:
    """Where everything lies below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority_key = folder / "authority.key"
        self.authority = folder / "district" / "authority.pem"
        self.district_key = folder / "district" / "district.key"
        self.district = folder / "district" / "district.pem"
        self.station_certificates = folder / "district" / "stations"
        self.intake_private = folder / "intake" / "intake.key"
        self.intake = folder / "intake" / "intake.pub"
        self.vault_private = folder / "vault" / "vault.key"
        self.vault = folder / "vault" / "vault.pub"

    def station_key(self, station: str) -> Path:
        return self._station(station) / "station.key"

    def station_certificate(self, station: str) -> Path:
        return self._station(station) / "station.pem"

    def roster(self, station: str) -> Path:
        return self._station(station) / "roster"

    def _station(self, station: str) -> Path:
        return self.folder / "stations" / station

    def station_section(self, station: str) -> dict[str, str]:
        """The [keys] table of that station's configuration."""
        own = self._station(station)
        return {
            "station_key": str(own / "station.key"), "station_certificate": str(own / "station.pem"), "district_certificate": str(own / "district.pem"),
            "audience_intake": str(own / "intake.pub"), "audience_vault": str(own / "vault.pub"),
            "roster": str(own / "roster") if (own / "roster").exists() else "",
        }

    def district_section(self) -> dict[str, str]:
        """The [keys] table of the district's configuration."""
        return {
            "signing_key": str(self.district_key), "certificate": str(self.district),
            "station_certificates": str(self.station_certificates), "authority": str(self.authority),
        }


@dataclass(frozen=True, slots=True)
class SiteOperator:
    """One operator as the installer enters them."""

    login: str
    name: str
    pin: str


def make_site(
    folder: Path,
    stations: Iterable[str],
    rows: Iterable[RosterRow] = (),
    operators: Iterable[SiteOperator] = (),
    district: str = "district",
    hardness: Hardness = Hardness(),  # noqa: B008  # frozen
    passphrase: str = "",
) -> SitePaths:
    """Make everything below `folder`, which must not hold a site yet; the same roster goes to every station. Raises StationError.

    With a passphrase the stations' keys are protected by it.
    """
    paths = SitePaths(folder)
    if paths.authority_key.exists():
        raise StationError("site_exists", f"{folder} holds a site already", "Name a new folder; keys are never overwritten.")
    authority_key = _new_key(paths.authority_key)
    authority = make_authority(district, authority_key)
    district_key = _new_key(paths.district_key)
    _write(paths.authority, authority)
    _write(paths.district, issue(authority, authority_key, "district", district, district_key.public_key()))
    _new_audience(paths.intake_private, paths.intake)
    _new_audience(paths.vault_private, paths.vault)
    roster = _roster(list(rows), list(operators), SoftwareSigner(district_key), hardness)
    for station in stations:
        public_key = _new_key(paths.station_key(station), passphrase).public_key()
        _make_station(paths, station, issue(authority, authority_key, "station", station, public_key), roster)
    return paths


def add_station(paths: SitePaths, station: str, public_key: ec.EllipticCurvePublicKey | None = None, passphrase: str = "") -> None:
    """One more station for a site that is there; with `public_key` its private half stays where it is. Raises StationError."""
    try:
        authority_key = load_pem_private_key(paths.authority_key.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise StationError("site_missing", f"{paths.authority_key} cannot be read", "Name the folder of the site, with the authority's key in it.") from error
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey), "make_site writes P-256 keys"
    if paths.station_certificate(station).exists():
        raise StationError("site_exists", f"there is a station {station} already", "Choose another id; keys are never overwritten.")
    public_key = public_key or _new_key(paths.station_key(station), passphrase).public_key()
    _make_station(paths, station, issue(paths.authority.read_bytes(), authority_key, "station", station, public_key), None)


def make_tpm_key(folder: Path, tcti: str, handle: str) -> None:
    """On the station: a key in its chip, a key file that points there, and the public half to carry away. Raises StationError."""
    signer = create_key(handle, tcti)
    _write(folder / "station.key", write_pointer(handle, tcti), secret=True)
    public = signer.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "public.pem", public)


def _make_station(paths: SitePaths, station: str, certificate: bytes, roster: bytes | None) -> None:
    _write(paths.station_certificate(station), certificate)
    _write(paths.station_certificates / f"{station}.pem", certificate)
    for shared in (paths.district, paths.intake, paths.vault):
        _write(paths.station_certificate(station).parent / shared.name, shared.read_bytes())
    if roster is not None:
        _write(paths.roster(station), roster)


def _roster(rows: list[RosterRow], operators: list[SiteOperator], signer: Signer, hardness: Hardness) -> bytes | None:
    """None without operators: nobody could open it."""
    people = [(Operator(login=who.login, name=who.name, pseudonym=random_bytes(8)), who.pin) for who in operators]
    return seal_roster(rows, people, int(SystemClock().wall_s()), signer, random_bytes, hardness) if people else None


def _new_key(path: Path, passphrase: str = "") -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, lock_key_file(pem, passphrase, random_bytes) if passphrase else pem, secret=True)
    return key


def _new_audience(private_path: Path, public_path: Path) -> None:
    private, public = generate_audience()
    _write(private_path, base64.b64encode(private) + b"\n", secret=True)
    _write(public_path, base64.b64encode(public) + b"\n")


def _write(path: Path, data: bytes, secret: bool = False) -> None:
    """Secret files are never open to others, not even while they are written."""
    if path.exists():
        raise FileExistsError(f"{path} exists already")
    make_folder(path.parent)
    write_durably(path, data, 0o600 if secret else 0o644)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="where to make them")
    parser.add_argument("--district", default="district", help="the district's id (default: district)")
    parser.add_argument("--station", action="append", default=[], metavar="ID", help="a station's id; may be repeated")
    parser.add_argument("--operator", action="append", default=[], metavar="LOGIN:NAME:PIN", help="who may open the roster; may be repeated")
    parser.add_argument("--add", action="store_true", help="add the stations to the site that is in the folder")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="with --add and one station: certify this key, its private half is in a TPM")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="protect the stations' keys by what stands in this file")
    parser.add_argument("--tpm", metavar="TCTI", help="on the station: make its key in the TPM, for example device:/dev/tpmrm0")
    parser.add_argument("--handle", default="0x81010001", help="with --tpm: where the key stays (default 0x81010001)")


def _check_names(district: str, stations: list[str]) -> None:
    """Before anything is made. Raises StationError."""
    for name in (district, *stations):
        try:
            msgspec.convert(name, Name)
        except msgspec.ValidationError as error:
            rule = "1 to 32 small letters, digits and hyphens, no hyphen first"
            raise StationError("keys_call", f"{name!r} is no id for a district or station", f"An id has {rule}: poso-01.") from error
    twice = sorted({name for name in stations if stations.count(name) > 1})
    if twice:
        raise StationError("keys_call", f"named twice: {', '.join(twice)}", "Name each station once.")


def read_operators(texts: list[str]) -> list[SiteOperator]:
    """Of LOGIN:NAME:PIN. Raises StationError."""
    for text in texts:
        if not OPERATOR.fullmatch(text):
            rule = "LOGIN (small letters, digits, hyphens), a name and 6 to 12 digits, as ani:Ani Lestari:482913"
            raise StationError("keys_call", f"{text.rpartition(':')[0] or text!r} is no operator with a PIN", f"Give {rule}.")
    operators = [SiteOperator(*text.split(":")) for text in texts]
    if len({who.login for who in operators}) != len(operators):
        raise StationError("keys_call", "two operators have the same login", "Give each a login of their own.")
    return operators


def run(arguments: argparse.Namespace) -> int:
    """Make or enlarge a site, or a key in this station's chip. Raises StationError."""
    if arguments.tpm:
        make_tpm_key(arguments.folder, arguments.tpm, arguments.handle)
        print(f"The key is in the TPM. Take {arguments.folder / 'public.pem'} to the district and bring back station.pem and the other files.")
        return 0
    if not arguments.station:
        raise StationError("keys_call", "at least one --station is needed", f"Example: {EXAMPLE}")
    if arguments.public_key and not arguments.add:
        raise StationError("keys_call", "--public-key adds a station to a site that there is", "Call it with --add and the site's folder.")
    operators = read_operators(arguments.operator)
    _check_names(arguments.district, arguments.station)
    passphrase = _passphrase(arguments.passphrase_file)
    if arguments.add:
        return _add(SitePaths(arguments.folder), arguments.station, arguments.public_key, passphrase)
    paths = make_site(arguments.folder, arguments.station, operators=operators, district=arguments.district, passphrase=passphrase)
    print(f"Keys made in {paths.folder}. Move {paths.authority_key} and {paths.vault_private} to a safe place now.")
    return 0


def _add(paths: SitePaths, stations: list[str], public_file: Path | None, passphrase: str) -> int:
    public_key = None
    if public_file is not None:
        try:
            public_key = load_pem_public_key(public_file.read_bytes())
        except (OSError, ValueError) as error:
            raise StationError("keys_call", f"{public_file} holds no public key", "Name the public.pem that the station wrote.") from error
    if public_key is not None and (len(stations) != 1 or not isinstance(public_key, ec.EllipticCurvePublicKey)):
        raise StationError("keys_call", "--public-key is one P-256 key for exactly one --station", "Call it once for each station.")
    for station in stations:
        add_station(paths, station, public_key if isinstance(public_key, ec.EllipticCurvePublicKey) else None, passphrase)
    print(f"Added: {', '.join(stations)}. Copy {paths.station_certificates} to the district and {paths.folder / 'stations'}/ID to each station.")
    return 0


def _passphrase(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        passphrase = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StationError("keys_call", f"{path} holds no passphrase", "Write six or more words into it.") from error
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise StationError("keys_call", f"the passphrase in {path} is too short", "Write six or more words into it.")
    return passphrase
