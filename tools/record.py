"""`./rekam record`: look at signed files: what they say, whether they hold, and, with an audience's key, what is in them.

FILE is a signed entry or receipt (`manifest.cose`), or a record's folder as the district keeps it: `manifest.cose` with `00.part`, `01.part`, ...
`open` writes readable biometrics: only on a machine that may hold them, into a folder of its own; of a signature also InkML, ISO/IEC 19794-7
(.sdi), SVG and PNG.
"""

import argparse
import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from edge.errors import StationError
from edge.files import write_durably
from protocols.canonical import FormatError
from protocols.certificates import CertificateError, Identity, check_certificate, read_certificate
from protocols.record import ENTRY_BYTES_MAX, LedgerEvent, Manifest, PartRef, Receipt, decode_entry, decode_receipt
from protocols.sealing import ENTRY_TYPE, RECEIPT_TYPE, AudienceKey, SealingError, audience_of, open1, parse1
from tools.record_views import views

EXAMPLE = "./rekam record verify records/poso-01/3f.../ --certificate keys/district/stations/poso-01.pem --authority keys/district/authority.pem"
MANIFEST_FILE = "manifest.cose"
Document = Manifest | LedgerEvent | Receipt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("inspect", "verify", "open"))
    parser.add_argument("file", type=Path, help=f"a signed file, or a folder with {MANIFEST_FILE}")
    parser.add_argument("--certificate", type=Path, help="verify, open: who must have signed it")
    parser.add_argument("--authority", type=Path, help="verify, open: who must have issued that certificate")
    parser.add_argument("--key", type=Path, action="append", default=[], help="open: an audience's private key; may be repeated")
    parser.add_argument("--out", type=Path, help="open: a new folder for what is readable")


def run(arguments: argparse.Namespace) -> int:
    """0 if everything that was asked holds. Raises StationError with what does not."""
    path = arguments.file / MANIFEST_FILE if arguments.file.is_dir() else arguments.file
    envelope = _read(path)
    try:
        if arguments.action == "inspect":
            print(json.dumps(describe(envelope), indent=1, ensure_ascii=False))
            return 0
        identity = _identity(arguments)
        document = verify(envelope, identity)
        held = _check_parts(path.parent, document, arguments.file.is_dir()) if isinstance(document, Manifest) else 0
        print(f"The signature of {identity.role} {identity.name} holds; {held} sealed parts beside it are whole.")
        return _open(arguments, path.parent, document) if arguments.action == "open" else 0
    except (SealingError, FormatError, CertificateError) as problem:
        raise _problem(f"{path}: {problem}", "Do not use it; fetch it again from where it came") from problem


def describe(envelope: bytes) -> dict[str, Any]:
    """What a signed file says; nothing is verified. Raises SealingError, FormatError."""
    parsed = parse1(envelope, ENTRY_BYTES_MAX)
    return {
        "content_type": parsed.content_type, "signed_by": parsed.kid.hex(), "sha256": hashlib.sha256(envelope).hexdigest(), "verified": False,
        "document": _plain(_decode(parsed.content_type, parsed.payload)),
    }


def verify(envelope: bytes, identity: Identity) -> Document:
    """The document, once `identity` is shown to have signed it and to be whom it names. Raises SealingError, FormatError."""
    content_type = RECEIPT_TYPE if identity.role == "district" else ENTRY_TYPE
    document = _decode(content_type, open1(envelope, _key_of(identity), content_type, ENTRY_BYTES_MAX))
    named = document.district if isinstance(document, Receipt) else document.header.station
    if named != identity.name:
        raise SealingError("foreign", f"signed by {identity.name} in the name of {named}")
    return document


def open_record(folder: Path, manifest: Manifest, privates: list[bytes]) -> Iterator[tuple[PartRef, bytes]]:
    """Every part that one of the keys opens, in the manifest's order. Raises SealingError."""
    by_kid = {key.kid: key for key in map(AudienceKey, privates)}
    for index, part in enumerate(manifest.parts):
        keys = manifest.keys[part.key_epoch]
        opener = next((by_kid[key.kid] for key in keys if key.audience == audience_of(part.kind) and key.kid in by_kid), None)
        if opener is not None:
            yield part, opener.open_part(
                keys, _part_file(folder, index).read_bytes(), station=manifest.header.station, record_id=manifest.record_id, kind=part.kind,
                position=part.position, epoch=part.key_epoch,
            )


def _open(arguments: argparse.Namespace, folder: Path, document: Document) -> int:
    if not isinstance(document, Manifest) or not arguments.key or arguments.out is None:
        raise _problem("open needs a record, --key and --out", f"Example: {EXAMPLE.replace('verify', 'open')} --key vault.key --out opened/")
    privates = [_private(path) for path in arguments.key]
    arguments.out.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = 0
    for part, plaintext in open_record(folder, document, privates):
        name = f"{part.kind}-{part.position:02d}.{part.media_type.partition('/')[2]}"
        write_durably(arguments.out / name, plaintext)
        for suffix, view in views(plaintext) if part.kind == "signature" else ():
            write_durably((arguments.out / name).with_suffix(f".{suffix}"), view)
        opened += 1
    print(f"{opened} of {len(document.parts)} parts opened into {arguments.out}.")
    return 0 if opened else 1


def _check_parts(folder: Path, manifest: Manifest, whole: bool) -> int:
    """How many parts lie beside the manifest; all of them if any, or if it must be `whole`. Raises SealingError for one missing or altered."""
    if not whole and not any(_part_file(folder, index).exists() for index in range(len(manifest.parts))):
        return 0
    for index, part in enumerate(manifest.parts):
        path = _part_file(folder, index)
        if not path.is_file() or path.stat().st_size != part.size or hashlib.sha256(path.read_bytes()).digest() != part.sha256:
            raise SealingError("content", f"{path.name} ({part.kind} {part.position}) is missing or altered")
    return len(manifest.parts)


def _decode(content_type: str, payload: bytes) -> Document:
    if content_type == RECEIPT_TYPE:
        return decode_receipt(payload)
    if content_type == ENTRY_TYPE:
        return decode_entry(payload)
    raise FormatError("content type", f"{content_type[:60]!r} is no entry and no receipt")


def _plain(document: Document) -> Any:
    """Names beside values, bytes as hexadecimal."""

    def show(value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            return {name: show(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, tuple):
            return [show(item) for item in value]
        return value.hex() if isinstance(value, bytes) else value

    return show(document)


def _identity(arguments: argparse.Namespace) -> Identity:
    if arguments.certificate is None:
        raise _problem("who should have signed it is not known", "Add --certificate with the station's or the district's certificate")
    pem = _read(arguments.certificate)
    claimed = read_certificate(pem)
    return check_certificate(pem, _read(arguments.authority), claimed.role) if arguments.authority else claimed


def _key_of(identity: Identity) -> Any:
    def key_of(kid: bytes) -> ec.EllipticCurvePublicKey | None:
        return identity.public_key if kid == identity.kid else None

    return key_of


def _private(path: Path) -> bytes:
    """Base64 of 96 bytes, as tools/keys.py writes it."""
    try:
        private = base64.b64decode(_read(path).strip(), validate=True)
    except ValueError as error:
        raise _problem(f"{path} is no audience key", "Name the file vault.key or intake.key") from error
    if len(private) != 96:
        raise _problem(f"{path} has {len(private)} bytes instead of 96", "Name the file vault.key or intake.key")
    return private


def _part_file(folder: Path, index: int) -> Path:
    return folder / f"{index:02d}.part"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(ENTRY_BYTES_MAX + 1)
    except OSError as error:
        raise _problem(f"{path} cannot be read ({error.strerror})", "Check the path") from error
    if len(data) > ENTRY_BYTES_MAX:
        raise _problem(f"{path} has more than the {ENTRY_BYTES_MAX} bytes of a signed entry", f"Name a {MANIFEST_FILE} or a record's folder")
    return data


def _problem(what: str, next_step: str) -> StationError:
    return StationError("record_tool", what, f"{next_step}.")
